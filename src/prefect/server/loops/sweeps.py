"""Sweeps: loops that find what is late, silent, expired or abandoned, and change its state or delete it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.concurrency import leases
from prefect.server.services.deployments import late_runs
from prefect.server.services.runs import background_tasks
from prefect.server.services.runs.ingestion import journal_ingestion
from prefect.server.services.runs.states import cancellation, pauses
from prefect.server.services.work import liveness

if TYPE_CHECKING:
    from prefect.settings import Settings

WAITING_RECORDS_INTERVAL_SECONDS = 30.0

WAITING_RECORDS_BATCH_SIZE = 500
"""Records that are applied in one transaction."""

_FOREMAN_SUMMARY = "Sets workers without heartbeats offline, and pools, queues and deployments without polls not ready"
_LEASES_SUMMARY = "Ends expired leases, and releases their slots"
_LATE_RUNS_SUMMARY = "Marks flow runs as late that should have begun"
_WAITING_SUMMARY = "Applies journal records that crossed with their run"
_PAUSES_SUMMARY = "Fails flow runs whose pause has timed out"
_CLEANUP_SUMMARY = "Cancels the children of cancelled flow runs, and flow runs that were cancelling for too long"


def loops(settings: Settings) -> list[Loop]:
    """Return a loop for each sweep, at the intervals of `server.services`."""
    services = settings.server.services
    foreman = services.foreman
    repossessor = services.repossessor
    late = services.late_runs
    expiry = services.pause_expirations
    cleanup = services.cancellation_cleanup
    return [
        Loop("foreman", mark_silent, foreman.loop_seconds, foreman.enabled, summary=_FOREMAN_SUMMARY),
        Loop("Repossessor", end_expired_leases, repossessor.loop_seconds, repossessor.enabled, summary=_LEASES_SUMMARY),
        Loop("MarkLateRuns", mark_late_runs, late.loop_seconds, late.enabled, summary=_LATE_RUNS_SUMMARY),
        Loop("FailExpiredPauses", fail_expired_pauses, expiry.loop_seconds, expiry.enabled, summary=_PAUSES_SUMMARY),
        Loop("CancellationCleanup", cancel_children, cleanup.loop_seconds, cleanup.enabled, summary=_CLEANUP_SUMMARY),
        Loop("WaitingRecords", apply_waiting_records, WAITING_RECORDS_INTERVAL_SECONDS, summary=_WAITING_SUMMARY),
    ]


async def mark_silent(environment: Environment) -> None:
    """Set workers without heartbeats offline, and pools, queues and deployments that no worker polls not ready."""
    foreman = environment.settings.server.services.foreman
    await environment.database.write(lambda tx: liveness.mark_silent_workers(tx, foreman))
    for sweep in (liveness.mark_silent_queues, liveness.mark_silent_deployments):
        await drain(environment, lambda tx, sweep=sweep: sweep(tx, foreman), liveness.SWEEP_BATCH_SIZE)


async def end_expired_leases(environment: Environment) -> None:
    """End all leases that have expired, or whose process on this host has gone; deliver claimed task runs again."""
    await drain(environment, leases.end_expired, leases.SWEEP_BATCH_SIZE)
    if await environment.database.read(leases.has_lost):
        await environment.database.write(leases.end_abandoned)
    await environment.database.write(background_tasks.deliver_again)


async def mark_late_runs(environment: Environment) -> None:
    """Mark all scheduled flow runs as late that have not started in time."""
    after = environment.settings.server.services.late_runs.after_seconds
    await drain(environment, lambda tx: late_runs.mark_late_runs(tx, after), late_runs.SWEEP_BATCH_SIZE)


async def fail_expired_pauses(environment: Environment) -> None:
    """Fail all runs whose pause has timed out."""
    await drain(environment, pauses.fail_expired_pauses, pauses.SWEEP_BATCH_SIZE)


async def cancel_children(environment: Environment) -> None:
    """Cancel runs that were cancelling for too long, then subflow runs and task runs of cancelled flow runs.

    The children of a subflow run that is cancelled in this round may have to wait for the next one.
    """
    timeout = timedelta(seconds=environment.settings.server.services.cancellation_cleanup.cancelling_timeout_seconds)
    batch_size = cancellation.SWEEP_BATCH_SIZE
    await drain(environment, lambda tx: cancellation.cancel_stuck_runs(tx, timeout), batch_size)
    await drain(environment, cancellation.cancel_subflows, batch_size)
    await drain(environment, cancellation.cancel_task_runs, batch_size)


async def apply_waiting_records(environment: Environment) -> None:
    """Apply all records that were received at the same moment as their run, by another transaction."""
    await drain(
        environment,
        lambda tx: journal_ingestion.apply_waiting_records(tx, WAITING_RECORDS_BATCH_SIZE),
        WAITING_RECORDS_BATCH_SIZE,
    )
