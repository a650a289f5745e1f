"""`prefect flow-run retry --from`: a finished flow run from one of its task runs on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefect.cli.core.app import run as run_command
from prefect.flows import load_flow_from_entrypoint
from prefect.types import new_id
from tests.cli.conftest import Prefect

PROGRAM = """
from pathlib import Path
from prefect import flow, task

@task(persist_result=True)
def read_rows(path):
    calls = Path(path).read_text() if Path(path).exists() else ""
    Path(path).write_text(calls + "x")
    return [1, 2]

@flow
def sum_rows(path: str):
    return sum(read_rows(path))
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """The file in which each call of the task leaves a letter."""
    return tmp_path / "calls"


@pytest.fixture
def program(tmp_path: Path, calls: Path) -> str:
    """The entrypoint of a flow that has run once."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    entrypoint = f"{path}:sum_rows"
    load_flow_from_entrypoint(entrypoint)(str(calls))
    return entrypoint


def read_ids(prefect: Prefect, kind: str) -> list[dict[str, str]]:
    return json.loads(prefect(kind, "ls", "-o", "json"))


@pytest.mark.parametrize("field", ["id", "name"])
def test_retry_from_a_task_run_repeats_it(
    prefect: Prefect, capsys: pytest.CaptureFixture[str], program: str, calls: Path, field: str
) -> None:
    (run,) = read_ids(prefect, "flow-run")
    command = ["flow-run", "retry", run["id"], "--entrypoint", program]
    assert run_command(command) == 0
    assert calls.read_text() == "x"
    chosen = read_ids(prefect, "task-run")[0][field]
    assert run_command([*command, "--from", chosen]) == 0
    assert capsys.readouterr().out == "Completed task runs that are repeated: 1; results that are kept: 0.\n"
    assert calls.read_text() == "xx"


def test_retry_from_a_task_run_of_another_flow_run_is_refused(prefect: Prefect, program: str, calls: Path) -> None:
    chosen = read_ids(prefect, "task-run")[0]
    load_flow_from_entrypoint(program)(str(calls))
    other = read_ids(prefect, "flow-run")[0]
    error = f"The task run {chosen['name']!r} belongs to another flow run."
    prefect("flow-run", "retry", other["id"], "--from", chosen["id"], "-e", program, code=1, error=error)


def test_retry_from_needs_a_task_run_and_a_finished_flow_run(prefect: Prefect, program: str) -> None:
    (run,) = read_ids(prefect, "flow-run")
    options = ("flow-run", "retry", run["id"], "--entrypoint", program)
    prefect(*options, "--from", "nope", code=1, error="There is no task run 'nope'")
    prefect(*options, "--from", new_id(), code=1, error="There is no task run")
    error = "The other options go with one flow run, not with --query."
    prefect("flow-run", "retry", "--query", "since:1d", "--from", "nope", code=1, error=error)
