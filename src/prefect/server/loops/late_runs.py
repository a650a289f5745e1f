"""Marks scheduled flow runs that have not started in time as late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.deployments import late_runs

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """Return the loop that marks late runs."""
    options = settings.server.services.late_runs
    summary = "Marks scheduled flow runs as late that should have begun"
    return [Loop("MarkLateRuns", mark_late_runs, options.loop_seconds, options.enabled, summary=summary)]


async def mark_late_runs(environment: Environment) -> None:
    """Mark all runs that are late."""
    after = environment.settings.server.services.late_runs.after_seconds
    await drain(environment, lambda tx: late_runs.mark_late_runs(tx, after), late_runs.SWEEP_BATCH_SIZE)
