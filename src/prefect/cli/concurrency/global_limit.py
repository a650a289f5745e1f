"""`prefect global-concurrency-limit`: named concurrency limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli.core.command import Listing, flag, group, output_option, positional, prints_list
from prefect.cli.core.formats import as_json, format_age
from prefect.cli.core.lookup import find_by_name, get_client, read_all_pages
from prefect.cli.core.output import delete_confirmed, fail, print_fields, print_json
from prefect.exceptions import ObjectAlreadyExists

if TYPE_CHECKING:
    from prefect.schemas import actions
    from prefect.schemas.responses import GlobalConcurrencyLimitResponse
else:
    actions = lazy("prefect.schemas.actions")

command = group("global-concurrency-limit", "Manage named concurrency limits.")

_name_argument = positional("name", help="Pass the name of a global concurrency limit.")
_active_slots_option = click.option("--active-slots", type=click.IntRange(min=0), help="Number of slots in use.")
_slot_decay_option = click.option(
    "--slot-decay-per-second",
    type=click.FloatRange(min=0),
    help="Number of slots released per second, for a rate limit.",
)


def _find(name: str) -> GlobalConcurrencyLimitResponse:
    read = get_client().read_global_concurrency_limit_by_name
    return find_by_name("global concurrency limit", name, read, lambda: [one.name for one in _read_all()])


def _read_all() -> list[GlobalConcurrencyLimitResponse]:
    return read_all_pages(lambda limit, offset: get_client().read_global_concurrency_limits(limit, offset))


@command.command("ls")
@prints_list("ID", "Name", "Active", "Limit", "Active slots", "Slot decay per second", "Created", "Updated")
def ls() -> Listing:
    """List global concurrency limits."""
    found = _read_all()
    return found, [
        [
            *(one.id, one.name, one.active, one.limit, one.active_slots, one.slot_decay_per_second),
            *(format_age(one.created), format_age(one.updated)),
        ]
        for one in found
    ]


@command.command("inspect")
@_name_argument
@output_option
@click.option(
    "--file", "-f", "file_path", type=click.Path(path_type=Path), help="Write the limit to this file as JSON."
)
def inspect(name: str, output: str | None, file_path: Path | None) -> None:
    """Show a global concurrency limit."""
    found = _find(name)
    if file_path is not None:
        file_path.write_text(as_json(found) + "\n")
        click.echo(f"Wrote the global concurrency limit {name!r} to {file_path}.", err=bool(output))
    if output:
        return print_json(found)
    if file_path is not None:
        return None
    print_fields(
        {
            "ID": found.id,
            "Name": found.name,
            "Active": found.active,
            "Limit": found.limit,
            "Active slots": found.active_slots,
            "Slot decay per second": found.slot_decay_per_second,
            "Created": format_age(found.created),
            "Updated": format_age(found.updated),
        }
    )


@command.command("create")
@_name_argument
@click.option("--limit", "-l", type=click.IntRange(min=0), required=True, help="Number of slots.")
@flag("--disable", default=None, help="Create the limit inactive.")
@click.option("--active-slots", type=click.IntRange(min=0), default=0, help="Number of slots in use.")
@click.option(
    "--slot-decay-per-second",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Number of slots released per second, for a rate limit.",
)
def create(name: str, limit: int, disable: bool | None, active_slots: int, slot_decay_per_second: float) -> None:
    """Create a global concurrency limit."""
    new = actions.GlobalConcurrencyLimitCreate(
        name=name,
        limit=limit,
        active=not disable,
        active_slots=active_slots,
        slot_decay_per_second=slot_decay_per_second,
    )
    try:
        id = get_client().create_global_concurrency_limit(new)
    except ObjectAlreadyExists:
        fail(f"There is already a global concurrency limit {name!r}; `prefect gcl update {name!r}` changes it.")
    click.echo(f"Created global concurrency limit {name!r} ({id}).")


@command.command("update")
@_name_argument
@flag("--enable", default=None, help="Activate the limit.")
@flag("--disable", default=None, help="Deactivate the limit.")
@click.option("--limit", "-l", type=click.IntRange(min=0), help="Number of slots.")
@_active_slots_option
@_slot_decay_option
def update(name: str, enable: bool | None, disable: bool | None, **changes: Any) -> None:
    """Update a global concurrency limit."""
    if enable and disable:
        fail("Use either --enable or --disable.")
    active = enable if enable is not None else (None if disable is None else not disable)
    values = {key: value for key, value in {"active": active, **changes}.items() if value is not None}
    if not values:
        fail("Pass at least one of --limit, --active-slots, --slot-decay-per-second, --enable and --disable.")
    _find(name)
    get_client().update_global_concurrency_limit(name, actions.GlobalConcurrencyLimitUpdate(**values))
    click.echo(f"Updated global concurrency limit {name!r}.")


@command.command("enable")
@_name_argument
def enable(name: str) -> None:
    """Activate a global concurrency limit."""
    _set_active(name, active=True)


@command.command("disable")
@_name_argument
def disable(name: str) -> None:
    """Deactivate a global concurrency limit."""
    _set_active(name, active=False)


def _set_active(name: str, *, active: bool) -> None:
    state = "enabled" if active else "disabled"
    if _find(name).active is active:
        fail(f"The global concurrency limit {name!r} is already {state}.")
    get_client().update_global_concurrency_limit(name, actions.GlobalConcurrencyLimitUpdate(active=active))
    click.echo(f"The global concurrency limit {name!r} is now {state}.")


@command.command("delete")
@_name_argument
def delete(name: str) -> None:
    """Delete a global concurrency limit."""
    _find(name)
    what = f"global concurrency limit {name!r}"
    delete_confirmed(what, lambda: get_client().delete_global_concurrency_limit_by_name(name))
