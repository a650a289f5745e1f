"""The states that follow from what a body returns or raises, and what belongs to the attempt."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.context import TaskRunContext
from prefect.schemas.states import Cancelling
from tests.engine.shells import SHELLS, Shell
from tests.recorded import records

RETURNED: dict[str, tuple[Any, str]] = {
    "list": (lambda good, bad: [good, bad], "1/2 states failed."),
    "tuple": (lambda good, bad: (good, bad), "1/2 states failed."),
    "dict": (lambda good, bad: {"a": good, "b": bad}, "1/2 states failed."),
    "dict of lists": (lambda good, bad: {"a": [good], "b": [bad, bad]}, "2/3 states failed."),
    "completed": (lambda good, bad: {"a": good}, "All states completed."),
    "among values": (lambda good, bad: {"a": good, "b": bad, "c": 1}, None),
}


@pytest.mark.parametrize("kind", ["task", "flow"])
@pytest.mark.parametrize("shape", RETURNED)
def test_returned_futures_decide_the_state(shape: str, kind: str):
    make, message = RETURNED[shape]

    @task
    def good() -> int:
        return 1

    @task
    def bad() -> None:
        raise ValueError("x")

    def body() -> Any:
        return make(good.submit(), bad.submit())

    run = task(body) if kind == "task" else flow(body)
    state = run(return_state=True)
    assert (state.message, state.is_failed()) == (message, message is not None and "failed" in message)


@pytest.mark.parametrize("kind", ["task", "flow"])
def test_coroutine_that_blocks_past_its_timeout_warns(kind: str, caplog: pytest.LogCaptureFixture):
    released = threading.Event()

    async def body() -> int:
        released.wait(0.3)  # blocks the event loop
        return 1

    make: Any = task if kind == "task" else flow
    assert asyncio.run(make(timeout_seconds=0.05)(body)()) == 1
    assert "longer than its timeout of 0.05 seconds" in caplog.text


class OwnTimeoutError(TimeoutError):
    pass


@pytest.mark.parametrize("error", [TimeoutError("mine"), OwnTimeoutError("mine")])
@pytest.mark.parametrize("kind", ["task", "flow"])
@pytest.mark.parametrize("name", SHELLS)
def test_timeout_error_of_the_body_ends_timed_out(name: str, kind: str, error: TimeoutError, home: Path):
    shell = Shell(name)

    @getattr(shell, kind)()
    def body() -> None:
        raise error

    with pytest.raises(TimeoutError, match="mine"):
        shell.call(body)
    last = records(home, "state")[-1]
    assert (last["type"], last["name"]) == ("FAILED", "TimedOut")
    assert last["message"].endswith(f"failed due to timeout: {type(error).__name__}: mine")


def test_start_time_of_the_context_is_that_of_the_attempt():
    starts: list[Any] = []

    @task(retries=2)
    def body() -> None:
        context = TaskRunContext.get()
        assert context is not None
        starts.append((context.start_time, context.task_run.run_count))
        if len(starts) < 3:
            raise ValueError("again")

    body()
    assert [count for _, count in starts] == [1, 2, 3]
    assert starts[0][0] < starts[1][0] < starts[2][0]


def test_task_run_of_a_subflow_has_the_version_of_its_flow(home: Path):
    @flow(version="v7")
    def child() -> None: ...

    @flow
    def parent() -> None:
        child()

    parent()
    assert [record["task_version"] for record in records(home, "task_run")] == ["v7"]


def test_result_storage_key_may_use_the_runtime(home: Path):
    @task(persist_result=True, result_storage_key="{prefect.runtime.flow_run.flow_name}-{task_run.task_name}-{x}")
    def keyed(x: int) -> int:
        return x

    @flow
    def parent() -> Any:
        return keyed(3, return_state=True).data.metadata.storage_key

    assert parent().endswith("parent-keyed-3")


def test_returned_cancelling_state_calls_the_cancellation_hooks():
    hooks: list[str | None] = []

    @flow(on_cancellation=[lambda flow, run, state: hooks.append(state.name)])
    def parent() -> Any:
        return Cancelling()

    assert parent(return_state=True).is_cancelled()
    assert hooks == ["Cancelled"]
