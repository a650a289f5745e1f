"""`prefect flow-run`: list, inspect, watch, cancel, retry and execute flow runs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy_from
from prefect.cli.core.command import group, output_option, positional
from prefect.cli.core.lookup import get_client, read_all_pages, read_flow_names
from prefect.cli.core.output import confirm, fail, print_fields, print_json
from prefect.cli.runs import _bulk, _runs
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.cli.runs import _execution, _follow
    from prefect.schemas import filters, responses, runs, sorting, states
else:
    _execution, _follow = lazy_from("prefect.cli.runs", "_execution", "_follow")
    filters, responses, sorting, states = lazy_from("prefect.schemas", "filters", "responses", "sorting", "states")

command = group("flow-run", "Manage flow runs.")
command.add_command(_bulk.jobs)

_MAX_COUNTED_TASK_RUNS = 1000
"""Maximum number of task runs that `inspect` counts by state."""


@command.command("ls")
@_runs.run_list_options("--flow-name", "Include runs of this flow")
def ls(selection: _runs.Selection) -> None:
    """List flow runs, newest first."""
    found = _runs.read_runs("flow", selection, _read_flow_runs)
    _runs.print_runs(found, selection, "Flow", _read_flow_names)


def _read_flow_names(found: Sequence[runs.FlowRun]) -> list[str | None]:
    names = read_flow_names({run.flow_id for run in found})
    return [names.get(run.flow_id) for run in found]


def _read_flow_runs(selection: _runs.Selection) -> list[runs.FlowRun]:
    names, state = selection.names, _runs.build_state_filter("FlowRun", selection)
    flow_filter = filters.FlowFilter(name=filters.FlowFilterName(any_=list(names))) if names else None
    run_filter = state and filters.FlowRunFilter(state=state)
    return read_all_pages(
        lambda size, offset: get_client().read_flow_runs(
            flow_filter=flow_filter,
            flow_run_filter=run_filter,
            sort=sorting.FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=size,
            offset=offset,
        ),
        selection.limit,
    )


@_runs.inspect_command(command, "flow", lambda id_or_name: find_flow_run(id_or_name))
def _print_flow_run(run: runs.FlowRun) -> None:
    flow = get_client().read_flow(run.flow_id)
    print_fields(
        {
            "ID": run.id,
            "Name": run.name,
            "Flow": flow.name,
            "Version": run.flow_version,
            **_runs.format_state_fields(run),
            "Attempts": run.run_count if run.run_count > 1 else None,
            "Tags": ", ".join(run.tags) or None,
            "Parent": run.parent_task_run_id and f"task run {run.parent_task_run_id}",
            "Task runs": _count_task_runs(run),
            **{f"Parameter {name}": repr(value) for name, value in run.parameters.items()},
        }
    )


def find_flow_run(id_or_name: str) -> runs.FlowRun:
    """Return the flow run with this id or name."""

    def read_newest(name: str | None) -> list[runs.FlowRun]:
        named = filters.FlowRunFilter(name=filters.FlowRunFilterName(any_=[name])) if name else None
        return get_client().read_flow_runs(flow_run_filter=named, sort=sorting.FlowRunSort.ID_DESC)

    return _runs.find_run("flow run", id_or_name, get_client().read_flow_run, read_newest)


def _count_task_runs(run: runs.FlowRun) -> str | None:
    run_filter = filters.TaskRunFilter(flow_run_id=filters.TaskRunFilterFlowRunId(any_=[run.id]))
    found = read_all_pages(
        lambda limit, offset: get_client().read_task_runs(task_run_filter=run_filter, limit=limit, offset=offset),
        _MAX_COUNTED_TASK_RUNS,
    )
    names = [task.state_name or "without state" for task in found]
    counts = ", ".join(f"{len(list(same))} {name}" for name, same in itertools.groupby(sorted(names)))
    return (
        f"{counts} (of the last {_MAX_COUNTED_TASK_RUNS})" if len(names) == _MAX_COUNTED_TASK_RUNS else counts
    ) or None


@command.command("why")
@positional("id", help="Pass the id or name of a flow run.")
@output_option
def why(id: str, output: str | None) -> None:
    """Explain in one sentence why a flow run has not started."""
    run = find_flow_run(id)
    route: Any = "/flow_runs/{id}/why"  # of our servers only
    try:
        answer = get_client().request("GET", route, path_params={"id": run.id}).json()
    except ObjectNotFound:
        fail(f"The API at {get_current_settings().api.url} cannot say why flow run {run.name!r} has not started.")
    if output:
        return print_json(answer)
    return click.echo(answer["message"])


@command.command("logs")
@positional("id", help="Pass the id or name of a flow run.")
@_runs.log_options(num_logs=None)
def logs(id: str, head: bool, tail: bool, num_logs: int | None, reverse: bool, output: str | None) -> None:
    """Show the logs of a flow run and its task runs."""
    run = find_flow_run(id)
    run_filter = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[run.id]))
    found = _runs.read_logs(run_filter, head, tail, num_logs, reverse)
    _runs.print_logs(found, output, {run.id: run.name})


@command.command("delete")
@_bulk.one_or_query("delete")
def delete(id: str, yes: bool) -> None:
    """Delete a flow run, or all that match a query, with their task runs and logs."""
    run = find_flow_run(id)
    if not yes:
        confirm(f"Delete the flow run {run.name!r} ({run.id}) with its task runs and logs?")
    get_client().delete_flow_run(run.id)
    click.echo(f"Deleted flow run {run.name!r} ({run.id}).")


@command.command("watch")
@positional("id", help="Pass the id or name of a flow run.")
@click.option("--timeout", type=click.IntRange(min=1), help="Seconds after which to stop.")
def watch(id: str, timeout: int | None) -> None:
    """Print the states and logs of a flow run until it has ended. The exit code is 1 unless it completed."""
    _follow.follow_run(find_flow_run(id), timeout=timeout)


@command.command("cancel")
@_bulk.one_or_query("cancel")
def cancel(id: str, yes: bool) -> None:
    """Cancel a flow run, or all that match a query."""
    run = find_flow_run(id)
    answer = get_client().set_flow_run_state(run.id, states.State(type=states.StateType.CANCELLING))
    if answer.status is responses.SetStateStatus.ABORT:
        fail(f"Flow run {run.name!r} cannot be cancelled: {getattr(answer.details, 'reason', None)}")
    if answer.state is not None and answer.state.is_cancelled():
        return click.echo(f"Cancelled flow run {run.name!r} ({run.id}).")
    return click.echo(f"Flow run {run.name!r} ({run.id}) is being cancelled.")


@command.command("retry")
@_bulk.one_or_query("retry", "id_or_name")
@click.option("--entrypoint", "-e", metavar="FILE:FLOW", help="Entrypoint of the flow, for a run without a deployment.")
@click.option(
    "--from", "chosen", metavar="TASK_RUN", help="Id or name of a task run to repeat, with those that used its result."
)
def retry(id_or_name: str, yes: bool, entrypoint: str | None, chosen: str | None) -> None:
    """Retry a finished flow run, or all that match a query.

    A run of a deployment is executed by a worker, any other in this process. Completed task runs whose results are
    stored are not repeated, except the one that --from names and those that used its result.
    """
    run = find_flow_run(id_or_name)
    if not _follow.has_ended(run):
        fail(f"Flow run {run.name!r} is {run.state_name}. Only a finished flow run can be retried.")
    if run.deployment_id is None and entrypoint is None:
        fail(f"Flow run {run.name!r} has no deployment. Pass its flow with --entrypoint path/to/file.py:flow.")
    if chosen is not None:
        _retry_from(run, chosen)
    else:
        retried = states.AwaitingRetry(message="Retried from the command line.")
        get_client().set_flow_run_state(run.id, retried, force=True)
    if run.deployment_id is not None:
        return click.echo(f"Flow run {run.name!r} ({run.id}) is scheduled for retry on a worker.")
    return _execution.execute_flow_run(get_client().read_flow_run(run.id), entrypoint)


def _retry_from(run: runs.FlowRun, chosen: str) -> None:
    task_run = _find_task_run(run, chosen)
    route: Any = "/flow_runs/{id}/retry"  # of our servers only
    body = {"task_run_id": str(task_run.id), "force": True}
    outlook = get_client().request("POST", route, path_params={"id": run.id}, json=body).json()
    click.echo(
        f"Completed task runs that are repeated: {outlook['repeated']}; results that are kept: {outlook['kept']}."
    )


def _find_task_run(run: runs.FlowRun, id_or_name: str) -> runs.TaskRun:
    """Return the task run of a flow run with this id or name."""
    of_run = filters.TaskRunFilterFlowRunId(any_=[run.id])

    def read_newest(name: str | None) -> list[runs.TaskRun]:
        named = filters.TaskRunFilterName(any_=[name]) if name else None
        found = filters.TaskRunFilter(flow_run_id=of_run, name=named)
        return get_client().read_task_runs(task_run_filter=found, sort=sorting.TaskRunSort.ID_DESC)

    return _runs.find_run("task run", id_or_name, get_client().read_task_run, read_newest)


@command.command("execute")
@positional("id", help="Pass the id or name of a flow run.", required=False)
def execute(id: str | None) -> None:
    """Execute a flow run in this process; its id defaults to PREFECT__FLOW_RUN_ID."""
    id_or_name = id or os.environ.get("PREFECT__FLOW_RUN_ID")
    if id_or_name is None:
        fail("Pass the id of a flow run, or set PREFECT__FLOW_RUN_ID.")
    _execution.execute_flow_run(find_flow_run(id_or_name))
