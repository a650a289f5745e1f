"""Slots whose lease ran out come back: their holder died, or lost the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.concurrency import leases

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """The loop that ends leases."""
    told = settings.server.services.repossessor
    summary = "Ends leases that ran out, and gives their slots back"
    return [Loop("Repossessor", end_expired_leases, told.loop_seconds, told.enabled, summary=summary)]


async def end_expired_leases(environment: Environment) -> None:
    """End all leases that have run out."""
    while await environment.database.write(leases.end_expired) >= leases.SWEEP_BATCH_SIZE:
        pass
