"""Cancels what belongs to cancelled flow runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.runs import cancellation

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """Return the loop that cancels the children of cancelled runs."""
    cleanup = settings.server.services.cancellation_cleanup
    summary = (
        "Cancels the task runs and subflows of cancelled flow runs, and flow runs that were cancelling for too long"
    )
    return [Loop("CancellationCleanup", cancel_children, cleanup.loop_seconds, cleanup.enabled, summary=summary)]


async def cancel_children(environment: Environment) -> None:
    """Cancel runs that were cancelling for too long, then subflow runs and task runs of cancelled flow runs.

    The children of a subflow run that is cancelled in this round may have to wait for the next one.
    """
    timeout = timedelta(seconds=environment.settings.server.services.cancellation_cleanup.cancelling_timeout_seconds)
    batch_size = cancellation.SWEEP_BATCH_SIZE
    await drain(environment, lambda tx: cancellation.cancel_stuck_runs(tx, timeout), batch_size)
    await drain(environment, cancellation.cancel_subflows, batch_size)
    await drain(environment, cancellation.cancel_task_runs, batch_size)
