"""Shared parts of the flow run and task run commands: options, lookup by id or name, and logs.

It must not depend on any command.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from uuid import UUID

import click

from prefect import exceptions
from prefect._lazy import lazy, lazy_from
from prefect.cli.core.browser import open_page
from prefect.cli.core.command import Group, flag, multiple_option, output_option, positional
from prefect.cli.core.formats import format_age, format_duration, format_time, state_cell
from prefect.cli.core.lookup import fail_not_found, get_client, limit_option, read_all_pages, read_by_ids
from prefect.cli.core.output import fail, print_json, print_table, style
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.types import now

if TYPE_CHECKING:
    import difflib

    from prefect.schemas import filters, records, runs, sorting
else:
    filters, runs, sorting = lazy_from("prefect.schemas", "filters", "runs", "sorting")
    difflib = lazy("difflib")

T = TypeVar("T")
F = Callable[..., Any]

STATE_TYPES = (
    *("SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED"),
    *("CANCELLED", "CRASHED", "PAUSED", "CANCELLING"),
)

_STATE_NAMES = (
    *(type_.capitalize() for type_ in STATE_TYPES),
    *("Late", "Retrying", "AwaitingRetry", "AwaitingConcurrencySlot", "Resuming", "Suspended", "TimedOut", "Cached"),
    *("NotReady", "RolledBack"),
)
"""Names of states that runs have by themselves; programs may use others."""

_LEVEL_NAMES = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_LEVEL_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bright_red", "DEBUG": "bright_black"}


@dataclass(frozen=True)
class Selection:
    """The runs that a listing shows, as its options say.

    Attributes:
        names: The names of flows or task runs, by the listing's own option.
        limit: How many at most.
        states: The names of their states.
        state_types: The types of their states.
        query: A query in the language of the web page, instead of the others.
        output: The output format; a table if None.
    """

    names: tuple[str, ...]
    limit: int
    states: tuple[str, ...]
    state_types: tuple[str, ...]
    query: str | None
    output: str | None


def run_list_options(name_option: str, help: str) -> Callable[[Callable[[Selection], None]], F]:
    """Declare the options of a listing of runs, which is called with what they select.

    Args:
        name_option: The listing's own option, for names.
        help: Its help.
    """

    def decorate(function: Callable[[Selection], None]) -> F:
        @multiple_option(name_option, "names", metavar="NAME", help=help)
        @limit_option(15)
        @multiple_option("--state", "states", metavar="NAME", help="Include runs with this state name")
        @multiple_option(
            "--state-type",
            "state_types",
            help="Include runs with this state type",
            type=click.Choice(STATE_TYPES, case_sensitive=False),
        )
        @click.option(
            "--query",
            "-q",
            metavar="QUERY",
            help='Include runs that match a query, as in "state:failed tag:prod since:24h".',
        )
        @output_option
        @functools.wraps(function)
        def call(**options: Any) -> None:
            function(Selection(**options))

        return call

    return decorate


def inspect_command(group: Group, kind: str, find: Callable[[str], Any]) -> Callable[[Callable[[Any], None]], Any]:
    """Declare the command `inspect`, which prints a run, opens its page, or prints all of it as JSON.

    Args:
        group: The group of the command.
        kind: `flow` or `task`.
        find: Returns the run with an id or a name.
    """

    def decorate(print_run: Callable[[Any], None]) -> Any:
        @group.command("inspect", help=f"Show a {kind} run.")
        @positional("id", help=f"Pass the id or name of a {kind} run.")
        @flag("--web", help=f"Open the {kind} run in a browser.")
        @output_option
        def call(id: str, web: bool, output: str | None) -> None:
            run = find(id)
            if web:
                open_page(f"{kind}-run", run.id)
            elif output:
                print_json(run)
            else:
                print_run(run)

        return call

    return decorate


def read_runs(kind: str, selection: Selection, read: Callable[[Selection], list[Any]]) -> list[Any]:
    """Read the runs of a listing, those that began last first.

    Args:
        kind: `flow` or `task`.
        selection: Which runs.
        read: Reads them if they are not those of a query.
    """
    if selection.query is None:
        return read(selection)
    if selection.names or selection.states or selection.state_types:
        fail('--query replaces the other filters: put them into it, as in --query "state:failed flow:nightly".')
    model = runs.FlowRun if kind == "flow" else runs.TaskRun
    path: Any = f"/{kind}_runs/search"  # of our servers only

    def read_page(size: int | None, offset: int) -> list[Any]:
        sent = {"q": selection.query, "offset": offset} | ({} if size is None else {"limit": size})
        answer = get_client().request("GET", path, params=sent)
        return [model.model_validate(each) for each in answer.json()]

    try:
        return read_all_pages(read_page, selection.limit)
    except ObjectNotFound:
        fail(f"The API at {get_current_settings().api.url} has no queries: use --state and --{kind}-name instead.")


def print_runs(
    found: Sequence[Any], selection: Selection, parent: str, read_parents: Callable[[Sequence[Any]], Sequence[Any]]
) -> None:
    """Print a listing of flow runs or task runs.

    Args:
        found: The runs.
        selection: Which runs they are; the name of a state may be misspelt if no run was found.
        parent: The title of the column of their flows or flow runs.
        read_parents: Reads the names in that column; called with the runs.
    """
    if not found:
        check_state_names(selection.states)
    if selection.output:
        return print_json(found)
    return print_table(
        ["ID", parent, "Name", "State", "Started", "Duration"],
        [
            [run.id, name, run.name, state_cell(run.state_name, run.state_type), *_format_start_and_duration(run)]
            for run, name in zip(found, read_parents(found), strict=True)
        ],
    )


def _format_start_and_duration(run: Any) -> tuple[str, str]:
    # The age of its start, or when it is to start, and its duration; a run that never began has neither.
    if _has_begun(run):
        return format_age(run.start_time), format_duration(run.estimated_run_time)
    due = run.next_scheduled_start_time
    return format_age(due) if due and due > now() else "", ""


def _has_begun(run: Any) -> bool:
    # A run that ends without having begun gets the time of its end as its start.
    return run.start_time is not None and (run.run_count > 0 or run.start_time != run.end_time)


def format_state_fields(run: Any) -> dict[str, Any]:
    """Return a run's state and times as fields for `print_fields`."""
    has_begun = _has_begun(run)
    return {
        "State": state_cell(run.state_name, run.state_type),
        "Message": run.state and run.state.message,
        "Due": format_time(run.next_scheduled_start_time) if run.next_scheduled_start_time else None,
        "Started": format_time(run.start_time) if has_begun else None,
        "Ended": run.end_time and format_time(run.end_time),
        "Duration": format_duration(run.estimated_run_time) if has_begun else None,
    }


def build_state_filter(kind: str, selection: Selection) -> Any:
    """Build a filter on the states of runs, or None; `kind` is `"FlowRun"` or `"TaskRun"`."""
    states, state_types = selection.states, selection.state_types
    if not states and not state_types:
        return None
    return getattr(filters, f"{kind}FilterState")(
        # State names are case-sensitive in the API.
        name=getattr(filters, f"{kind}FilterStateName")(any_=_spelling_variants(states)) if states else None,
        type=getattr(filters, f"{kind}FilterStateType")(any_=list(state_types)) if state_types else None,
    )


def _spelling_variants(states: Sequence[str]) -> list[str]:
    return sorted({spelling for state in states for spelling in (state, state.capitalize())})


def check_state_names(states: Sequence[str]) -> None:
    """Fail if a state that no run has is nearly one of the usual names, or one that runs have had."""
    if not states:
        return
    known = {*_STATE_NAMES, *_read_observed_names()}
    for state in states:
        near = difflib.get_close_matches(state.capitalize(), known, n=1, cutoff=0.75)
        if near and not known & {state, state.capitalize()}:
            fail(f"No run has the state {state!r}. Did you mean {near[0]!r}?")


def _read_observed_names() -> set[str]:
    try:
        answer = get_client().request("GET", "/observed-states").json()
    except (ObjectNotFound, exceptions.PrefectHTTPStatusError):  # a server that has no such operation
        return set()
    return {one["state_name"] for one in answer}


def find_run(kind: str, id_or_name: str, read: Callable[[UUID], T], read_newest: Callable[[str | None], list[T]]) -> T:
    """Return the run with this id, or the only run with this name.

    Args:
        kind: `flow run` or `task run`, for errors.
        id_or_name: Id or name of the run.
        read: Reads a run by id.
        read_newest: Reads the most recent runs, those with a name if it is not None.
    """
    try:
        id_ = UUID(id_or_name)
    except ValueError:
        return _find_run_by_name(kind, id_or_name, read_newest)
    try:
        return read(id_)
    except ObjectNotFound:
        # Ids of one second share a prefix, so only a difference of one or two characters is a typo.
        fail_not_found(kind, id_or_name, [str(run.id) for run in read_newest(None)], cutoff=0.94)  # pyright: ignore[reportAttributeAccessIssue]


def _find_run_by_name(kind: str, name: str, read_newest: Callable[[str | None], Sequence[Any]]) -> Any:
    matches = read_newest(name)
    if len(matches) == 1:
        return matches[0]
    if matches:
        fail(f"{len(matches)} {kind}s are named {name!r}: pass an id, for example {str(matches[0].id)!r}.")
    fail_not_found(kind, name, [text for run in read_newest(None) for text in (run.name, str(run.id))])


# --- logs ------------------------------------------------------------------------------------------------------------


def log_options(num_logs: int | None) -> Callable[[F], F]:
    """Declare the options of a command that prints logs, with a default number of logs."""
    limit_help = "Number of logs: all, or 20 with --head or --tail." if num_logs is None else "Number of logs."

    def decorate(function: F) -> F:
        function = output_option(function)
        function = flag("--reverse", "-r", help="Print the newest logs first.")(function)
        function = click.option(
            *("--num-logs", "-n"), type=click.IntRange(min=1), default=num_logs, show_default=True, help=limit_help
        )(function)
        function = flag("--tail", "-t", help="Print the last logs.")(function)
        return flag("--head", "-h", help="Print the first logs.")(function)

    return decorate


ReadLogs: TypeAlias = Callable[[Any, "int | None", int, Any], "list[records.Log]"]
"""Reads a page of logs: from a filter, a limit, an offset and an order."""


def read_run_logs(log_filter: Any, limit: int | None, offset: int, sort: Any) -> list[records.Log]:
    """Read a page of the logs of runs."""
    return get_client().read_logs(log_filter, limit=limit, offset=offset, sort=sort)


def read_logs(
    log_filter: Any,
    head: bool,
    tail: bool,
    num_logs: int | None,
    reverse: bool,
    read: ReadLogs = read_run_logs,
) -> list[records.Log]:
    """Read the logs that the options select, in the requested order."""
    if head and tail:
        fail("Use either --head or --tail.")
    count = num_logs or (20 if head or tail else None)
    order = sorting.LogSort.TIMESTAMP_DESC if tail or (reverse and not head) else sorting.LogSort.TIMESTAMP_ASC
    found = read_all_pages(lambda limit, offset: read(log_filter, limit, offset, order), count)
    newest_first = order is sorting.LogSort.TIMESTAMP_DESC
    return found if newest_first == reverse else found[::-1]


def print_logs(logs: Sequence[records.Log], output: str | None, flow_run_names: dict[UUID, str]) -> None:
    """Print logs with time, level and run, one per line, or as JSON."""
    if output:
        return print_json(logs)
    task_run_names = _read_task_run_names({log.task_run_id for log in logs if log.task_run_id})
    for log in logs:
        run = log.name
        if log.task_run_id is not None and log.task_run_id in task_run_names:
            run = f"Task run {task_run_names[log.task_run_id]!r}"
        elif log.flow_run_id is not None and log.flow_run_id in flow_run_names:
            run = f"Flow run {flow_run_names[log.flow_run_id]!r}"
        level = _LEVEL_NAMES.get(log.level, str(log.level))
        at = log.timestamp.astimezone()
        line = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} | {level:<7} | {run} - {log.message}"
        click.echo(style(line, _LEVEL_COLOURS.get(level)))


def _read_task_run_names(ids: set[UUID]) -> dict[UUID, str]:
    def read(some: list[UUID], limit: int | None, offset: int) -> list[runs.TaskRun]:
        some_runs = filters.TaskRunFilter(id=filters.TaskRunFilterId(any_=some))
        return get_client().read_task_runs(task_run_filter=some_runs, limit=limit, offset=offset)

    return {run.id: run.name for run in read_by_ids(ids, read)}
