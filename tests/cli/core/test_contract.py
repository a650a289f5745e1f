"""Commands have the names, options, defaults and aliases of the interface contract."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from prefect.cli.core import app, registry
from prefect.cli.core.command import Group

CONTRACT: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "commands.json").read_text())
"""Commands of the interface: `options` by first long name, each with all names including the negative ones."""

EXTENSION_COMMANDS = (
    *(
        "automation test",
        "flow-run jobs",
        "flow-run jobs ls",
        "flow-run jobs stop",
        "flow-run jobs undo",
        "flow-run why",
        "integrations",
        "journal",
        "kubernetes",
    ),
    *("server database reencrypt", "work-pool storage configure local", "worker logs", "worker ls"),
)
"""Commands that are not part of the interface."""

EXTENSION_OPTIONS = {
    "block create": {"--name", "--set", "--ask"},
    "deploy": {"--output", "--plan", "--prune"},
    **{f"flow-run {name}": {"--query", "--yes", "--output"} for name in ("cancel", "delete")},
    "flow-run ls": {"--query"},
    "flow-run retry": {"--query", "--yes", "--output", "--from"},
    "task-run ls": {"--query"},
    "version": {"--output"},
}
"""Options that are not part of the interface."""

REPLACEABLE = {"flow-run cancel": "--id", "flow-run delete": "--id", "flow-run retry": "--id-or-name"}
"""Required options of the interface that an option which is not part of it stands for."""

INTERNAL_COMMANDS = {"server services manager"}
"""Hidden commands that only processes of the original call."""


def list_commands() -> Iterator[tuple[str, click.Command, list[str]]]:
    """Yield path, command and aliases of every implemented command."""
    for entry in registry.COMMANDS:
        command = app.root.get_command(click.Context(app.root), entry.name)
        assert command is not None
        yield entry.name, command, list(entry.aliases)
        yield from list_subcommands(entry.name, command)


def list_subcommands(path: str, group: click.Command) -> Iterator[tuple[str, click.Command, list[str]]]:
    if isinstance(group, Group):
        for name, command in group.commands.items():
            aliases = [alias for alias, meant in group.aliases.items() if meant == name]
            yield f"{path} {name}", command, aliases
            yield from list_subcommands(f"{path} {name}", command)


def is_extension(path: str) -> bool:
    """Whether a command, or its group, is not part of the interface."""
    return path in EXTENSION_COMMANDS or path.split()[0] in EXTENSION_COMMANDS


IMPLEMENTED = {path: (command, aliases) for path, command, aliases in list_commands()}


def is_planned(path: str) -> bool:
    """Whether a command is marked as planned."""
    words = path.split()
    if words[0] in registry.PLANNED:
        return True
    for count in range(1, len(words)):
        group = IMPLEMENTED.get(" ".join(words[:count]))
        if group and isinstance(group[0], Group) and words[count] in group[0].planned:
            return True
    return False


def test_commands_match_contract() -> None:
    extensions = {path for path in IMPLEMENTED if is_extension(path)}
    assert set(IMPLEMENTED) - extensions == {path for path in CONTRACT if not is_planned(path)} - INTERNAL_COMMANDS
    assert not [path for path in IMPLEMENTED if is_planned(path)]


def options(command: click.Command) -> dict[str, dict[str, Any]]:
    """Return the options of a command in the form of the contract."""
    found: dict[str, dict[str, Any]] = {}
    empty = [name for param in command.params for name in param.opts if name.startswith("--empty-")]
    needed = {f"{one.name}_by_name" for one in arguments(command) if not (one.metavar or "").startswith("[")}
    for param in command.params:
        if not isinstance(param, click.Option) or param.opts[0] in empty:
            continue
        longs = [name for name in param.opts if name.startswith("--")]
        emptied = [name for name in empty if f"--{name.removeprefix('--empty-')}" in longs]
        default = param.to_info_dict()["default"]
        facts = {
            "names": sorted([*param.opts, *param.secondary_opts, *emptied]),
            "required": param.required or param.name in needed,
            "flag": param.is_flag,
            "repeatable": param.multiple,
            "default": None if default is None or param.multiple or param.required else str(default),
        }
        found[longs[0]] = {name: value for name, value in facts.items() if value}
    return found


def arguments(command: click.Command) -> list[click.Argument]:
    return [param for param in command.params if isinstance(param, click.Argument)]


@pytest.mark.parametrize("path", [path for path in IMPLEMENTED if not is_extension(path)])
def test_command_matches_contract(path: str) -> None:
    command, aliases = IMPLEMENTED[path]
    expected = CONTRACT[path]
    assert sorted(aliases) == sorted(expected.get("aliases", []))
    assert isinstance(command, click.Group) == expected.get("group", False)
    if isinstance(command, click.Group):
        return
    by_name = {param.name: param.opts[0] for param in command.params}
    assert [by_name[f"{one.name}_by_name"] for one in arguments(command)] == expected.get("positional", [])
    have = {name: facts for name, facts in options(command).items() if name not in EXTENSION_OPTIONS.get(path, ())}
    if path in REPLACEABLE:
        have[REPLACEABLE[path]]["required"] = True
    assert have == expected.get("options", {})
