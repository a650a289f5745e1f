"""Commands that several groups have: showing one object, and pausing and limiting what starts runs.

It must not know any group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from prefect.cli.core.command import Group, output_option, positional
from prefect.cli.core.output import print_details

T = TypeVar("T")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def add_inspect_command(
    group: Group, arguments: Decorator, find: Callable[..., T], describe: Callable[[T], Mapping[str, Any]], help: str
) -> None:
    """Add the command `inspect`, which prints the fields of one object, or all of it as JSON.

    Args:
        group: The group of the command.
        arguments: Declares the parameters that say which object.
        find: Returns the object; called with these parameters.
        describe: Returns the fields to print, with their titles.
        help: The help of the command.
    """

    @group.command("inspect", help=help)
    @arguments
    @output_option
    def _(output: str | None, **wanted: Any) -> None:
        found = find(**wanted)
        print_details(found, describe(found), output)


def add_intake_commands(
    group: Group, kind: str, arguments: Decorator, update: Callable[..., None], limit_name: str = "concurrency_limit"
) -> None:
    """Add the commands that pause and resume an object that workers get runs from, and set or clear its limit.

    Args:
        group: The group of the commands.
        kind: What the object is called.
        arguments: Declares the parameters that say which object, one of which is `name`.
        update: Changes the object; called with these parameters, and with the fields to change.
        limit_name: The name of the argument with the limit.
    """

    def add(command: str, help: str, changes: dict[str, Any], done: str) -> None:
        @group.command(command, help=help)
        @arguments
        def _(name: str, **more: Any) -> None:
            update(name, **more, **changes)
            click.echo(f"{done} {name!r}.")

    limit_of = f"the concurrency limit of the {kind}"
    add("pause", f"Pause a {kind}, so that workers get no runs from it.", {"is_paused": True}, f"Paused {kind}")
    add("resume", f"Resume a paused {kind}.", {"is_paused": False}, f"Resumed {kind}")
    add(
        "clear-concurrency-limit",
        f"Remove the concurrency limit of a {kind}.",
        {"concurrency_limit": None},
        f"Removed {limit_of}",
    )

    @group.command("set-concurrency-limit", help=f"Set the concurrency limit of a {kind}.")
    @arguments
    @positional(limit_name, help="Pass the maximum number of concurrent runs.", type=click.IntRange(min=0))
    def _(name: str, **more: Any) -> None:
        limit = more.pop(limit_name)
        update(name, **more, concurrency_limit=limit)
        click.echo(f"Set {limit_of} {name!r} to {limit}.")
