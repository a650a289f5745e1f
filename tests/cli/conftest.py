"""Fixtures that run command lines in this process."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from prefect.cli import main
from prefect.cli._app import run as run_command


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
