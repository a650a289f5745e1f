"""Faults of user programs: the run ends in a state that describes the fault, and nothing hangs."""

import threading
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.states import Completed
from tests.engine.shells import SHELLS, Shell
from tests.recorded import records, run, states

TIMEOUT_SECONDS = 60.0


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param)


@pytest.mark.parametrize("shell", [Shell("sync"), Shell("async")], ids=["sync", "async"])
def test_task_that_returns_its_own_future_fails(shell: Shell, home: Path):
    box: list[Any] = []
    returned = threading.Event()

    @shell.task()
    def returns_itself() -> Any:
        returned.wait(TIMEOUT_SECONDS)
        return box[0]

    @flow
    def program() -> Any:
        box.append(returns_itself.submit())
        returned.set()
        box[0].wait(timeout=TIMEOUT_SECONDS)
        return box[0].task_run_id, box[0].state.type.value

    run_id, ended = program()
    assert ended == "FAILED"
    assert states(home, "task_run", run_id) == ["Pending", "Running", "Failed"]


def test_unpicklable_result_fails_when_it_must_persist(home: Path):
    @task(persist_result=True)
    def unpicklable() -> Any:
        return threading.Lock()

    assert unpicklable() is not None, "the value is the caller's all the same"
    assert states(home, "task_run") == ["Pending", "Running", "Completed"]
    assert "data" not in records(home, "state")[-1]


def test_unpicklable_result_completes_when_it_need_not_persist(home: Path):
    @task
    def unpicklable() -> Any:
        return threading.Lock()

    assert unpicklable() is not None
    assert states(home, "task_run") == ["Pending", "Running", "Completed"]
    assert "result" not in records(home, "state")[-1]


@pytest.mark.parametrize("size", [64 * 1024 + 1, 5_000_000])
def test_big_result_is_not_recorded_with_its_state(home: Path, size: int):
    @task
    def big() -> str:
        return "x" * size

    assert len(big()) == size
    assert "result" not in records(home, "state")[-1]


def test_small_result_is_recorded_with_its_state(home: Path):
    @task
    def small() -> dict[str, int]:
        return {"x": 1}

    small()
    assert records(home, "state")[-1]["result"] == {"format": "json", "body": {"x": 1}}


@pytest.mark.parametrize("kind", ["task_run", "flow_run"])
def test_persisted_result_is_not_recorded_with_its_state(home: Path, kind: str):
    @task(persist_result=True)
    def kept() -> int:
        return 1

    @flow(persist_result=True)
    def kept_flow() -> int:
        return 1

    (kept if kind == "task_run" else kept_flow)()
    last = records(home, "state")[-1]
    assert last["data"]["storage_key"]
    assert "result" not in last


def test_retry_condition_that_raises_prevents_the_retry(shell: Shell, home: Path):
    calls: list[int] = []

    def condition(*_: Any) -> bool:
        raise RuntimeError("the condition's")

    @shell.task(retries=3, retry_condition_fn=condition)
    def body() -> None:
        calls.append(1)
        raise KeyError("the task's")

    with pytest.raises(KeyError, match="the task's"):
        shell.call(body)
    assert calls == [1]
    assert states(home, "task_run")[-1] == "Failed"


def test_retry_condition_decides_about_the_retry(shell: Shell):
    calls: list[int] = []

    @shell.task(retries=5, retry_condition_fn=lambda task, run, state: len(calls) < 3)
    def body() -> None:
        calls.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        shell.call(body)
    assert len(calls) == 3


def test_invalid_retry_delays_are_refused():
    def bad(_: int) -> list[float]:
        raise RuntimeError("delays")

    with pytest.raises(RuntimeError, match="delays"):
        task(retries=1, retry_delay_seconds=bad)(lambda: None)
    with pytest.raises(ValueError, match="50"):
        task(retry_delay_seconds=[1.0] * 51)(lambda: None)
    with pytest.raises(ValueError):
        task(retries=-1)(lambda: None)


def test_run_fails_when_its_name_function_raises(shell: Shell, home: Path):
    def name() -> str:
        raise RuntimeError("no name")

    @shell.task(task_run_name=name)
    def body() -> None: ...

    with pytest.raises(RuntimeError, match="no name"):
        shell.call(body)
    assert states(home, "task_run")[-1] == "Failed"


def test_subflows_nest_a_hundred_deep(home: Path):
    status, out, err = run(
        """
        import asyncio, sys

        @flow
        def down(depth):
            return depth if depth == 0 else down(depth - 1)

        @flow
        async def adown(depth):
            return depth if depth == 0 else await adown(depth - 1)

        @task
        def tdown(depth):
            return depth if depth == 0 else tdown(depth - 1)

        @flow(timeout_seconds=30)
        def timed(depth):
            return depth if depth == 0 else timed(depth - 1)

        assert sys.getrecursionlimit() == 1000
        print(down(100), asyncio.run(adown(100)), tdown(100), timed(30))
        """
    )
    assert (status, out) == (0, "0 0 0 0\n"), err
    assert states(home, "flow_run").count("Completed") == 101 + 101 + 31


def test_endless_recursion_is_recorded_as_failure(home: Path):
    status, out, err = run(
        """
        @flow
        def down(depth):
            return down(depth + 1)

        try:
            down(0)
        except RecursionError:
            print("caught")
        """
    )
    assert (status, out) == (0, "caught\n"), err
    final = {record["run_id"]: record["name"] for record in records(home, "state") if record["of"] == "flow_run"}
    assert set(final.values()) == {"Failed"}


def test_retried_flow_keeps_completed_tasks(home: Path):
    calls: list[Any] = []

    @task
    def step(x: int) -> int:
        calls.append(x)
        return x * 10

    @flow(retries=1)
    def program() -> list[int]:
        results = [step(1), step(2), step.submit(3).result()]
        if len(calls) == 3:
            raise ValueError("once")
        return results

    with pytest.raises(ValueError):
        program.with_options(retries=0)()
    calls.clear()

    tried: list[int] = []

    @flow(retries=1)
    def again() -> list[int]:
        results = [step(1), step(2), step.submit(3).result()]
        tried.append(1)
        if len(tried) == 1:
            raise ValueError("once")
        return results

    assert again() == [10, 20, 30]
    assert calls == [1, 2, 3]


def test_retried_flow_runs_task_again_when_parameters_differ():
    calls: list[int] = []
    attempts: list[int] = []

    @task
    def step(x: int) -> int:
        calls.append(x)
        return x

    @flow(retries=1)
    def program() -> list[int]:
        attempts.append(1)
        results = [step(len(attempts)), step(7)]
        if len(attempts) == 1:
            raise ValueError("once")
        return results

    assert program() == [2, 7]
    assert calls == [1, 7, 2]


def test_retried_flow_runs_failed_tasks_again():
    calls: list[str] = []

    @task
    def flaky() -> int:
        calls.append("flaky")
        if len(calls) == 1:
            raise ValueError("once")
        return 1

    @flow(retries=1)
    def program() -> int:
        return flaky()

    assert program() == 1
    assert calls == ["flaky", "flaky"]


def test_retried_flow_runs_subflows_again():
    calls: list[int] = []
    attempts: list[int] = []

    @flow
    def inner(x: int) -> int:
        calls.append(x)
        return x

    @flow(retries=1)
    def program() -> int:
        attempts.append(1)
        inner(1)
        if len(attempts) == 1:
            raise ValueError("once")
        return inner(2)

    assert program() == 2


def test_returned_state_is_the_state_of_the_run(home: Path):
    @task
    def skipped() -> Any:
        return Completed(name="Skipped", message="nothing to do")

    assert skipped(return_state=True).name == "Skipped"
    assert states(home, "task_run")[-1] == "Skipped"


def test_unprintable_exception_is_recorded(shell: Shell, home: Path):
    if shell.awaits:
        pytest.skip("asyncio prints the exception of its main task itself")

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

        __repr__ = __str__

    @shell.task()
    def body() -> None:
        raise Unspeakable

    with pytest.raises(Unspeakable):
        shell.call(body)
    assert states(home, "task_run")[-1] == "Failed"


@pytest.mark.parametrize("decorate", [task, flow])
def test_stop_iteration_of_the_body_is_raised(decorate: Any):
    @decorate
    def takes_the_first(items: list[int]) -> int:
        return next(iter(items))

    with pytest.raises(StopIteration):
        takes_the_first([])
