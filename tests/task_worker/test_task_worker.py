"""Background tasks on the local store: submitting, running, results, retries, crashes of workers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from prefect import Task, flow, tags, task
from prefect.client.orchestration import get_client
from prefect.context import TaskRunContext
from prefect.futures import PrefectDistributedFuture, wait
from prefect.results import ResultStore, deferred
from prefect.schemas.runs import TaskRun, TaskRunResult
from prefect.states import Cancelled
from prefect.task_runners import PrefectTaskRunner
from prefect.task_runs import TaskRunWaiter
from prefect.task_worker import (
    TaskWorker,
    aserve,
    create_status_server,
    read_parameters,
    serve,
    should_try_to_read_parameters,
    store_parameters,
)

TIMEOUT_SECONDS = 60.0


@task
def add(x: int, y: int = 2) -> int:
    return x + y


@task
async def double(x: int) -> int:
    return x * 2


@task(retries=1)
def fail_once() -> None:
    if TaskRunContext.get().task_run.run_count < 2:  # pyright: ignore[reportOptionalMemberAccess]
        raise ValueError("not yet")


@contextmanager
def serving(*tasks: Task[..., Any], limit: int | None = 10) -> Iterator[TaskWorker]:
    """Run a task worker in a thread until the end of the block."""
    worker = TaskWorker(*tasks, limit=limit)
    thread = threading.Thread(target=worker.start)
    thread.start()
    try:
        yield worker
    finally:
        while not worker.started:
            pass
        worker.stop()
        thread.join(TIMEOUT_SECONDS)


def test_delay_returns_a_future_of_the_run(home: Path) -> None:
    future = add.delay(1, y=4)
    assert future.state.name == "Scheduled"
    with serving(add, double):
        assert future.result(timeout=TIMEOUT_SECONDS) == 5
        assert double.delay(4).result(timeout=TIMEOUT_SECONDS) == 8
    assert future.state.is_completed()


def test_run_keeps_tags_and_dependencies(home: Path) -> None:
    upstream = TaskRunResult(id=uuid4())
    with tags("nightly"):
        future = add.apply_async(args=(1,), kwargs={"y": 3}, dependencies={"x": {upstream}})
    run = get_client(sync_client=True).read_task_run(future.task_run_id)
    assert run.tags == ["nightly"] and run.task_inputs["x"] == [upstream]
    assert run.state is not None and run.state.state_details.deferred


def test_arguments_and_results_are_files_of_the_storage_only(home: Path) -> None:
    future = add.delay(123456789)
    assert find_parameters(home) == [str(read_run(future).state_details.task_parameters_id)]
    with serving(add):
        future.wait(timeout=TIMEOUT_SECONDS)
    assert b"123456789" not in (home / "pluperfect.db").read_bytes()


def find_parameters(home: Path) -> list[str]:
    return [path.name for path in (home / "storage" / "parameters").iterdir()]


def test_parameters_are_deleted_when_their_run_has_ended(home: Path) -> None:
    futures = [add.delay(1), fail_once.delay()]
    with serving(add, fail_once):
        for future in futures:
            future.wait(timeout=TIMEOUT_SECONDS)
    assert [future.state.name for future in futures] == ["Completed", "Completed"]
    assert find_parameters(home) == []


async def test_parameters_stay_while_the_api_does_not_know_the_end_of_their_run(home: Path) -> None:
    future = await asyncio.to_thread(add.delay, 1)
    async with get_client() as client, TaskWorker(add) as worker:
        run = await client.read_task_run(future.task_run_id)
        assert worker._queue is not None
        assert not await worker._queue.finish(run.id)
        await worker.execute_task_run(run)
        assert len(find_parameters(home)) == 1
        assert await worker._queue.finish(run.id)


async def test_worker_deletes_parameters_of_runs_that_ended_without_one(home: Path) -> None:
    futures = [await asyncio.to_thread(add.delay, number) for number in range(3)]
    cancelled, waiting, new = (str(future.task_run_id) for future in futures)
    for name in (cancelled, waiting):
        os.utime(home / "storage" / "parameters" / name, (0, 0))
    (home / "storage" / "parameters" / "notes.txt").write_text("")
    async with get_client() as client, TaskWorker(add) as worker:
        for future in (futures[0], futures[2]):
            await client.set_task_run_state(future.task_run_id, Cancelled(), force=True)
        assert worker._queue is not None
        assert await deferred.delete_leftovers(await deferred.open_store(add), worker._queue.find_ended) == 1
    assert sorted(find_parameters(home)) == sorted([waiting, new, "notes.txt"])


def read_run(future: PrefectDistributedFuture[Any]) -> Any:
    return get_client(sync_client=True).read_task_run_states(future.task_run_id)[0]


def test_futures_among_the_arguments_are_resolved_first(home: Path) -> None:
    with serving(add):
        first = add.delay(1)
        second = add.apply_async((first,), wait_for=[first])
        assert second.result(timeout=TIMEOUT_SECONDS) == 5


def test_deferred_map_and_task_runner_use_workers(home: Path) -> None:
    @flow(task_runner=PrefectTaskRunner())
    def program() -> list[int]:
        futures = [add.submit(number) for number in range(3)]
        return [future.result(timeout=TIMEOUT_SECONDS) for future in futures]

    with serving(add):
        assert program() == [2, 3, 4]
        mapped = add.map([1, 2], y=1, deferred=True)
        assert not wait(list(mapped), timeout=TIMEOUT_SECONDS).not_done
        assert [future.result() for future in mapped] == [2, 3]


def test_created_run_is_deferred(home: Path) -> None:
    run = asyncio.run(add.create_run(parameters={"x": 1}, deferred=True))
    with serving(add):
        assert PrefectDistributedFuture[int](run.id).result(timeout=TIMEOUT_SECONDS) == 3


def test_submitted_run_has_the_named_dependencies(home: Path) -> None:
    upstream = uuid4()
    with PrefectTaskRunner() as runner:
        links: Any = {"x": [{"input_type": "task_run", "id": upstream}]}
        future = runner.submit(add, {"x": 1, "y": 2}, dependencies=links)
    run = get_client(sync_client=True).read_task_run(future.task_run_id)
    assert run.task_inputs["x"] == [TaskRunResult(id=upstream)]


def test_failure_is_raised_where_the_result_is_awaited(home: Path) -> None:
    attempts: list[int] = []

    @task(retries=1)
    def fails() -> None:
        attempts.append(1)
        raise ValueError("no such day")

    with serving(fails):
        with pytest.raises(ValueError, match="no such day"):
            fails.delay().result(timeout=TIMEOUT_SECONDS)
    assert len(attempts) == 2


def test_result_that_is_not_awaited_in_time_raises(home: Path) -> None:
    with pytest.raises(TimeoutError):
        add.delay(1).result(timeout=0.05)


def test_runs_are_taken_in_the_order_of_their_arrival_within_the_limit(home: Path) -> None:
    order: list[int] = []
    busy = peak = 0

    @task
    def note(number: int) -> None:
        nonlocal busy, peak
        busy += 1
        peak = max(peak, busy)
        order.append(number)
        busy -= 1

    futures = [note.delay(number) for number in range(5)]
    with serving(note, limit=1):
        for future in futures:
            future.wait(timeout=TIMEOUT_SECONDS)
    assert order == [0, 1, 2, 3, 4] and peak == 1


def test_done_callback_is_called_when_another_process_has_finished(home: Path) -> None:
    called, waited = threading.Event(), threading.Event()
    future = add.delay(1)
    future.add_done_callback(lambda _: called.set())
    TaskRunWaiter.add_done_callback(future.task_run_id, callback=waited.set)
    with serving(add):
        assert called.wait(TIMEOUT_SECONDS) and waited.wait(TIMEOUT_SECONDS)
    state = asyncio.run(TaskRunWaiter.wait_for_task_run(future.task_run_id, timeout=TIMEOUT_SECONDS))
    assert state is not None and state.is_completed()
    TaskRunWaiter.instance().stop()


PROGRAM = """
import os, sys, time
from pathlib import Path
from prefect import journal, task
@task
def work(log):
    journal.flush()
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\\n")
    if len(Path(log).read_text().split()) == 1:
        time.sleep(100)
    return os.getpid()
"""


def test_run_of_a_killed_worker_is_delivered_again(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    log = tmp_path / "log"
    script = "import sys; sys.path.insert(0, '.'); from program import work; print(work.delay(sys.argv[1]).task_run_id)"
    done = subprocess.run([sys.executable, "-c", script, str(log)], check=True, capture_output=True, text=True)
    command = [sys.executable, "-m", "prefect", "task", "serve", "program.py:work"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not log.exists() or not log.read_text().endswith("\n"):
        assert first.poll() is None
    first.kill()
    first.wait()
    second = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        future: PrefectDistributedFuture[int] = PrefectDistributedFuture(UUID(done.stdout.strip()))
        assert future.result(timeout=TIMEOUT_SECONDS) == second.pid
    finally:
        second.send_signal(signal.SIGTERM)
        assert second.wait() == 0
    states = get_client(sync_client=True).read_task_run_states(future.task_run_id)
    assert [state.name for state in states] == ["Scheduled", "Running", "Scheduled", "Retrying", "Completed"]


# --- the worker itself -----------------------------------------------------------------------------------------------


def test_worker_needs_tasks(home: Path) -> None:
    with pytest.raises(ValueError, match="at least one task"):
        TaskWorker()
    with pytest.raises(TypeError, match="not a task"):
        TaskWorker(print)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="at least 1"):
        TaskWorker(add, limit=0)


async def test_status_shows_the_worker(home: Path) -> None:
    worker = TaskWorker(add, limit=3)
    transport = httpx.ASGITransport(create_status_server(worker))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        shown = (await client.get("/status")).json()
    assert worker.client_id.endswith(str(os.getpid()))
    assert shown == {
        "client_id": worker.client_id,
        "started_at": None,
        "stopping": False,
        "limit": 3,
        "current": 0,
        "available": 3,
        "tasks": [add.task_key],
        "finished": {add.task_key: 0},
        "in_flight": {add.task_key: {}},
    }


async def test_serve_ends_after_its_timeout(home: Path) -> None:
    await aserve(add, limit=None, status_server_port=None, timeout=0.01)
    await serve(double, limit=2, timeout=0.01)
    await TaskWorker(add).start(timeout=0.01)


async def test_parameters_that_cannot_be_read_crash_the_run(home: Path) -> None:
    future = await asyncio.to_thread(add.delay, 1)
    for path in (home / "storage" / "parameters").iterdir():
        path.unlink()
    async with get_client() as client:
        run = await client.read_task_run(future.task_run_id)
        await TaskWorker(add).execute_task_run(run)
        state = (await client.read_task_run(future.task_run_id)).state
    assert state is not None and state.is_crashed() and "cannot be read" in (state.message or "")


async def test_parameters_are_stored_and_read(home: Path) -> None:
    store, name = ResultStore(), uuid4()
    await store_parameters(store, name, {"x": 1})
    assert await read_parameters(store, name) == {"x": 1}
    assert not should_try_to_read_parameters(add, TaskRun(task_key="k", dynamic_key="d"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name the tasks to serve"),
        (["program.txt"], "names no task"),
        (["missing.py:work"], "cannot be loaded"),
        (["served.py:wrok"], "There is no 'wrok' in 'served.py'"),
        (["-m", "no_such_module"], "cannot be imported"),
    ],
)
def test_command_names_what_is_wrong(home: Path, arguments: list[str], message: str) -> None:
    Path("served.py").write_text("")
    command = [sys.executable, "-m", "prefect", "task", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
