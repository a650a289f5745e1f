"""The end of a task runner: it completes submitted runs, or cancels them after a timeout or an interruption."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from tests.recorded import run, states

TIMEOUT_SECONDS = 60.0


@task
def add(*numbers: int) -> int:
    return 1 + sum(numbers)


@pytest.mark.parametrize("runner", [ThreadPoolTaskRunner(1), ProcessPoolTaskRunner(1)], ids=["threads", "processes"])
def test_flow_end_waits_for_pending_runs(runner: Any, home: Path):
    ids: list[UUID] = []

    @flow(task_runner=runner)
    def program() -> None:
        ids.append(add.submit(add.submit(1)).task_run_id)

    program()

    assert states(home, "task_run", ids[0]) == ["Pending", "Running", "Completed"]


def test_interruption_cancels_runs_that_have_not_started(home: Path):
    ids: list[UUID] = []

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def program() -> None:
        futures = [add.submit(number) for number in range(6)]
        futures.append(add.submit(futures[-1]))
        ids.extend(future.task_run_id for future in futures)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program()

    assert [states(home, "task_run", id_) for id_ in ids[-2:]] == [["Pending", "Cancelled"]] * 2


def test_timed_out_flow_starts_no_more_tasks(home: Path):
    released = threading.Event()
    futures: list[Any] = []

    @task
    def waits() -> bool:
        return released.wait(TIMEOUT_SECONDS)

    @flow(task_runner=ThreadPoolTaskRunner(1), timeout_seconds=1.0)
    def program() -> None:
        futures.extend((waits.submit(), waits.submit()))
        futures[1].add_done_callback(lambda _: released.set())
        futures[0].wait()

    assert program(return_state=True).name == "TimedOut"  # pyright: ignore[reportUnknownMemberType]
    assert [future.state.name for future in futures] == ["Completed", "Cancelled"]
    assert futures[0].result() is True, "the second was taken back at once, not after the first"


def test_cancelled_flow_starts_no_more_tasks(home: Path):
    released = threading.Event()
    futures: list[Any] = []

    @task
    def waits() -> bool:
        return released.wait(TIMEOUT_SECONDS)

    @flow(task_runner=ThreadPoolTaskRunner(1))
    async def program() -> None:
        futures.extend((waits.submit(), waits.submit()))
        futures[1].add_done_callback(lambda _: released.set())
        running = asyncio.current_task()
        assert running is not None
        asyncio.get_running_loop().call_soon(running.cancel)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(program())

    assert [future.state.name for future in futures] == ["Completed", "Cancelled"]
    assert futures[0].result() is True, "the second was taken back at once, not after the first"
    assert states(home, "flow_run") == ["Pending", "Running", "Crashed"]


def test_process_exit_waits_for_runs_submitted_outside_of_flows(home: Path):
    status, out, err = run(
        """
        import threading

        run_end = threading.Event()

        @task
        def late():
            run_end.wait(2)
            print("ran")

        @task
        def after(value): ...

        after.submit(late.submit())
        threading.Thread(target=lambda: (threading.main_thread().join(), run_end.set())).start()
        print("end")
        """
    )
    assert (status, out, err) == (0, "end\nran\n", "")
    assert sorted(states(home, "task_run")) == ["Completed", "Completed", "Pending", "Pending", "Running", "Running"]


INTERRUPTED = """
import threading
from prefect import flow, task

@task
def slow():
    print("started", flush=True)
    threading.Event().wait()

@flow
def main():
    slow.submit().result()

main()
"""


def test_second_interruption_ends_a_process_with_tasks_under_way(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stderr
    assert process.stdout.readline() == "started\n"

    process.send_signal(signal.SIGINT)
    message = next(line for line in process.stderr if "waiting for" in line)
    process.send_signal(signal.SIGINT)

    process.communicate(timeout=60)
    assert "waiting for 1 task run(s) that have started" in message and "Press Ctrl+C again" in message
    assert process.returncode == -signal.SIGINT
