"""What belongs to cancelled flow runs is cancelled, too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.runs import cancellation

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """The loop that cleans up after cancelled runs."""
    told = settings.server.services.cancellation_cleanup
    summary = (
        "Cancels the task runs and subflows of cancelled flow runs, and flow runs that were cancelling for too long"
    )
    return [Loop("CancellationCleanup", cancel_children, told.loop_seconds, told.enabled, summary=summary)]


async def cancel_children(environment: Environment) -> None:
    """Cancel all that is left of cancelled runs; a subflow's own children come with the next round at the latest."""
    after = timedelta(seconds=environment.settings.server.services.cancellation_cleanup.cancelling_timeout_seconds)
    write = environment.database.write
    while await write(lambda tx: cancellation.cancel_stuck_runs(tx, after)) >= cancellation.SWEEP_BATCH_SIZE:
        pass
    while await write(cancellation.cancel_subflows) >= cancellation.SWEEP_BATCH_SIZE:
        pass
    while await write(cancellation.cancel_task_runs) >= cancellation.SWEEP_BATCH_SIZE:
        pass
