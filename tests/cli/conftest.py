"""Fixtures that run command lines in this process."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from prefect import get_client
from prefect.cli import main
from prefect.cli.core.app import run as run_command
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]
Prefect = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*args: str) -> Outcome:
        import prefect.settings

        prefect.settings._forget()  # each command line is normally a new process
        with pytest.raises(SystemExit) as stopped:
            main(args)
        assert isinstance(stopped.value.code, int)
        printed = capsys.readouterr()
        return Outcome(stopped.value.code, printed.out, printed.err)

    return run


@pytest.fixture
def prefect(capsys: pytest.CaptureFixture[str]) -> Prefect:
    """Run a command line and return its output; assert its exit code and the start of its only error line."""

    def call(*args: object, code: int = 0, error: str = "") -> str:
        capsys.readouterr()
        assert run_command([str(arg) for arg in args]) == code
        printed = capsys.readouterr()
        assert printed.err.startswith(f"Error: {error}" if error else "")
        assert printed.err.count("\n") == bool(error)
        return printed.out

    return call


def table(text: str) -> list[list[str]]:
    """Return the rows of a printed table without the header."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()[1:]]


FLOWS = """
    from prefect import flow

    @flow
    def hello(x: int = 1, y: str = "z"):
        "Says hello."

    @flow(name="greet", version="7")
    def other(): ...
"""


@pytest.fixture
def client_with_pool() -> SyncPrefectClient:
    """A client of a home with the work pool `pool`."""
    client = get_client(sync_client=True)
    client.create_work_pool(WorkPoolCreate(name="pool", type="process"))
    return client


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A file with two flows, in the working directory."""
    path = tmp_path / "flows.py"
    path.write_text(textwrap.dedent(FLOWS))
    return path
