"""`prefect task-run`: list and inspect task runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.cli.core.command import group, positional
from prefect.cli.core.lookup import get_client, read_all_pages, read_by_ids
from prefect.cli.core.output import print_fields
from prefect.cli.runs import _runs

if TYPE_CHECKING:
    from prefect.schemas import filters, runs, sorting
else:
    filters, sorting = lazy_from("prefect.schemas", "filters", "sorting")

command = group("task-run", "View task runs.")


@command.command("ls")
@_runs.run_list_options("--task-run-name", "Include runs with this name")
def ls(selection: _runs.Selection) -> None:
    """List task runs, newest first."""
    found = _runs.read_runs("task", selection, _read_task_runs)
    _runs.print_runs(found, selection, "Flow run", _read_flow_run_names)


def _read_task_runs(selection: _runs.Selection) -> list[runs.TaskRun]:
    criteria: dict[str, Any] = {"state": _runs.build_state_filter("TaskRun", selection)}
    if selection.names:
        criteria["name"] = filters.TaskRunFilterName(any_=list(selection.names))
    # Sorted by id: nearly the order of expected start, and needs no index on task runs.
    run_filter, newest = filters.TaskRunFilter(**criteria), sorting.TaskRunSort.ID_DESC
    return read_all_pages(
        lambda size, offset: get_client().read_task_runs(
            task_run_filter=run_filter, sort=newest, limit=size, offset=offset
        ),
        selection.limit,
    )


def _read_flow_run_names(found: Sequence[runs.TaskRun]) -> list[str | None]:
    def read(some: list[UUID], limit: int | None, offset: int) -> list[runs.FlowRun]:
        some_runs = filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=some))
        return get_client().read_flow_runs(flow_run_filter=some_runs, limit=limit, offset=offset)

    wanted = {run.flow_run_id for run in found if run.flow_run_id}
    names = {run.id: run.name for run in read_by_ids(wanted, read)}
    return [run.flow_run_id and names.get(run.flow_run_id) for run in found]


@_runs.inspect_command(command, "task", lambda id_or_name: _find_task_run(id_or_name))
def _print_task_run(run: runs.TaskRun) -> None:
    [flow_run] = _read_flow_run_names([run])
    print_fields(
        {
            "ID": run.id,
            "Name": run.name,
            "Task": run.task_key,
            "Version": run.task_version,
            "Flow run": run.flow_run_id and f"{flow_run} ({run.flow_run_id})",
            **_runs.format_state_fields(run),
            "Attempts": run.run_count if run.run_count > 1 else None,
            "Tags": ", ".join(run.tags) or None,
            "Cache key": run.cache_key,
            "Inputs": ", ".join(_describe_inputs(run)) or None,
        }
    )


def _describe_inputs(run: runs.TaskRun) -> list[str]:
    """Describe the arguments that are results of other runs."""
    return [
        f"{name} from {source.input_type.replace('_', ' ')} {source.id}"  # pyright: ignore[reportAttributeAccessIssue]
        for name, sources in run.task_inputs.items()
        for source in sources
        if source.input_type in ("task_run", "flow_run")
    ]


def _find_task_run(wanted: str) -> runs.TaskRun:
    def read_newest(name: str | None) -> list[runs.TaskRun]:
        named = filters.TaskRunFilter(name=filters.TaskRunFilterName(any_=[name])) if name else None
        return get_client().read_task_runs(task_run_filter=named, sort=sorting.TaskRunSort.ID_DESC)

    return _runs.find_run("task run", wanted, get_client().read_task_run, read_newest)


@command.command("logs")
@positional("id", help="Pass the id or name of a task run.")
@_runs.log_options(num_logs=20)
def logs(id: str, head: bool, tail: bool, num_logs: int | None, reverse: bool, output: str | None) -> None:
    """Show the logs of a task run."""
    run = _find_task_run(id)
    run_filter = filters.LogFilter(task_run_id=filters.LogFilterTaskRunId(any_=[run.id]))
    _runs.print_logs(_runs.read_logs(run_filter, head, tail, num_logs, reverse), output, {})
