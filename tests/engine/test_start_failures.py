"""A run that cannot start fails: it is not left running, and its caller gets the error."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner
from tests.engine.shells import SHELLS, Shell
from tests.recorded import states


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param)


def test_run_fails_when_storage_key_cannot_be_filled(shell: Shell, home: Path):
    @shell.task(result_storage_key="{missing}")
    def fn() -> int:
        return 1

    with pytest.raises(KeyError, match="missing"):
        shell.call(fn)

    assert states(home, "task_run") == ["Pending", "Running", "Failed"]


def test_run_fails_when_upstream_result_is_lost(home: Path):
    @task
    def gone() -> list[int]:
        return [1]

    @task
    def needs(value: Any) -> Any:
        return value

    @flow
    def program() -> Any:
        state: Any = gone(return_state=True)
        state.data = None
        return needs(state, return_state=True)

    failed: Any = program(return_state=True)

    assert failed.is_failed()
    assert states(home, "task_run") == ["Pending", "Running", "Completed", "Pending", "Failed"]


def test_run_fails_when_validator_raises_unexpected_error(home: Path):
    def check(value: int) -> int:
        raise LookupError(f"no {value}")

    @flow
    def program(number: Annotated[int, AfterValidator(check)]) -> None: ...

    with pytest.raises(LookupError):
        program(1)

    assert states(home, "flow_run") == ["Pending", "Failed"]


def test_run_fails_when_task_runner_cannot_start(home: Path):
    class Broken(ThreadPoolTaskRunner[Any]):
        def duplicate(self) -> "Broken":
            return Broken()

        def __enter__(self) -> "Broken":
            raise OSError("no more threads")

    @flow(task_runner=Broken())
    def program() -> None: ...

    with pytest.raises(OSError, match="no more threads"):
        program()

    assert states(home, "flow_run") == ["Pending", "Running", "Failed"]
