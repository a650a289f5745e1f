"""`prefect variable`: manage variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core.command import Listing, flag, group, multiple_option, positional, prints_list
from prefect.cli.core.formats import as_text, format_age
from prefect.cli.core.lookup import find_by_name, get_client, limit_option, read_all_answers
from prefect.cli.core.output import delete_confirmed, fail
from prefect.cli.core.shared_commands import add_inspect_command

if TYPE_CHECKING:
    from prefect.schemas import actions, records
    from prefect.schemas.records import Variable
    from prefect.types import json_codec
else:
    actions, records = lazy_from("prefect.schemas", "actions", "records")
    json_codec = lazy("prefect.types.json_codec")

command = group("variable", "Manage variables.")

_name_argument = positional("name", help="Pass the name of a variable.")


def _find(name: str) -> Variable:
    read = get_client().read_variable_by_name
    return find_by_name("variable", name, read, lambda: [one.name for one in _read_all()])


def _read_all(count: int | None = None) -> list[Variable]:
    return read_all_answers("/variables/filter", records.Variable.model_validate, count)


@command.command("ls")
@limit_option(100)
@prints_list("Name", "Value", "Created", "Updated")
def ls(limit: int) -> Listing:
    """List variables, sorted by name."""
    found = _read_all(limit)
    return found, [[one.name, as_text(one.value), format_age(one.created), format_age(one.updated)] for one in found]


def _describe(found: Variable) -> dict[str, Any]:
    return {
        "ID": found.id,
        "Name": found.name,
        "Value": as_text(found.value),
        "Tags": ", ".join(found.tags) or None,
        "Created": format_age(found.created),
        "Updated": format_age(found.updated),
    }


add_inspect_command(command, _name_argument, _find, _describe, help="Show a variable.")


@command.command("get")
@_name_argument
def get(name: str) -> None:
    """Print the value of a variable: a string unchanged, anything else as JSON."""
    click.echo(as_text(_find(name).value))


@command.command("set")
@_name_argument
@positional("value", help="Pass its value.")
@flag("--overwrite", help="Replace an existing variable.")
@multiple_option("--tag", "tags", help="Tag of the variable")
def set_(name: str, value: str, overwrite: bool, tags: tuple[str, ...]) -> None:
    """Create or replace a variable. The value is JSON or a string."""
    if not name:
        fail("A variable needs a name.")
    try:
        parsed = json_codec.loads(value)
    except ValueError:
        parsed = value
    existing = get_client().read_variable_by_name(name)
    if existing is not None and not overwrite:
        fail(f"There is already a variable {name!r}; pass --overwrite to replace it.")
    # Without --tag an existing variable keeps its tags.
    changes: dict[str, Any] = {"tags": list(tags)} if tags else {}
    if existing is None:
        get_client().create_variable(actions.VariableCreate(name=name, value=parsed, **changes))
    else:
        get_client().update_variable(actions.VariableUpdate(name=name, value=parsed, **changes))
    click.echo(f"Set variable {name!r}.")


@command.command("unset")
@_name_argument
def unset(name: str) -> None:
    """Delete a variable."""
    _find(name)
    delete_confirmed(f"variable {name!r}", lambda: get_client().delete_variable_by_name(name))


command.add_command(unset, "delete")
