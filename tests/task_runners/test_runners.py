"""Task runners inside flows: dependencies, nesting, crashes, and worker processes."""

import asyncio
import logging
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.exceptions import UnfinishedRun
from prefect.futures import as_completed, wait
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner, threads
from prefect.task_runners.pool import ThreadPool
from prefect.types import new_id
from tests.recorded import records, states

TIMEOUT_SECONDS = 60.0


@task
def add(*numbers: int) -> int:
    return 1 + sum(numbers)


@task
def double(number: int) -> int:
    return number * 2


@task
def broken() -> int:
    raise KeyError("broken")


@task
def nested(depth: int) -> int:
    return 1 if depth == 0 else 1 + nested.submit(depth - 1).result()


@task
async def anested(depth: int) -> int:
    return 1 if depth == 0 else 1 + await anested.submit(depth - 1).result_async()


@task
async def anested_blocking(depth: int) -> int:
    return 1 if depth == 0 else 1 + anested_blocking.submit(depth - 1).result()


@task(timeout_seconds=TIMEOUT_SECONDS)
def nested_in_time(depth: int) -> int:
    return 1 if depth == 0 else 1 + nested_in_time.submit(depth - 1).result()


@task
def nested_map(depth: int) -> int:
    return 1 if depth == 0 else 1 + sum(nested_map.map([depth - 1, depth - 1]).result())


@task
async def gathers(depth: int) -> int:
    if depth == 0:
        return 1
    futures = [gathers.submit(depth - 1) for _ in range(2)]
    return 1 + sum(await asyncio.gather(*(future.result_async() for future in futures)))


@pytest.mark.parametrize("max_workers", [1, 2, None])
@pytest.mark.parametrize(
    ("nesting", "result"),
    [(nested, 4), (anested, 4), (anested_blocking, 4), (nested_in_time, 4), (nested_map, 15), (gathers, 15)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_nested_submission_completes(nesting: Any, result: int, max_workers: int | None):
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=max_workers))
    def outer() -> int:
        return nesting.submit(3).result(timeout=TIMEOUT_SECONDS)

    assert outer() == result


def test_run_waiting_for_its_upstream_holds_no_thread():
    go = threading.Event()
    threads: list[int] = []

    @task
    def first() -> int:
        go.wait(TIMEOUT_SECONDS)
        return 0

    @flow
    def program() -> list[int]:
        upstream = first.submit()
        futures = [add.submit(upstream) for _ in range(500)]
        threads.append(threading.active_count())
        before = len([thread for thread in threading.enumerate() if thread.name == "prefect-task"])
        assert before == 1, "only the first one runs"
        go.set()
        return [future.result() for future in futures]

    assert program() == [1] * 500


@pytest.mark.parametrize("seed", range(12))
def test_random_run_graph_equals_plain_calls(seed: int):
    """Each run adds the results of earlier runs, passed as futures, in lists, or waited for; some are nested."""
    chance = random.Random(seed)
    count = chance.randrange(5, 40)
    parents = [
        [chance.randrange(index) for _ in range(chance.randrange(0, 4))] if index else [] for index in range(count)
    ]
    limit = chance.choice([1, 2, 5, None])
    kinds = [chance.choice(["call", "submit", "inside", "waits"]) for _ in range(count)]

    @task
    def inside(numbers: list[int]) -> int:
        return add.submit(*numbers).result()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=limit))
    def program() -> list[int]:
        runs: list[Any] = []
        for index in range(count):
            arguments = [runs[parent] for parent in parents[index]]
            kind = kinds[index]
            if kind == "call":
                runs.append(add(*arguments))
            elif kind == "submit":
                runs.append(add.submit(*arguments))
            elif kind == "inside":
                runs.append(inside.submit(arguments))
            else:
                futures = [item for item in arguments if not isinstance(item, int)]
                runs.append(add.submit(*arguments, wait_for=futures))
        return [run if isinstance(run, int) else run.result(timeout=TIMEOUT_SECONDS) for run in runs]

    expected: list[int] = []
    for index in range(count):
        expected.append(1 + sum(expected[parent] for parent in parents[index]))
    assert program() == expected


def test_dependent_of_a_failed_run_does_not_run(home: Path):
    @flow
    def program() -> Any:
        upstream = broken.submit()
        late = add.submit(upstream)
        later = add.submit(late)
        wait([late, later])
        with pytest.raises(UnfinishedRun):
            late.result()
        return [late.state.name, later.state.name]

    assert program() == ["NotReady", "NotReady"]


def test_as_completed_in_a_flow():
    gates = [threading.Event() for _ in range(3)]

    @task
    def gated(index: int) -> int:
        gates[index].wait(TIMEOUT_SECONDS)
        return index

    @flow
    def program() -> list[int]:
        futures = gated.map([0, 1, 2])
        gates[2].set()
        order = []
        for future in as_completed(futures, timeout=TIMEOUT_SECONDS):
            order.append(future.result())
            if order[-1]:
                gates[order[-1] - 1].set()
        return order

    assert program() == [2, 1, 0]


def test_flow_crash_cancels_runs_that_have_not_started(home: Path):
    release, running = threading.Event(), threading.Event()
    futures: list[Any] = []

    @task
    def waits() -> None:
        running.set()
        release.wait(TIMEOUT_SECONDS)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def program() -> None:
        first = waits.submit()
        running.wait(TIMEOUT_SECONDS)
        futures.extend([add.submit(), add.submit(first), add.submit(wait_for=[first])])
        futures[0].add_done_callback(lambda _: release.set())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program()
    for future in futures:
        assert future.state.is_cancelled()
        assert states(home, "task_run", future.task_run_id) == ["Pending", "Cancelled"]


def test_run_waiting_for_a_cancelled_run_does_not_hang(home: Path, monkeypatch: pytest.MonkeyPatch):
    running, crashing = threading.Event(), threading.Event()
    cancel_all = ThreadPoolTaskRunner.cancel_all

    def cancel_and_signal(runner: ThreadPoolTaskRunner) -> None:
        cancel_all(runner)
        crashing.set()

    monkeypatch.setattr(ThreadPoolTaskRunner, "cancel_all", cancel_and_signal)

    @task
    def never() -> None:
        pytest.fail("the flow had crashed")

    @task
    def waits(future: Any) -> str:
        running.set()
        crashing.wait(TIMEOUT_SECONDS)
        blocked.submit()
        later = never.submit()
        later.wait()
        return later.state.name

    @task
    def blocked() -> None:
        crashing.wait(TIMEOUT_SECONDS)

    outcome: list[Any] = []

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def program() -> None:
        outcome.append(waits.submit(None))
        running.wait(TIMEOUT_SECONDS)
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        program()
    assert outcome[0].result(timeout=TIMEOUT_SECONDS) == "Cancelled"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_interrupted_run_does_not_end_the_pool(home: Path, interruption: type[BaseException]):
    @task
    def interrupted() -> None:
        raise interruption

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def program() -> tuple[str, int]:
        future = interrupted.submit()
        future.wait()
        return future.state.name, add.submit().result(timeout=TIMEOUT_SECONDS)

    assert program() == ("Crashed", 1)


def test_run_that_waits_for_itself_raises():
    box: list[Any] = []
    started = threading.Event()

    @task
    def returns_itself() -> Any:
        started.wait(TIMEOUT_SECONDS)
        return box[0].result()

    @flow
    def program() -> Any:
        box.append(returns_itself.submit())
        started.set()
        return box[0].result(timeout=TIMEOUT_SECONDS)

    with pytest.raises(ValueError, match="waits for itself, which is a deadlock"):
        program()


def test_runs_that_wait_for_each_other_raise():
    futures: dict[str, Any] = {}
    both = threading.Event()

    @task
    def waits_for(name: str) -> Any:
        both.wait(TIMEOUT_SECONDS)
        return futures[name].result()

    @flow
    def program() -> list[Any]:
        futures["a"] = waits_for.submit("b")
        futures["b"] = waits_for.submit("a")
        both.set()
        return [futures[name].result(timeout=TIMEOUT_SECONDS, raise_on_failure=False) for name in "ab"]

    errors = program()
    assert any("waits for itself" in str(error) for error in errors)
    assert all(isinstance(error, ValueError) for error in errors)


def test_run_with_its_own_future_in_a_list_ends_not_ready():
    box: list[Any] = []

    @task
    def first() -> int:
        go.wait(TIMEOUT_SECONDS)
        return 1

    @task
    def takes(values: list[Any]) -> int:
        return len(values)

    go = threading.Event()

    @flow
    def program() -> Any:
        box.append(first.submit())
        box.append(takes.submit(box))
        go.set()
        box[1].wait(timeout=TIMEOUT_SECONDS)
        return box[1].state.name

    assert program() == "NotReady"


def test_flow_completes_ten_thousand_runs(home: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "prefect.task_runs")  # what pytest keeps of a log costs more than the run

    @task
    def identity(number: int) -> int:
        return number

    @flow
    def program() -> int:
        return sum(identity.map(range(10_000)).result())

    assert program() == sum(range(10_000))
    assert len(records(home, "task_run")) == 10_000
    assert states(home, "task_run").count("Completed") == 10_000


def test_submit_works_outside_of_a_flow():
    assert add.submit(1).result(timeout=TIMEOUT_SECONDS) == 2
    assert double.map([1, 2]).result(timeout=TIMEOUT_SECONDS) == [2, 4]


def test_runner_raises_when_not_started_or_started_twice():
    runner = ThreadPoolTaskRunner()
    with pytest.raises(RuntimeError, match="must be started"):
        runner.submit(add, {})
    with runner, pytest.raises(RuntimeError, match="already started"):
        runner.__enter__()


@pytest.mark.parametrize("kind", [ThreadPoolTaskRunner, ProcessPoolTaskRunner])
def test_runner_validates_and_duplicates_max_workers(kind: Any):
    with pytest.raises(ValueError, match="at least 1"):
        kind(max_workers=0)
    assert kind(max_workers=3).duplicate()._max_workers == 3
    assert ThreadPoolTaskRunner(2) == ThreadPoolTaskRunner(2) != ThreadPoolTaskRunner(3)


def test_forked_child_of_a_submitted_run_can_submit():
    @task
    def forks() -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(add.submit(40, 1).result(timeout=TIMEOUT_SECONDS))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def program() -> int:
        return forks.submit().result(timeout=TIMEOUT_SECONDS)

    assert program() == 42


# --- processes --------------------------------------------------------------------------------------------------------


@task
def pid() -> int:
    return os.getpid()


@task
def unpicklable() -> Any:
    return threading.Lock()


@task
def dies() -> None:
    os._exit(7)


@task
def interrupts() -> None:
    raise KeyboardInterrupt


def test_process_pool_runs_tasks_in_other_processes(home: Path):
    """One pool serves all cases, because starting processes is slow."""

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def program() -> dict[str, Any]:
        number = add.submit(1)
        waits_for = add.submit(number, wait_for=[number])
        chain = add.submit(waits_for)
        failure, late = broken.submit(), add.submit(broken.submit())
        heavy = unpicklable.submit()
        stopped = interrupts.submit()
        here = add.submit(threading.Lock())
        found = {
            "pid": pid.submit().result(),
            "chain": chain.result(),
            "map": double.map([1, 2, 3]).result(),
            "nested": nested.submit(2).result(),
            "error": failure.result(raise_on_failure=False),
        }
        wait([failure, late, heavy, here, stopped])
        found |= {"late": late.state, "heavy": heavy.state, "here": here.state, "stopped": stopped.state}
        found["heavy id"] = heavy.task_run_id
        found["chain id"] = chain.task_run_id
        return found

    found = program()
    assert found["pid"] != os.getpid()
    assert (found["chain"], found["map"], found["nested"]) == (4, [2, 4, 6], 3)
    assert repr(found["error"]) == "KeyError('broken')"
    assert found["late"].name == "NotReady"
    assert found["here"].is_crashed() and "could not be sent" in found["here"].message
    assert found["heavy"].is_crashed() and "cannot be sent back" in found["heavy"].message
    assert found["stopped"].is_crashed()
    assert states(home, "task_run", found["chain id"]) == ["Pending", "Running", "Completed"]
    assert states(home, "task_run", found["heavy id"])[-1] == "Crashed", "what was recorded is what the caller got"


def test_run_is_crashed_when_its_process_dies(home: Path):
    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def program() -> Any:
        future = dies.submit()
        future.wait()
        return future.state.name, future.task_run_id

    name, run_id = program()
    assert name == "Crashed"
    assert states(home, "task_run", run_id)[-1] == "Crashed"
    assert new_id() != run_id


def test_task_runners_are_equal_by_kind_and_options():
    assert ThreadPoolTaskRunner(max_workers=2) == ThreadPoolTaskRunner(max_workers=2).duplicate()
    assert ThreadPoolTaskRunner(max_workers=2) != ThreadPoolTaskRunner(max_workers=3)
    runner = ProcessPoolTaskRunner(max_workers=2, initializer=print, initargs=(1,))
    assert runner == runner.duplicate() and hash(runner) == hash(runner.duplicate())
    assert runner != ProcessPoolTaskRunner(max_workers=2)
    assert ProcessPoolTaskRunner(max_workers=2) != ThreadPoolTaskRunner(max_workers=2)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[ThreadPool]:
    """The pools of threads that are made."""
    made: list[ThreadPool] = []

    def make(*args: Any, **kwargs: Any) -> ThreadPool:
        made.append(ThreadPool(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(threads, "ThreadPool", make)
    return made


def test_flow_that_submits_nothing_makes_no_pool(pools: list[ThreadPool]):
    @flow
    def main() -> int:
        return add(1)

    assert (main(), pools) == (2, [])


def test_first_submissions_of_several_threads_share_one_pool(pools: list[ThreadPool]):
    together = threading.Barrier(8)

    def submit(runner: ThreadPoolTaskRunner[Any], number: int) -> Any:
        together.wait(TIMEOUT_SECONDS)
        return runner.submit(add, {"numbers": (number,)})

    with ThreadPoolTaskRunner() as runner, ThreadPoolExecutor(8) as executor:
        futures = list(executor.map(lambda number: submit(runner, number), range(8)))
    assert [future.result() for future in futures] == list(range(1, 9))
    assert len(pools) == 1
