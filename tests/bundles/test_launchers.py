"""The commands that upload and execute bundles."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.bundles.launchers import convert_step_to_command, get_launcher_for_side, resolve_bundle_step_with_launcher

PYTHON = ["python", "-m", "steps.upload"]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ({"bucket": "b", "some_option": 3}, [*PYTHON, "--bucket", "b", "--some-option", "3"]),
        ({"bucket": None}, PYTHON),
        ({"requires": "prefect-aws>=0.5"}, PYTHON),
        ({"requires": ["prefect-gcp", "pluperfect"]}, PYTHON),
        ({"launcher": ["poetry", "run", "python"]}, ["poetry", "run", "python", "-m", "steps.upload"]),
    ],
)
def test_convert_step_to_command(arguments: dict[str, Any], command: list[str]) -> None:
    assert convert_step_to_command({"steps.upload": arguments}, "KEY") == [*command, "--key", "KEY"]


def test_convert_step_to_command_fetches_foreign_requirements_by_uv() -> None:
    command = convert_step_to_command({"steps.upload": {"requires": ["mine==1", "prefect-aws"]}}, "KEY", quiet=True)
    assert command[:5] == ["uv", "run", "--quiet", "--with", "mine==1"]


@pytest.mark.parametrize("step", [{}, {"a": {}, "b": {}}])
def test_convert_step_to_command_refuses_other_than_one_module(step: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        convert_step_to_command(step, "KEY")


@pytest.mark.parametrize(
    ("launcher", "error"),
    [
        ("python", "must be a list"),
        ([], "non-empty list"),
        ([1], r"launcher\[0\]"),
        ({"upload": ["x"], "start": ["y"]}, "may only specify"),
    ],
)
def test_get_launcher_for_side_refuses_wrong_launcher(launcher: Any, error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        get_launcher_for_side(launcher, "upload")


def test_resolve_bundle_step_with_launcher_replaces_that_of_the_step() -> None:
    step = {"steps.upload": {"bucket": "b", "requires": "x", "launcher": ["old"]}}
    assert resolve_bundle_step_with_launcher(step, ["new"], side="upload") == {
        "steps.upload": {"bucket": "b", "launcher": ["new"]}
    }
    assert resolve_bundle_step_with_launcher(step, {"execution": ["new"]}, side="upload") == step
