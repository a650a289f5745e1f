"""Run a command line as `main` does, in this process."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from prefect.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*args: str) -> Outcome:
        import prefect.settings

        prefect.settings._forget()  # a command line is a process of its own
        with pytest.raises(SystemExit) as stopped:
            main(args)
        assert isinstance(stopped.value.code, int)
        return Outcome(stopped.value.code, *capsys.readouterr())

    return run
