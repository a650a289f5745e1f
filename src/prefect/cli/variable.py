"""`prefect variable`: named values that programs read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli._finding import client, limit_option, named
from prefect.cli._frame import flag, group, output_option, positional, several
from prefect.cli._output import age, as_text, confirm, fail, print_fields, print_json, print_table

if TYPE_CHECKING:
    import orjson

    from prefect.schemas import actions
    from prefect.schemas.records import Variable
else:
    actions = lazy("prefect.schemas.actions")
    orjson = lazy("orjson")

command = group("variable", "Named values that programs read.")

_name = positional("name", help="Give the name of the variable.")


def _find(name: str) -> Variable:
    read = client().read_variable_by_name
    return named("variable", name, read, lambda: [one.name for one in client().read_variables()])


@command.command("ls")
@limit_option(100)
@output_option
def ls(limit: int, output: str | None) -> None:
    """List variables by name."""
    found = client().read_variables(limit=limit)
    if output:
        return print_json(found)
    print_table(
        ["Name", "Value", "Created", "Updated"],
        [[one.name, as_text(one.value), age(one.created), age(one.updated)] for one in found],
    )


@command.command("inspect")
@_name
@output_option
def inspect(name: str, output: str | None) -> None:
    """Show a variable."""
    found = _find(name)
    if output:
        return print_json(found)
    print_fields(
        {
            "ID": found.id,
            "Name": found.name,
            "Value": as_text(found.value),
            "Tags": ", ".join(found.tags) or None,
            "Created": age(found.created),
            "Updated": age(found.updated),
        }
    )


@command.command("get")
@_name
def get(name: str) -> None:
    """Print a variable's value: a text as it is, anything else as JSON."""
    click.echo(as_text(_find(name).value))


@command.command("set")
@_name
@positional("value", help="Give its value.")
@flag("--overwrite", help="Change the variable when there is one of this name.")
@several("--tag", "tags", help="A tag")
def set_(name: str, value: str, overwrite: bool, tags: tuple[str, ...]) -> None:
    """Give a variable a value: JSON where it is that, else a text."""
    try:
        read = orjson.loads(value)
    except ValueError:
        read = value
    there = client().read_variable_by_name(name)
    if there is not None and not overwrite:
        fail(f"There is already a variable {name!r}; --overwrite changes it.")
    # Tags that are not given stay as they are.
    given: dict[str, Any] = {"tags": list(tags)} if tags else {}
    if there is None:
        client().create_variable(actions.VariableCreate(name=name, value=read, **given))
    else:
        client().update_variable(actions.VariableUpdate(name=name, value=read, **given))
    click.echo(f"Set variable {name!r}.")


@command.command("unset")
@_name
def unset(name: str) -> None:
    """Delete a variable."""
    _find(name)
    confirm(f"Delete the variable {name!r}?")
    client().delete_variable_by_name(name)
    click.echo(f"Deleted variable {name!r}.")


command.add_command(unset, "delete")
