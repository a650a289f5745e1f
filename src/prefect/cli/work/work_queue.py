"""`prefect work-queue`: manage work queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli.core.command import flag, group, output_option, positional
from prefect.cli.core.formats import as_text, format_age, state_cell
from prefect.cli.core.lookup import fail_not_found, get_client, parse_uuid, read_all_pages
from prefect.cli.core.output import confirm, fail, print_details, print_fields, print_json, print_table
from prefect.cli.core.shared_commands import add_intake_commands
from prefect.cli.work.work_pool import find_work_pool, format_slots, print_scheduled_runs, print_slots
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

if TYPE_CHECKING:
    from prefect.schemas import filters
    from prefect.schemas.work import WorkQueue
else:
    filters = lazy("prefect.schemas.filters")

command = group("work-queue", "Manage work queues.")

_name_argument = positional("name", help="Pass the name of a work queue.")
_pool_option = click.option("--pool", "-p", metavar="NAME", help="Work pool of the queue.")


def _queue_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    return _name_argument(_pool_option(function))


def _find(name: str, pool: str | None) -> WorkQueue:
    id = parse_uuid(name)
    if id is not None:
        return get_client().read_work_queue(id)
    try:
        return get_client().read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        if pool is not None:
            find_work_pool(pool)
        known = _read_all(pool)
    pools = sorted(str(queue.work_pool_name) for queue in known if queue.name == name)
    if pools:
        fail(f"The default work pool has no work queue {name!r}. Pass --pool with one of: {', '.join(pools)}.")
    return fail_not_found("work queue", name, [queue.name for queue in known])


def _read_all(pool: str | None) -> list[WorkQueue]:
    return read_all_pages(lambda limit, offset: get_client().read_work_queues(pool, limit=limit, offset=offset))


def _format_status(queue: WorkQueue) -> str | None:
    return queue.status and queue.status.value.replace("_", " ").capitalize()


@command.command("create")
@_name_argument
@click.option("--limit", "-l", type=click.IntRange(min=0), help="Maximum number of concurrent runs.")
@_pool_option
@click.option(
    "--priority", "-q", type=click.IntRange(min=1), help="Priority among the queues of the pool; 1 is the highest."
)
def create(name: str, limit: int | None, pool: str | None, priority: int | None) -> None:
    """Create a work queue."""
    try:
        queue = get_client().create_work_queue(name, concurrency_limit=limit, priority=priority, work_pool_name=pool)
    except ObjectAlreadyExists:
        fail(f"There is already a work queue {name!r} in the work pool.")
    except ObjectNotFound:
        fail(f"There is no work pool {pool!r}. `prefect work-pool ls` lists them.")
    click.echo(f"Created work queue {queue.name!r} ({queue.id}) in the work pool {queue.work_pool_name or pool!r}.")


@command.command("ls")
@flag("--verbose", "-v", help="Include status, last poll and filter.")
@click.option("--match", "-m", "prefix", metavar="PREFIX", help="Include queues whose name starts with this prefix.")
@_pool_option
@output_option
def ls(verbose: bool, prefix: str | None, pool: str | None, output: str | None) -> None:
    """List work queues. Paused ones are marked with (**)."""
    if pool is not None:
        find_work_pool(pool)
    found = get_client().match_work_queues([prefix], work_pool_name=pool) if prefix else _read_all(pool)
    if output:
        return print_json(found)
    columns = ["Name", "Pool", "ID", "Priority", "Concurrency limit"]
    if verbose:
        columns += ["Status", "Last polled", "Filter"]
    rows: list[list[Any]] = []
    for queue in sorted(found, key=lambda queue: (queue.work_pool_name or "", queue.priority)):
        row = [queue.name + (" (**)" if queue.is_paused else ""), queue.work_pool_name, queue.id]
        row += [queue.priority, queue.concurrency_limit]
        if verbose:
            row += [_format_status(queue), format_age(queue.last_polled)]
            row += [queue.filter and as_text(queue.filter)]
        rows.append(row)
    return print_table(columns, rows)


@command.command("inspect")
@_queue_arguments
@output_option
def inspect(name: str, pool: str | None, output: str | None) -> None:
    """Show a work queue."""
    queue = _find(name, pool)
    status = get_client().read_work_queue_status(queue.id)
    fields = {
        "ID": queue.id,
        "Name": queue.name,
        "Description": queue.description or None,
        "Pool": queue.work_pool_name,
        "Status": _format_status(queue),
        "Paused": "yes" if queue.is_paused else None,
        "Healthy": "yes" if status.healthy else "no",
        "Late runs": status.late_runs_count,
        "Last polled": format_age(status.last_polled) or "never",
        "Concurrency limit": queue.concurrency_limit,
        "Priority": queue.priority,
        "Created": format_age(queue.created),
        "Updated": format_age(queue.updated),
    }
    print_details({**queue.model_dump(mode="json"), "status_details": status.model_dump(mode="json")}, fields, output)


def _update(name: str, pool: str | None, **changes: Any) -> None:
    if pool is None and changes.get("is_paused"):
        confirm(f"Pause the work queue {name!r} of the default work pool?")
    get_client().update_work_queue(_find(name, pool).id, **changes)


add_intake_commands(command, "work queue", _queue_arguments, _update, limit_name="limit")


@command.command("delete")
@_queue_arguments
def delete(name: str, pool: str | None) -> None:
    """Delete a work queue."""
    queue = _find(name, pool)
    confirm(f"Delete the work queue {queue.name!r} of the work pool {queue.work_pool_name!r}?")
    get_client().delete_work_queue_by_id(queue.id)
    click.echo(f"Deleted work queue {queue.name!r}.")


# --- scheduled runs and slots ----------------------------------------------------------------------------------------


def _build_filter(name: str, pool: str | None) -> filters.WorkQueueFilter:
    return filters.WorkQueueFilter(id=filters.WorkQueueFilterId(any_=[_find(name, pool).id]))


@command.command("preview")
@_name_argument
@click.option("--hours", "-h", type=click.IntRange(min=1), help="Number of hours ahead; unlimited if not set.")
@_pool_option
@output_option
def preview(name: str, hours: int | None, pool: str | None, output: str | None) -> None:
    """List the scheduled runs of a work queue. Late ones are marked with (**)."""
    return print_scheduled_runs(None, _build_filter(name, pool), hours, output)


@command.command("read-runs")
@_queue_arguments
def read_runs(name: str, pool: str | None) -> None:
    """List the scheduled runs of a work queue with their states."""
    waiting = filters.FlowRunFilter(
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=["SCHEDULED"]))  # pyright: ignore[reportArgumentType]
    )
    in_queue = _build_filter(name, pool)
    found = read_all_pages(
        lambda limit, offset: get_client().read_flow_runs(
            work_queue_filter=in_queue, flow_run_filter=waiting, limit=limit, offset=offset
        )
    )
    print_table(
        ["ID", "Name", "State", "Due"],
        [
            [run.id, run.name, state_cell(run.state_name, run.state_type), format_age(run.next_scheduled_start_time)]
            for run in found
        ],
    )


@command.command("slots")
@_queue_arguments
@output_option
def slots(name: str, pool: str | None, output: str | None) -> None:
    """Show the flow runs that hold slots of a work queue."""
    queue = _find(name, pool)
    pages = [get_client().read_work_queue_concurrency_status(queue.id)]
    while pages[-1].page < pages[-1].pages:
        pages.append(get_client().read_work_queue_concurrency_status(queue.id, page=pages[-1].page + 1))
    if output:
        return print_json(pages[0] if len(pages) == 1 else pages)
    print_fields({"Work queue": queue.name, "Slots": format_slots(pages[0].active_slots, pages[0].concurrency_limit)})
    return print_slots([run for answer in pages for run in answer.flow_runs])
