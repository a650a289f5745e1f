"""Fails flow runs whose pause has timed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.runs import pauses

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """Return the loop that fails runs whose pause has timed out."""
    options = settings.server.services.pause_expirations
    summary = "Fails flow runs whose pause has timed out"
    return [Loop("FailExpiredPauses", fail_expired_pauses, options.loop_seconds, options.enabled, summary=summary)]


async def fail_expired_pauses(environment: Environment) -> None:
    """Fail all runs whose pause has timed out."""
    await drain(environment, pauses.fail_expired_pauses, pauses.SWEEP_BATCH_SIZE)
