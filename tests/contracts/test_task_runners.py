"""What every task runner does with the runs that are submitted to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect import allow_failure, flow, task, unmapped
from prefect.exceptions import MappingLengthMismatch
from prefect.futures import as_completed, wait
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from tests.dask_cluster import make_cluster
from tests.recorded import records, states

TIMEOUT_SECONDS = 60.0


@task
def add(*numbers: int) -> int:
    return 1 + sum(numbers)


@task
def multiply(left: int, right: int) -> int:
    return left * right


@task
async def add_async(number: int) -> int:
    return number + 1


@task
def count_up(to: int) -> Any:
    yield from range(to)


@task
def broken() -> int:
    raise KeyError("broken")


@task
def describe(value: Any) -> str:
    return repr(value)


@task(retries=2)
def fails_twice(file: str) -> int:
    with open(file, "a") as attempts:
        attempts.write("x")
    if Path(file).stat().st_size < 3:
        raise ValueError("again")
    return 3


@task
def nested(depth: int) -> int:
    return 1 if depth == 0 else 1 + nested.submit(depth - 1).result()


@task(log_prints=True)
def prints() -> int:
    print("said in the task")
    return os.getpid()


@task
def unpicklable() -> Any:
    return threading.Lock()


DASK = pytest.param("dask", marks=pytest.mark.stray_threads)  # those of Dask's client go on


@pytest.fixture(scope="module")
def dask_address() -> Iterator[str]:
    with make_cluster() as address:
        yield address


@pytest.fixture(params=["threads", "processes", DASK])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def runner(kind: str, request: pytest.FixtureRequest) -> Any:
    if kind == "threads":
        return ThreadPoolTaskRunner(max_workers=2)
    if kind == "processes":
        return ProcessPoolTaskRunner(max_workers=1)
    from prefect_dask import DaskTaskRunner

    return DaskTaskRunner(address=request.getfixturevalue("dask_address"))


def test_runner_executes_runs_and_their_dependencies(runner: Any, home: Path, tmp_path: Path):
    """One flow run serves many cases, because starting processes is slow."""
    attempts = str(tmp_path / "attempts")

    @flow(task_runner=runner)
    def program() -> dict[str, Any]:
        first = add.submit(1)
        chain = add.submit(add.submit(first), wait_for=[first])
        mapped = multiply.map([1, 2, 3], unmapped(first))
        failure = broken.submit()
        late, allowed = add.submit(failure), describe.submit(allow_failure(failure))
        inside = describe.submit({"a": [first, (chain,)]})
        retried = fails_twice.submit(attempts)
        wait([late])
        with pytest.raises(MappingLengthMismatch):
            multiply.map([1, 2], [1])
        return {
            "chain": chain.result(timeout=TIMEOUT_SECONDS),
            "mapped": mapped.result(timeout=TIMEOUT_SECONDS),
            "completed": sorted(future.result() for future in as_completed(multiply.map([2, 3], 1))),
            "async": add_async.submit(1).result(),
            "generated": count_up.submit(3).result(),
            "failure": failure.result(raise_on_failure=False),
            "late": late.state,
            "allowed": allowed.result(),
            "inside": inside.result(),
            "retried": retried.result(),
            "nested": nested.submit(2).result(),
            "chain id": chain.task_run_id,
            "first id": first.task_run_id,
            "retried id": retried.task_run_id,
        }

    found = program()
    assert (found["chain"], found["mapped"], found["completed"]) == (4, [2, 4, 6], [2, 3])
    assert (found["async"], found["generated"], found["nested"], found["retried"]) == (2, [0, 1, 2], 3, 3)
    assert repr(found["failure"]) == "KeyError('broken')" == found["allowed"]
    assert found["inside"] == "{'a': [2, (4,)]}"
    assert found["late"].name == "NotReady" and "Upstream task run 'broken-" in found["late"].message
    assert states(home, "task_run", found["chain id"]) == ["Pending", "Running", "Completed"]
    assert states(home, "task_run", found["retried id"])[-2:] == ["Retrying", "Completed"]
    inputs = next(run["task_inputs"] for run in records(home, "task_run") if run["id"] == str(found["chain id"]))
    assert {"input_type": "task_run", "id": str(found["first id"])} in inputs["wait_for"]
    assert Path(attempts).stat().st_size == 3


def test_runner_returns_states_of_the_futures_that_a_flow_returns(runner: Any):
    @flow(task_runner=runner)
    def program() -> Any:
        return add.submit(1), add.submit(2)

    assert [state.result() for state in program()] == [2, 3]


def test_flow_end_waits_for_submitted_runs(runner: Any, home: Path):
    ids: list[Any] = []

    @flow(task_runner=runner)
    def program() -> None:
        ids.append(add.submit(add.submit(1)).task_run_id)

    program()
    assert states(home, "task_run", ids[0]) == ["Pending", "Running", "Completed"]


def test_interruption_cancels_runs_that_have_not_started(runner: Any, home: Path, tmp_path: Path):
    ids: list[Any] = []

    @flow(task_runner=runner)
    def program() -> None:
        ids.extend(future.task_run_id for future in [add.submit(number) for number in range(20)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program()
    for run_id in ids:
        assert states(home, "task_run", run_id) in (["Pending", "Running", "Completed"], ["Pending", "Cancelled"])


def test_submit_raises_when_the_runner_is_not_started(runner: Any):
    with pytest.raises(RuntimeError, match="must be started"):
        runner.submit(add, {})
    with runner, pytest.raises(RuntimeError, match="already started"):
        runner.__enter__()


def test_runners_are_equal_by_their_options(runner: Any):
    assert runner == runner.duplicate() and hash(runner) == hash(runner.duplicate())
    assert runner != object()


@pytest.mark.parametrize("kind", ["processes", DASK], indirect=True)
def test_task_logs_where_it_runs_and_values_that_cannot_travel_are_errors(runner: Any, home: Path):
    @flow(task_runner=runner)
    def program() -> dict[str, Any]:
        heavy, here = unpicklable.submit(), describe.submit(threading.Lock())
        wait([heavy, here])
        with pytest.raises(Exception, match="cannot be sent back"):
            heavy.result()
        return {"pid": prints.submit().result(), "here": here.state}

    found = program()
    assert found["pid"] != os.getpid()
    assert found["here"].is_crashed() and "could not be sent" in found["here"].message
    assert any("said in the task" in log["message"] for log in records(home, "log"))
