"""`prefect work-pool`: manage work pools."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core.command import flag, group, output_option, positional
from prefect.cli.core.formats import as_json, as_text, format_age, format_duration, state_cell
from prefect.cli.core.lookup import find_by_name, get_client, read_all_pages
from prefect.cli.core.output import delete_confirmed, fail, print_fields, print_json, print_table
from prefect.cli.core.shared_commands import add_inspect_command, add_intake_commands
from prefect.cli.work import work_pool_storage
from prefect.exceptions import ObjectAlreadyExists
from prefect.types import now

if TYPE_CHECKING:
    import orjson

    from prefect.schemas import actions, filters, sorting, states
    from prefect.schemas.responses import FlowRunSlotSummary, WorkPoolConcurrencyStatus
    from prefect.schemas.work import WorkPool
    from prefect.settings import profiles
    from prefect.workers import registry
else:
    actions, filters, sorting, states = lazy_from("prefect.schemas", "actions", "filters", "sorting", "states")
    orjson = lazy("orjson")
    profiles, registry = lazy_from("prefect", "settings.profiles", "workers.registry")

command = group("work-pool", "Manage work pools.")
command.planned = frozenset({"provision-infra", "provision-infrastructure"})
command.add_command(work_pool_storage.storage)

_name_argument = positional("name", help="Pass the name of a work pool.")


def find_work_pool(name: str) -> WorkPool:
    """Return the work pool with this name."""
    return find_by_name("work pool", name, get_client().read_work_pool, lambda: [pool.name for pool in _read_all()])


def _read_all() -> list[WorkPool]:
    return read_all_pages(lambda limit, offset: get_client().read_work_pools(limit, offset))


@command.command("ls")
@flag("--verbose", "-v", help="Include the base job templates.")
@output_option
def ls(verbose: bool, output: str | None) -> None:
    """List work pools. Paused ones are marked with (**)."""
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


def _describe(pool: WorkPool) -> dict[str, Any]:
    return {
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


add_inspect_command(command, _name_argument, find_work_pool, _describe, help="Show a work pool.")


@command.command("create")
@_name_argument
@click.option("--base-job-template", metavar="FILE", help="JSON file with the base job template.")
@flag("--paused", help="Create the work pool paused.")
@click.option("--type", "-t", "type_", metavar="TYPE", help="Worker type; defaults to `process`.")
@flag("--set-as-default", help="Set it as the default work pool of the active profile.")
@flag(
    "--provision-infrastructure",
    "--provision-infra",
    "provision",
    help="Provision cloud infrastructure; not implemented yet.",
)
@flag("--overwrite", help="Update an existing work pool.")
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
        raise NotImplementedError("--provision-infrastructure is not implemented yet.")
    if name.lower().startswith("prefect"):
        fail("Work pool names that begin with 'prefect' are reserved for the server.")
    type_ = type_ or "process"
    template = _read_template(base_job_template) if base_job_template else read_default_template(type_)
    new = actions.WorkPoolCreate(name=name, type=type_, base_job_template=template or {}, is_paused=paused)
    try:
        pool = get_client().create_work_pool(new, overwrite=overwrite)
    except ObjectAlreadyExists:
        fail(f"There is already a work pool {name!r}; pass --overwrite to update it.")
    click.echo(f"Created work pool {name!r} ({pool.id}) of type {pool.type!r}.")
    if set_as_default:
        _set_as_default(name)
    click.echo(f"Start a worker with: prefect worker start --pool {name!r}")


def _read_template(file: str) -> dict[str, Any]:
    try:
        return orjson.loads(Path(file).read_bytes())
    except OSError as error:
        fail(f"The base job template {file!r} cannot be read: {error.strerror}.")
    except ValueError as error:
        fail(f"The base job template in {file!r} is not valid JSON: {error}.")


def read_default_template(type_: str) -> dict[str, Any] | None:
    """Return the default base job template of a worker type; None if it has none.

    That of an installed package counts more than the server's, except for the types that come with the server.
    """
    metadata = get_client().read_worker_metadata()
    known = {
        kind: worker.get("default_base_job_configuration")
        for workers in metadata.values()
        for kind, worker in workers.items()
    }
    if type_ not in metadata.get("prefect", {}) and (installed := registry.find(type_)) is not None:
        return installed.get_default_base_job_template()
    if type_ not in known:
        fail(f"There is no worker type {type_!r}. Use one of {', '.join(sorted(known))}.")
    return known[type_]


def _set_as_default(name: str) -> None:
    all_profiles = profiles.load_profiles()
    profile = all_profiles.active_profile
    if profile is None:
        fail("There is no active profile to store the default work pool in. Activate one with `prefect profile use`.")
    profiles.update_current_profile({"PREFECT_DEFAULT_WORK_POOL_NAME": name})
    click.echo(f"Set {name!r} as the default work pool of the profile {profile.name!r}.")


@command.command("update")
@_name_argument
@click.option("--base-job-template", metavar="FILE", help="JSON file with the base job template.")
@click.option("--concurrency-limit", type=click.IntRange(min=0), help="Maximum number of concurrent runs.")
@click.option("--description", help="Description of the work pool.")
def update(name: str, base_job_template: str | None, concurrency_limit: int | None, description: str | None) -> None:
    """Update a work pool."""
    changes = {
        "base_job_template": _read_template(base_job_template) if base_job_template else None,
        "concurrency_limit": concurrency_limit,
        "description": description,
    }
    values = {key: value for key, value in changes.items() if value is not None}
    if not values:
        fail("Pass at least one of --base-job-template, --concurrency-limit and --description.")
    _update(name, **values)
    click.echo(f"Updated work pool {name!r}.")


def _update(name: str, **values: Any) -> None:
    find_work_pool(name)
    get_client().update_work_pool(name, actions.WorkPoolUpdate(**values))


add_intake_commands(command, "work pool", _name_argument, _update)


@command.command("delete")
@_name_argument
def delete(name: str) -> None:
    """Delete a work pool and its work queues."""
    find_work_pool(name)
    delete_confirmed(f"work pool {name!r}", lambda: get_client().delete_work_pool(name), " and its work queues")


@command.command("get-default-base-job-template")
@click.option("--type", "-t", "type_", metavar="TYPE", help="Worker type; defaults to `process`.")
@click.option("--file", "-f", metavar="FILE", help="Write the template to this file.")
def get_default_base_job_template(type_: str | None, file: str | None) -> None:
    """Print the default base job template of a worker type."""
    text = as_json(read_default_template(type_ or "process"))
    if file is None:
        return click.echo(text)
    Path(file).write_text(text + "\n")
    return click.echo(f"Wrote the base job template to {file}.")


# --- scheduled runs and slots ----------------------------------------------------------------------------------------


@command.command("preview")
@positional("name", help="Pass the name of a work pool.", required=False)
@click.option("--hours", "-h", type=click.IntRange(min=1), help="Number of hours ahead; unlimited if not set.")
@output_option
def preview(name: str | None, hours: int | None, output: str | None) -> None:
    """List the scheduled runs of a work pool. Late ones are marked with (**)."""
    if name:
        find_work_pool(name)
    print_scheduled_runs(
        filters.WorkPoolFilter(name=filters.WorkPoolFilterName(any_=[name])) if name else None, None, hours, output
    )


def print_scheduled_runs(
    pool: filters.WorkPoolFilter | None, queue: filters.WorkQueueFilter | None, hours: int | None, output: str | None
) -> None:
    """Print the scheduled runs of work pools or a work queue, by start time.

    It lists flow runs instead of polling the work pool, because a poll counts as a worker's.
    """
    run_filter = filters.FlowRunFilter(
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=[states.StateType.SCHEDULED])),
        next_scheduled_start_time=filters.FlowRunFilterNextScheduledStartTime(
            before_=now() + timedelta(hours=hours) if hours else None
        ),
    )
    scheduled = read_all_pages(
        lambda limit, offset: get_client().read_flow_runs(
            flow_run_filter=run_filter,
            work_pool_filter=pool,
            work_queue_filter=queue,
            sort=sorting.FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
            limit=limit,
            offset=offset,
        )
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
    """Show the flow runs that hold slots of a work pool and its work queues."""
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
    """Format the number of used slots and the limit."""
    return f"{slots} of {limit}" if limit is not None else f"{slots}, without a limit"


def print_slots(runs: Sequence[FlowRunSlotSummary]) -> None:
    """Print the flow runs that hold slots."""
    if runs:
        print_table(
            ["Run ID", "Name", "State", "Time in state"],
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
