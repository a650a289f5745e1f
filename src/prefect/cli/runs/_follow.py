"""Follow a flow run: print its logs and states until it has ended.

It polls the API, which works with a server, without one, and where a proxy blocks websockets.
"""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import click

from prefect._lazy import lazy_from
from prefect.cli.core.formats import state_cell
from prefect.cli.core.lookup import get_client, read_all_pages
from prefect.cli.core.output import fail, is_interactive, style
from prefect.cli.runs._runs import ReadLogs, print_logs, read_run_logs

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
    """Ask the user who interrupted the command whether to cancel the run too."""
    click.echo()
    if is_interactive() and click.confirm(f"Cancel flow run {run.name!r} too?", default=False):
        get_client().set_flow_run_state(run.id, states.State(type=states.StateType.CANCELLING))
        click.echo(f"Flow run {run.name!r} is being cancelled.")
    else:
        click.echo(f"Flow run {run.name!r} continues.")


def _follow_until_ended(run: FlowRun, timeout: float | None, interval: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    of_run = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[run.id]))
    logs, state_id = _LogReader(of_run, read_run_logs), None
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


def follow_logs(log_filter: filters.LogFilter, logs: list[Log], read: ReadLogs, output: str | None) -> None:
    """Print logs, and then new ones as they arrive, until the command is interrupted.

    Args:
        log_filter: Which logs.
        logs: Those that have been read, oldest first.
        read: Reads more.
        output: `json` for one object a line.
    """
    reader = _LogReader(log_filter, read)
    reader.note(logs)
    # Logs of the last seconds that were not selected are read again, and not printed.
    logs = [*logs, *(log for log in reader.read_new() if not logs or log.timestamp > logs[-1].timestamp)]
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            _print_lines(logs, output)
            time.sleep(POLL_INTERVAL_SECONDS)
            logs = reader.read_new()


def _print_lines(logs: list[Log], output: str | None) -> None:
    if not output:
        return print_logs(logs, None, {})
    for log in logs:
        click.echo(log.model_dump_json())


class _LogReader:
    """Reads the logs of a filter, each once.

    Args:
        log_filter: The filter.
        read: Reads a page of them.
    """

    def __init__(self, log_filter: filters.LogFilter, read: ReadLogs) -> None:
        self._filter = log_filter
        self._read = read
        self._printed: set[UUID] = set()

    def read_new(self) -> list[Log]:
        oldest = sorting.LogSort.TIMESTAMP_ASC
        return self.note(read_all_pages(lambda limit, offset: self._read(self._filter, limit, offset, oldest)))

    def note(self, found: list[Log]) -> list[Log]:
        """Return those of these logs that are new."""
        if found:
            after = filters.LogFilterTimestamp(after_=found[-1].timestamp - LATE_LOG_TOLERANCE)
            self._filter = self._filter.model_copy(update={"timestamp": after})
        fresh = [log for log in found if log.id not in self._printed]
        self._printed.update(log.id for log in fresh)
        return fresh
