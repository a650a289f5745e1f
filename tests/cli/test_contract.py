"""Each command has the names, options, defaults and aliases of the interface."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from prefect.cli import _app, _command, _registry

CONTRACT: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "commands.json").read_text())
"""The commands of the interface: `options` by their first long name, each with all its names, negatives included."""

OURS = ("journal",)
"""Commands beside the interface."""

MORE = {"version": {"--output"}}
"""Options beside it."""

INSIDE = {"server services manager"}
"""Hidden commands that only the original's own processes call."""


def commands() -> Iterator[tuple[str, click.Command, list[str]]]:
    """Every command that is there, with its path and its aliases."""
    for entry in _registry.COMMANDS:
        command = _app.root.get_command(click.Context(_app.root), entry.name)
        assert command is not None
        yield entry.name, command, list(entry.aliases)
        yield from below(entry.name, command)


def below(path: str, group: click.Command) -> Iterator[tuple[str, click.Command, list[str]]]:
    if isinstance(group, _command.Group):
        for name, command in group.commands.items():
            aliases = [alias for alias, meant in group.aliases.items() if meant == name]
            yield f"{path} {name}", command, aliases
            yield from below(f"{path} {name}", command)


THERE = {path: (command, aliases) for path, command, aliases in commands()}


def put_off(path: str) -> bool:
    """Whether a command says that a later release brings it."""
    words = path.split()
    if words[0] in _registry.PLANNED:
        return True
    for place in range(1, len(words)):
        group = THERE.get(" ".join(words[:place]))
        if group and isinstance(group[0], _command.Group) and words[place] in group[0].planned:
            return True
    return False


def test_no_command_is_missing_or_too_many() -> None:
    ours = {path for path in THERE if path.split()[0] in OURS}
    assert set(THERE) - ours == {path for path in CONTRACT if not put_off(path)} - INSIDE
    assert not [path for path in THERE if put_off(path)]


def options(command: click.Command) -> dict[str, dict[str, Any]]:
    """The options of a command as the contract has them."""
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


@pytest.mark.parametrize("path", [path for path in THERE if path.split()[0] not in OURS])
def test_a_command_has_what_the_interface_says(path: str) -> None:
    command, aliases = THERE[path]
    expected = CONTRACT[path]
    assert sorted(aliases) == sorted(expected.get("aliases", []))
    assert isinstance(command, click.Group) == expected.get("group", False)
    if isinstance(command, click.Group):
        return
    by_name = {param.name: param.opts[0] for param in command.params}
    assert [by_name[f"{one.name}_by_name"] for one in arguments(command)] == expected.get("positional", [])
    have = {name: facts for name, facts in options(command).items() if name not in MORE.get(path, ())}
    assert have == expected.get("options", {})
