"""Follow a flow run: print its logs and states until it has ended.

It polls the API, which works with a server, without one, and where a proxy blocks websockets.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import click

from prefect._lazy import lazy_from
from prefect.cli.core.lookup import get_client, read_all_pages
from prefect.cli.core.output import fail, is_interactive, state_cell, style
from prefect.cli.runs._runs import print_logs

if TYPE_CHECKING:
    from prefect.schemas import filters, sorting, states
    from prefect.schemas.records import Log
    from prefect.schemas.runs import FlowRun
else:
    filters, sorting, states = lazy_from("prefect.schemas", "filters", "sorting", "states")

POLL_INTERVAL_SECONDS = 1.0
"""Seconds between two polls of the run."""

INTERRUPTED_EXIT_CODE = 130

LATE_LOG_TOLERANCE = timedelta(seconds=10)
"""Maximum delay between the time of a log and its arrival at the API."""


def follow_run(run: FlowRun, *, timeout: float | None = None, interval: float | None = None) -> None:
    """Print the logs and states of a flow run until it has ended.

    Args:
        run: The flow run.
        timeout: Seconds after which to stop; never if None.
        interval: Seconds between two polls; `POLL_INTERVAL_SECONDS` if None.

    Raises:
        click.ClickException: The run did not complete, or did not end in time.
    """
    if has_ended(run):
        click.echo(f"Flow run {run.name!r} has already ended.")
        return report_outcome(run)
    try:
        return _follow_until_ended(run, timeout, interval)
    except KeyboardInterrupt:
        _offer_to_cancel(run)
        raise click.exceptions.Exit(INTERRUPTED_EXIT_CODE) from None


def _offer_to_cancel(run: FlowRun) -> None:
    """Ask a person who interrupts the command whether to cancel the run too."""
    click.echo()
    if is_interactive() and click.confirm(f"Cancel flow run {run.name!r} too?", default=False):
        get_client().set_flow_run_state(run.id, states.State(type=states.StateType.CANCELLING))
        click.echo(f"Flow run {run.name!r} is being cancelled.")
    else:
        click.echo(f"Flow run {run.name!r} continues.")


def _follow_until_ended(run: FlowRun, timeout: float | None, interval: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    logs, state_id = _LogReader(run.id), None
    while True:
        if run.state_id != state_id:
            state_id = run.state_id
            click.echo(f"Flow run {run.name!r} is {style(*_format_state(run))}")
        # Logs precede the final state, so reading them once more after it misses none.
        print_logs(logs.read_new(), None, {run.id: run.name})
        if has_ended(run):
            return report_outcome(run)
        if deadline is not None and time.monotonic() >= deadline:
            fail(f"Flow run {run.name!r} did not end within {timeout:g} seconds. Its state is {run.state_name}.")
        time.sleep(interval or POLL_INTERVAL_SECONDS)
        run = get_client().read_flow_run(run.id)


def _format_state(run: FlowRun) -> tuple[str, str | None]:
    cell = state_cell(run.state_name or "without state", run.state_type)
    return f"{cell}.", cell.colour


def has_ended(run: FlowRun) -> bool:
    """Return whether a run is in a final state."""
    return run.state_type in states.TERMINAL_STATES


def report_outcome(run: FlowRun) -> None:
    """Print the final state of a run, or fail the command if the run did not complete."""
    if run.state_type is states.StateType.COMPLETED:
        return click.echo(f"Flow run {run.name!r} ended {run.state_name}.")
    message = f": {' '.join(run.state.message.split())}" if run.state and run.state.message else "."
    fail(f"Flow run {run.name!r} ended {run.state_name}{message}")


class _LogReader:
    """Reads the logs of a flow run, each once."""

    def __init__(self, run_id: UUID) -> None:
        self._run_filter = filters.LogFilterFlowRunId(any_=[run_id])
        self._printed: set[UUID] = set()
        self._after: filters.LogFilterTimestamp | None = None

    def read_new(self) -> list[Log]:
        log_filter = filters.LogFilter(flow_run_id=self._run_filter, timestamp=self._after)
        oldest = sorting.LogSort.TIMESTAMP_ASC
        found = read_all_pages(
            lambda limit, offset: get_client().read_logs(log_filter, limit=limit, offset=offset, sort=oldest)
        )
        if found:
            self._after = filters.LogFilterTimestamp(after_=found[-1].timestamp - LATE_LOG_TOLERANCE)
        fresh = [log for log in found if log.id not in self._printed]
        self._printed.update(log.id for log in fresh)
        return fresh
