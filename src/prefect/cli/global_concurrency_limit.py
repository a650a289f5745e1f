"""`prefect global-concurrency-limit`: limits with a name, that whatever runs may take slots of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli._finding import client, named, pages
from prefect.cli._frame import flag, group, output_option, positional
from prefect.cli._output import age, as_json, confirm, fail, print_fields, print_json, print_table
from prefect.exceptions import ObjectAlreadyExists

if TYPE_CHECKING:
    from prefect.schemas import actions
    from prefect.schemas.responses import GlobalConcurrencyLimitResponse
else:
    actions = lazy("prefect.schemas.actions")

command = group("global-concurrency-limit", "Limits with a name, for whatever runs at the same time.")

_name = positional("name", help="Give the name of the limit.")
_slots = click.option("--active-slots", type=click.IntRange(min=0), help="How many slots are taken.")
_decay = click.option(
    "--slot-decay-per-second", type=click.FloatRange(min=0), help="How many taken slots become free each second."
)


def _find(name: str) -> GlobalConcurrencyLimitResponse:
    read = client().read_global_concurrency_limit_by_name
    return named("global concurrency limit", name, read, lambda: [one.name for one in _all()])


def _all() -> list[GlobalConcurrencyLimitResponse]:
    return pages(lambda limit, offset: client().read_global_concurrency_limits(limit, offset))


@command.command("ls")
@output_option
def ls(output: str | None) -> None:
    """List the limits."""
    found = _all()
    if output:
        return print_json(found)
    print_table(
        ["ID", "Name", "Active", "Limit", "Active slots", "Slot decay per second", "Created", "Updated"],
        [
            [
                *(one.id, one.name, one.active, one.limit, one.active_slots, one.slot_decay_per_second),
                *(age(one.created), age(one.updated)),
            ]
            for one in found
        ],
    )


@command.command("inspect")
@_name
@output_option
@click.option("--file", "-f", "file_path", type=click.Path(path_type=Path), help="Write it to this file as JSON.")
def inspect(name: str, output: str | None, file_path: Path | None) -> None:
    """Show a limit."""
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
            "Created": age(found.created),
            "Updated": age(found.updated),
        }
    )


@command.command("create")
@_name
@click.option("--limit", "-l", type=click.IntRange(min=0), required=True, help="How many slots it has.")
@flag("--disable", default=None, help="Nobody is held up by it for now.")
@click.option("--active-slots", type=click.IntRange(min=0), default=0, help="How many slots are taken.")
@click.option(
    "--slot-decay-per-second",
    type=click.FloatRange(min=0),
    default=0.0,
    help="How many taken slots become free each second.",
)
def create(name: str, limit: int, disable: bool | None, active_slots: int, slot_decay_per_second: float) -> None:
    """Create a limit."""
    new = actions.GlobalConcurrencyLimitCreate(
        name=name,
        limit=limit,
        active=not disable,
        active_slots=active_slots,
        slot_decay_per_second=slot_decay_per_second,
    )
    try:
        id = client().create_global_concurrency_limit(new)
    except ObjectAlreadyExists:
        fail(f"There is already a global concurrency limit {name!r}; `prefect gcl update {name!r}` changes it.")
    click.echo(f"Created global concurrency limit {name!r} ({id}).")


@command.command("update")
@_name
@flag("--enable", default=None, help="Let it hold up again who wants slots.")
@flag("--disable", default=None, help="Let it hold up nobody.")
@click.option("--limit", "-l", type=click.IntRange(min=0), help="How many slots it has.")
@_slots
@_decay
def update(name: str, enable: bool | None, disable: bool | None, **changes: Any) -> None:
    """Change a limit."""
    if enable and disable:
        fail("Use --enable or --disable, not both.")
    active = enable if enable is not None else (None if disable is None else not disable)
    values = {key: value for key, value in {"active": active, **changes}.items() if value is not None}
    if not values:
        fail("Give what is to change: --limit, --active-slots, --slot-decay-per-second, --enable or --disable.")
    _find(name)
    client().update_global_concurrency_limit(name, actions.GlobalConcurrencyLimitUpdate(**values))
    click.echo(f"Updated global concurrency limit {name!r}.")


@command.command("enable")
@_name
def enable(name: str) -> None:
    """Let a limit hold up again who wants slots."""
    _switch(name, True)


@command.command("disable")
@_name
def disable(name: str) -> None:
    """Let a limit hold up nobody."""
    _switch(name, False)


def _switch(name: str, active: bool) -> None:
    state = "enabled" if active else "disabled"
    if _find(name).active is active:
        fail(f"The global concurrency limit {name!r} is {state} already.")
    client().update_global_concurrency_limit(name, actions.GlobalConcurrencyLimitUpdate(active=active))
    click.echo(f"The global concurrency limit {name!r} is {state}.")


@command.command("delete")
@_name
def delete(name: str) -> None:
    """Delete a limit."""
    _find(name)
    confirm(f"Delete the global concurrency limit {name!r}?")
    client().delete_global_concurrency_limit_by_name(name)
    click.echo(f"Deleted global concurrency limit {name!r}.")
