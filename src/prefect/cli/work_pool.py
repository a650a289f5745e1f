"""`prefect work-pool`: places where deployed flow runs wait for workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli._command import flag, group, output_option, positional
from prefect.cli._lookup import find_by_name, get_client, read_all_pages
from prefect.cli._output import (
    as_json,
    as_text,
    confirm,
    fail,
    format_age,
    format_duration,
    print_fields,
    print_json,
    print_table,
    state_cell,
)
from prefect.exceptions import ObjectAlreadyExists
from prefect.types import now

if TYPE_CHECKING:
    import orjson

    from prefect.schemas import actions, filters, sorting, states
    from prefect.schemas.responses import FlowRunSlotSummary, WorkPoolConcurrencyStatus
    from prefect.schemas.work import WorkPool
    from prefect.settings import profiles
else:
    actions = lazy("prefect.schemas.actions")
    filters = lazy("prefect.schemas.filters")
    sorting = lazy("prefect.schemas.sorting")
    states = lazy("prefect.schemas.states")
    orjson = lazy("orjson")
    profiles = lazy("prefect.settings.profiles")

command = group("work-pool", "Look at work pools, and change them.")
command.planned = frozenset({"provision-infra", "provision-infrastructure", "storage"})

_name_argument = positional("name", help="Give the name of a work pool.")


def find_work_pool(name: str) -> WorkPool:
    """The work pool of this name."""
    return find_by_name("work pool", name, get_client().read_work_pool, lambda: [pool.name for pool in _read_all()])


def _read_all() -> list[WorkPool]:
    return read_all_pages(lambda limit, offset: get_client().read_work_pools(limit, offset))


@command.command("ls")
@flag("--verbose", "-v", help="With the base job templates.")
@output_option
def ls(verbose: bool, output: str | None) -> None:
    """List work pools; (**) marks those that are paused."""
    found = _read_all()
    if output:
        return print_json(found)
    columns = ["Name", "Type", "ID", "Concurrency limit", *(["Base job template"] if verbose else [])]
    rows = [
        [
            *(pool.name + (" (**)" if pool.is_paused else ""), pool.type, pool.id, pool.concurrency_limit),
            *([as_text(pool.base_job_template)] if verbose else []),
        ]
        for pool in found
    ]
    print_table(columns, rows)


@command.command("inspect")
@_name_argument
@output_option
def inspect(name: str, output: str | None) -> None:
    """Show a work pool."""
    pool = find_work_pool(name)
    if output:
        return print_json(pool)
    print_fields(
        {
            "ID": pool.id,
            "Name": pool.name,
            "Type": pool.type,
            "Description": pool.description,
            "Status": pool.status and pool.status.display_name,
            "Paused": "yes" if pool.is_paused else None,
            "Concurrency limit": pool.concurrency_limit,
            "Created": format_age(pool.created),
            "Updated": format_age(pool.updated),
            "Base job template": as_text(pool.base_job_template) if pool.base_job_template else None,
        }
    )


@command.command("create")
@_name_argument
@click.option("--base-job-template", metavar="FILE", help="A JSON file with the base job template.")
@flag("--paused", help="Give out no runs for now.")
@click.option("--type", "-t", "type_", metavar="TYPE", help="The type of its workers; `process` if not given.")
@flag("--set-as-default", help="Make it the default work pool of the active profile.")
@flag(
    "--provision-infrastructure", "--provision-infra", "provision", help="Make the infrastructure it needs, in a cloud."
)
@flag("--overwrite", help="Change the work pool when there is one of this name.")
def create(
    name: str,
    base_job_template: str | None,
    paused: bool,
    type_: str | None,
    set_as_default: bool,
    provision: bool,
    overwrite: bool,
) -> None:
    """Create a work pool."""
    if provision:
        raise NotImplementedError("--provision-infrastructure is not there yet; a later release brings it.")
    if name.lower().startswith("prefect"):
        fail("Names of work pools that begin with 'prefect' are kept for the server.")
    type_ = type_ or "process"
    template = _read_template(base_job_template) if base_job_template else read_default_template(type_)
    new = actions.WorkPoolCreate(name=name, type=type_, base_job_template=template or {}, is_paused=paused)
    try:
        pool = get_client().create_work_pool(new, overwrite=overwrite)
    except ObjectAlreadyExists:
        fail(f"There is already a work pool {name!r}; --overwrite changes it.")
    click.echo(f"Created work pool {name!r} ({pool.id}) of type {pool.type!r}.")
    if set_as_default:
        _set_as_default(name)
    click.echo(f"Its runs are run by a worker: prefect worker start --pool {name!r}")


def _read_template(file: str) -> dict[str, Any]:
    try:
        return orjson.loads(Path(file).read_bytes())
    except ValueError as error:
        fail(f"The base job template in {file!r} is no JSON ({error}).")


def read_default_template(type_: str) -> dict[str, Any] | None:
    """The base job template of a type of workers; None when the type has none that is known."""
    known = {
        kind: worker.get("default_base_job_configuration")
        for workers in get_client().read_worker_metadata().values()
        for kind, worker in workers.items()
    }
    if type_ not in known:
        fail(f"There is no type of workers {type_!r}. These are known: {', '.join(sorted(known))}.")
    return known[type_]


def _set_as_default(name: str) -> None:
    all_profiles = profiles.load_profiles()
    profile = all_profiles.active_profile
    if profile is None:
        fail("There is no active profile to keep the default work pool in; `prefect profile use` chooses one.")
    profiles.update_current_profile({"PREFECT_DEFAULT_WORK_POOL_NAME": name})
    click.echo(f"{name!r} is the default work pool of the profile {profile.name!r}.")


@command.command("update")
@_name_argument
@click.option("--base-job-template", metavar="FILE", help="A JSON file with the base job template.")
@click.option("--concurrency-limit", type=click.IntRange(min=0), help="How many runs at the same time at most.")
@click.option("--description", help="What it is for.")
def update(name: str, base_job_template: str | None, concurrency_limit: int | None, description: str | None) -> None:
    """Change a work pool."""
    changes = {
        "base_job_template": _read_template(base_job_template) if base_job_template else None,
        "concurrency_limit": concurrency_limit,
        "description": description,
    }
    values = {key: value for key, value in changes.items() if value is not None}
    if not values:
        fail("Give what is to change: --base-job-template, --concurrency-limit or --description.")
    _update(name, **values)
    click.echo(f"Updated work pool {name!r}.")


def _update(name: str, **values: Any) -> None:
    find_work_pool(name)
    get_client().update_work_pool(name, actions.WorkPoolUpdate(**values))


@command.command("pause")
@_name_argument
def pause(name: str) -> None:
    """Let a work pool give out no runs."""
    _update(name, is_paused=True)
    click.echo(f"Paused work pool {name!r}.")


@command.command("resume")
@_name_argument
def resume(name: str) -> None:
    """Let a work pool give out runs again."""
    _update(name, is_paused=False)
    click.echo(f"Resumed work pool {name!r}.")


@command.command("set-concurrency-limit")
@_name_argument
@positional("concurrency_limit", help="Give how many runs run at the same time at most.", type=click.IntRange(min=0))
def set_concurrency_limit(name: str, concurrency_limit: int) -> None:
    """Limit how many runs of a work pool run at the same time."""
    _update(name, concurrency_limit=concurrency_limit)
    click.echo(f"At most {concurrency_limit} runs of the work pool {name!r} run at the same time.")


@command.command("clear-concurrency-limit")
@_name_argument
def clear_concurrency_limit(name: str) -> None:
    """Let any number of runs of a work pool run at the same time."""
    _update(name, concurrency_limit=None)
    click.echo(f"Any number of runs of the work pool {name!r} run at the same time.")


@command.command("delete")
@_name_argument
def delete(name: str) -> None:
    """Delete a work pool with its queues."""
    find_work_pool(name)
    confirm(f"Delete the work pool {name!r} with its queues?")
    get_client().delete_work_pool(name)
    click.echo(f"Deleted work pool {name!r}.")


@command.command("get-default-base-job-template")
@click.option("--type", "-t", "type_", metavar="TYPE", help="The type of workers; `process` if not given.")
@click.option("--file", "-f", metavar="FILE", help="Write it to this file.")
def get_default_base_job_template(type_: str | None, file: str | None) -> None:
    """Print the base job template of a type of workers."""
    text = as_json(read_default_template(type_ or "process"))
    if file is None:
        return click.echo(text)
    Path(file).write_text(text + "\n")
    return click.echo(f"Wrote the base job template to {file}.")


# --- what waits, and what runs ---------------------------------------------------------------------------------------


@command.command("preview")
@positional("name", help="Give the name of a work pool.", required=False)
@click.option("--hours", "-h", type=click.IntRange(min=1), help="How many hours ahead; however far if not given.")
@output_option
def preview(name: str | None, hours: int | None, output: str | None) -> None:
    """List the runs that a work pool is to give out; (**) marks those that are late."""
    if name:
        find_work_pool(name)
    print_scheduled_runs(
        filters.WorkPoolFilter(name=filters.WorkPoolFilterName(any_=[name])) if name else None, None, hours, output
    )


def print_scheduled_runs(
    pool: filters.WorkPoolFilter | None, queue: filters.WorkQueueFilter | None, hours: int | None, output: str | None
) -> None:
    """Print the runs that are scheduled in pools or a queue, by the time they are due.

    They are read as runs, rather than asked for as a worker does: who looks is not counted as a worker.
    """
    scheduled = get_client().read_flow_runs(
        flow_run_filter=filters.FlowRunFilter(
            state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=[states.StateType.SCHEDULED])),
            next_scheduled_start_time=filters.FlowRunFilterNextScheduledStartTime(
                before_=now() + timedelta(hours=hours) if hours else None
            ),
        ),
        work_pool_filter=pool,
        work_queue_filter=queue,
        sort=sorting.FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
    )
    found = [run for run in scheduled if run.work_queue_id]
    if output:
        return print_json(found)
    at = now()
    rows: list[list[Any]] = []
    for run in found:
        due = run.next_scheduled_start_time
        rows.append([f"{due}{' (**)' if due and due < at else ''}", run.id, run.name, run.deployment_id])
    return print_table(["Scheduled start time", "Run ID", "Name", "Deployment ID"], rows)


@command.command("slots")
@_name_argument
@output_option
def slots(name: str, output: str | None) -> None:
    """Show which runs hold the slots of a work pool and of its queues."""
    find_work_pool(name)
    pages = _read_status_pages(name)
    if output:
        return print_json(pages[0] if len(pages) == 1 else pages)
    first = pages[0]
    queues = [queue for answer in pages for queue in answer.queues]
    print_fields(
        {
            "Work pool": name,
            "Slots": format_slots(first.active_slots, first.concurrency_limit),
            **{f"Queue {one.queue_name}": format_slots(one.active_slots, one.concurrency_limit) for one in queues},
        }
    )
    print_slots([run for queue in queues for run in queue.flow_runs])
    return None


def _read_status_pages(name: str) -> list[WorkPoolConcurrencyStatus]:
    pages = [get_client().read_work_pool_concurrency_status(name)]
    while pages[-1].page < pages[-1].pages:
        pages.append(get_client().read_work_pool_concurrency_status(name, page=pages[-1].page + 1))
    return pages


def format_slots(slots: int, limit: int | None) -> str:
    """How many slots are taken, of how many."""
    return f"{slots} of {limit}" if limit is not None else f"{slots}, without a limit"


def print_slots(runs: Sequence[FlowRunSlotSummary]) -> None:
    """Print the runs that hold slots."""
    if runs:
        print_table(
            ["Run ID", "Name", "State", "In it for"],
            [
                [
                    run.id,
                    run.name,
                    state_cell(run.state_name, run.state_type),
                    format_duration(run.time_in_current_state),
                ]
                for run in runs
            ],
        )
