"""Releases slots whose lease has expired, because the holder died or lost the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.concurrency import leases
from prefect.server.services.runs import background_tasks

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """Return the loop of the setting `server.services.repossessor`."""
    options = settings.server.services.repossessor
    summary = "Ends expired leases, and releases their slots"
    return [Loop("Repossessor", end_expired_leases, options.loop_seconds, options.enabled, summary=summary)]


async def end_expired_leases(environment: Environment) -> None:
    """End all leases that have expired, or whose process on this host has gone; deliver claimed task runs again."""
    await drain(environment, leases.end_expired, leases.SWEEP_BATCH_SIZE)
    if await environment.database.read(leases.has_lost):
        await environment.database.write(leases.end_abandoned)
    await environment.database.write(background_tasks.deliver_again)
