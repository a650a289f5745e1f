"""The commands that upload and execute a bundle: a step of the work pool's storage, and what launches it.

A step is a module and its arguments: `{"prefect_aws.bundles.upload": {"bucket": "flows"}}` becomes
`python -m prefect_aws.bundles.upload --bucket flows --key ...`. A launcher replaces `python`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast, get_args

from typing_extensions import TypedDict

BundleLauncherSide: TypeAlias = Literal["upload", "execution"]


class BundleLauncherOverride(TypedDict, total=False):
    """A launcher for each side."""

    upload: list[str]
    execution: list[str]


BundleLauncher: TypeAlias = "list[str] | BundleLauncherOverride"

_SIDES: tuple[str, ...] = get_args(BundleLauncherSide)
_OPTIONS = ("launcher", "requires")
"""Keys of a step that are not arguments of its module."""


def normalize_launcher(launcher: BundleLauncher | None) -> BundleLauncherOverride | None:
    """Return a launcher for each side.

    Raises:
        TypeError: It is neither a list of strings nor a mapping.
        ValueError: A list is empty, or a side is unknown.
    """
    if launcher is None:
        return None
    if isinstance(launcher, list):
        command = validate_bundle_step_launcher(launcher)
        return {"upload": command, "execution": list(command)}
    if not isinstance(launcher, Mapping):
        raise TypeError("launcher must be a list[str] or a mapping with 'upload'/'execution' keys")
    unknown = [side for side in launcher if side not in _SIDES]
    if unknown:
        raise ValueError(f"launcher may only specify 'upload' and 'execution'; got {unknown!r}")
    sides = {
        side: validate_bundle_step_launcher(command, field_name=f"launcher[{side!r}]")
        for side, command in launcher.items()
    }
    return cast("BundleLauncherOverride", sides)


def validate_bundle_step_launcher(launcher: Any, *, field_name: str = "launcher") -> list[str]:
    """Return a launcher as a new list.

    Raises:
        ValueError: It is not a list of strings, of one at least.
    """
    if not isinstance(launcher, list) or not launcher:
        raise ValueError(f"{field_name} must be a non-empty list[str]")
    words = cast("list[Any]", launcher)
    for position, word in enumerate(words):
        if not isinstance(word, str) or not word:
            raise ValueError(f"{field_name}[{position}] must be a non-empty string")
    return list(words)


def get_launcher_for_side(launcher: BundleLauncher | None, side: BundleLauncherSide) -> list[str] | None:
    """Return the launcher of one side; None if there is none."""
    return (normalize_launcher(launcher) or {}).get(side)


def resolve_bundle_step_with_launcher(
    step: dict[str, Any], launcher: BundleLauncher | None, side: BundleLauncherSide
) -> dict[str, Any]:
    """Return a step with the launcher of a flow, which takes precedence over the launcher of the work pool."""
    command = get_launcher_for_side(launcher, side)
    if command is None:
        return step
    module, arguments = _read_step(step)
    kept = {name: value for name, value in arguments.items() if name != "requires"}
    return {module: {**kept, "launcher": command}}


def convert_step_to_command(step: dict[str, Any], key: str, quiet: bool = False) -> list[str]:
    """Return the command of a step.

    Its module runs in the Python that is there. What the step requires besides this package and integrations is
    fetched by `uv run`.

    Args:
        step: The step: a module and its arguments.
        key: Where the bundle is in its storage.
        quiet: Whether `uv` prints nothing of its own.

    Raises:
        ValueError: The step has not exactly one module, or its launcher is wrong.
    """
    module, arguments = _read_step(step)
    if (own := arguments.get("launcher")) is not None:
        command = validate_bundle_step_launcher(own)
    elif requirements := _find_foreign(arguments.get("requires")):
        version = ".".join(map(str, sys.version_info[:2]))
        options = ["--quiet"] if quiet else []
        command = ["uv", "run", *options, "--with", ",".join(requirements), "--python", version]
    else:
        command = ["python"]
    command = [*command, "-m", module]
    for name, value in arguments.items():
        if name not in _OPTIONS and value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    return [*command, "--key", key]


def _read_step(step: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if len(step) != 1:
        raise ValueError("Expected exactly one function in step")
    ((module, arguments),) = step.items()
    return module, arguments or {}


def _find_foreign(requires: str | list[str] | None) -> list[str]:
    """Return the requirements that are not this package and its integrations.

    Those are installed where the bundle runs: fetching them would fetch the original package along with them.
    """
    stated = [requires] if isinstance(requires, str) else requires or []
    return [each for each in stated if not re.match(r"(pluperfect|prefect)\b", each)]
