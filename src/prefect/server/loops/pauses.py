"""Flow runs fail whose pause ran out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.runs import pauses

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """The loop that looks for pauses that ran out."""
    told = settings.server.services.pause_expirations
    summary = "Has flow runs fail whose pause ran out"
    return [Loop("FailExpiredPauses", fail_expired_pauses, told.loop_seconds, told.enabled, summary=summary)]


async def fail_expired_pauses(environment: Environment) -> None:
    """Have all runs fail whose pause ran out."""
    while await environment.database.write(pauses.fail_expired_pauses) >= pauses.SWEEP_BATCH_SIZE:
        pass
