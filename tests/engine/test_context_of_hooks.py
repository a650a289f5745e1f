"""Hooks and key functions of the user run inside the context of their run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prefect import flow, get_run_logger, task
from prefect.context import FlowRunContext, TaskRunContext
from prefect.runtime import task_run
from tests.engine.shells import SHELLS, Shell

Seen = list[tuple[str, bool]]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param)


def noting(seen: Seen, what: str, context: Any = TaskRunContext, answer: Any = None) -> Any:
    def note(*args: Any, **kwargs: Any) -> Any:
        seen.append((what, context.get() is not None))
        get_run_logger().debug("seen")
        return answer

    return note


def test_hooks_and_key_function_see_the_task_run(shell: Shell, home: Path):
    seen: Seen = []

    @shell.task(
        cache_key_fn=noting(seen, "key", answer="one"),
        on_running=[noting(seen, "running")],
        on_completion=[noting(seen, "completion")],
        on_commit=[noting(seen, "commit")],
    )
    def fn() -> int:
        return 1

    shell.call(fn)

    assert seen == [("key", True), ("running", True), ("commit", True), ("completion", True)]


def test_failure_hooks_see_the_task_run(shell: Shell):
    seen: Seen = []

    @shell.task(on_failure=[noting(seen, "failure")])
    def fn() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        shell.call(fn)

    assert seen == [("failure", True)]


def test_storage_key_may_contain_the_run_id():
    keys: list[Any] = []

    @task(result_storage_key="{task_run.id}-{parameters[number]}")
    def fn(number: int) -> int:
        keys.append(task_run.id)
        return number

    state = fn(1, return_state=True)

    assert state.data.metadata.storage_key.endswith(f"{keys[0]}-1")


def test_completion_hooks_see_the_flow_run(shell: Shell):
    seen: Seen = []

    @shell.flow(on_completion=[noting(seen, "completion", FlowRunContext)])
    def program() -> int:
        return 1

    shell.call(program)

    assert seen == [("completion", True)]


def test_failure_hooks_are_called_when_a_flow_could_not_start():
    seen: list[str] = []

    @flow(on_failure=[lambda flow, run, state: seen.append(state.name)])
    def program(number: int) -> None: ...

    program("x", return_state=True)  # pyright: ignore[reportCallIssue, reportArgumentType]

    assert seen == ["Failed"]


@pytest.mark.parametrize("fails", [False, True])
def test_flow_run_has_not_ended_in_its_hooks(fails: bool):
    seen: list[Any] = []

    def hook(_: Any, run: Any, state: Any):
        seen.append((run, run.end_time, state.is_final(), run.start_time is not None))

    @flow(on_completion=[hook], on_failure=[hook])
    def program():
        if fails:
            raise ValueError("broken")

    program(return_state=True)
    [(run, end_time, final, started)] = seen
    assert (end_time, final, started) == (None, True, True)
    assert run.end_time is not None  # after its hooks
