"""Processes that are killed, interrupted, forked and concurrent: their records and exit codes."""

import os
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from prefect.client.orchestration import get_client
from prefect.journal import reader
from tests.recorded import finished, records, run, started, states


def read_runs() -> list[tuple[str, str]]:
    """Return the names of flow runs and of their states in the local store."""
    with get_client(sync_client=True) as client:
        return sorted((run.name, run.state.name if run.state else "") for run in client.read_flow_runs())


def wait_for_line(program: "subprocess.Popen[str]") -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


SLACK = 10.0
"""Seconds by which a busy machine may delay the writer thread, and its disk a commit."""

RUNS_FOR_EVER = """
import itertools, time

@task
def step(number):
    return number

@flow(flow_run_name="endless")
def program():
    for number in itertools.count():
        step(number)
        if number % 20 == 0:
            print(time.time(), flush=True)

program()
"""


@pytest.mark.parametrize("lines", [1, 5, 30])
def test_killed_process_loses_only_latest_records(home: Path, lines: int):
    program = started(RUNS_FOR_EVER)
    times = [float(wait_for_line(program)) for _ in range(lines)]
    killed = _kill(program)
    steps = records(home, "task_run")
    if killed - times[0] > 0.2:
        last = max(datetime.fromisoformat(step["created"]).timestamp() for step in steps)
        assert killed - last < 0.2 + SLACK
    assert read_runs() in ([], [("endless", "Crashed")])
    with get_client(sync_client=True) as client:
        shown = client.read_task_runs(limit=200)
    assert len(shown) == min(200, len(steps))


def _kill(program: "subprocess.Popen[str]") -> float:
    killed = time.time()
    program.kill()
    program.communicate()
    return killed


def test_killed_idle_process_loses_nothing(home: Path):
    program = started(
        """
        import sys

        @task
        def step(number):
            return number

        @flow(flow_run_name="waits")
        def program():
            for number in range(100):
                step(number)
            from prefect import journal
            journal.flush()
            print("written", flush=True)
            sys.stdin.read()

        program()
        """
    )
    assert wait_for_line(program) == "written"
    _kill(program)
    assert len(records(home, "task_run")) == 100
    assert states(home, "task_run").count("Completed") == 100
    assert read_runs() == [("waits", "Crashed")]


def test_concurrent_programs_record_everything(home: Path):
    """The short form; set `many` to 40 for the long one."""
    many = int(os.environ.get("TEST_MANY_PROGRAMS", "8"))
    code = """
    import sys

    @task
    def step(number):
        return number

    @flow
    def program():
        return sum(step.map(range(20)).result())

    sys.stdin.read()
    assert program() == 190
    """
    programs = [started(code) for _ in range(many)]
    for program in programs:
        assert program.stdin is not None
        program.stdin.close()
        program.stdin = None
    for program in programs:
        code_, _, err = finished(program)
        assert (code_, err) == (0, "")
    assert len(records(home, "process")) == many
    assert len(records(home, "task_run")) == 20 * many
    assert states(home, "task_run").count("Completed") == 20 * many
    assert states(home, "flow_run").count("Completed") == many
    assert [state for _, state in read_runs()] == ["Completed"] * many


INTERRUPTED = """
import asyncio, os, signal, sys, threading

def hook(flow, run, state):
    print("hook", state.name, flush=True)

{code}
"""

SYNC = """
@task(on_failure=[hook])
def inner():
    INTERRUPT
    threading.Event().wait(10)

@flow(on_crashed=[hook])
def program():
    inner()

program()
"""
ASYNC = """
@task
async def inner():
    INTERRUPT
    await asyncio.sleep(10)

@flow(on_crashed=[hook])
async def program():
    await inner()

asyncio.run(program())
"""
SUBMITTED = """
@task
def inner():
    started.set()
    release.wait(10)

started, release = threading.Event(), threading.Event()

@flow(on_crashed=[hook])
def program():
    future = inner.submit()
    started.wait()
    threading.Timer(0.1, release.set).start()
    INTERRUPT
    future.wait()

program()
"""
BARE = """
@task
def program():
    INTERRUPT
    threading.Event().wait(10)

program()
"""
SUBFLOW = """
@flow(on_crashed=[hook])
def inner():
    INTERRUPT
    threading.Event().wait(10)

@flow(on_crashed=[hook])
def program():
    inner()

program()
"""
IN_TIME = SYNC.replace("@flow(", "@flow(timeout_seconds=10, ")

SIGTERM, SIGINT, EXIT = "os.kill(os.getpid(), signal.SIGTERM)", "os.kill(os.getpid(), signal.SIGINT)", "sys.exit(7)"
INTERRUPTS = {
    "SIGTERM": (SIGTERM, -signal.SIGTERM),
    "SIGINT": (SIGINT, -signal.SIGINT),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", -signal.SIGINT),
    "SystemExit": (EXIT, 7),
}
PROGRAMS = {
    "sync": (SYNC, 1),
    "async": (ASYNC, 1),
    "submitted": (SUBMITTED, 1),
    "bare task": (BARE, 0),
    "subflow": (SUBFLOW, 2),
    "in time": (IN_TIME, 1),
}


@pytest.mark.parametrize("interrupt", INTERRUPTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_interruption_is_recorded_and_sets_exit_code(home: Path, program: str, interrupt: str):
    code, hooks = PROGRAMS[program]
    statement, expected = INTERRUPTS[interrupt]
    status, out, err = run(INTERRUPTED.format(code=code.replace("INTERRUPT", statement)))
    assert status == expected, err
    assert out.split("\n")[:-1] == ["hook Crashed"] * hooks
    kind = "task_run" if program == "bare task" else "flow_run"
    final = [names[-1] for names in _histories(home, kind)]
    assert final == ["Crashed"] * max(1, hooks)
    messages = {record["message"] for record in records(home, "state") if record["name"] == "Crashed"}
    wording = {"SIGTERM": "termination signal", "SystemExit": "system exit"}.get(interrupt, "interrupt signal")
    assert any(wording in message for message in messages) or program == "async", messages


def _histories(home: Path, kind: str) -> list[list[str]]:
    runs = {record["run_id"] for record in records(home, "state") if record["of"] == kind}
    return [states(home, kind, run_id) for run_id in runs]


def test_sigterm_crashes_remaining_flow(home: Path):
    status, out, err = run(
        """
        import asyncio, os, signal

        @flow
        async def short(): ...

        @flow(on_crashed=[lambda flow, run, state: print("hook", state.name)])
        async def long(first):
            await first
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)

        async def main():
            first = asyncio.ensure_future(short())
            await asyncio.gather(first, long(asyncio.shield(first)))

        asyncio.run(main())
        """
    )
    assert (status, out) == (-signal.SIGTERM, "hook Crashed\n"), err
    assert sorted(names[-1] for names in _histories(home, "flow_run")) == ["Completed", "Crashed"]


def test_signal_handler_set_by_a_flow_is_kept(home: Path):
    status, out, err = run(
        """
        import os, signal

        @flow
        def program():
            signal.signal(signal.SIGTERM, lambda *_: print("mine"))

        program()
        os.kill(os.getpid(), signal.SIGTERM)
        """
    )
    assert (status, out, err) == (0, "mine\n", "")


def test_sigterm_handler_of_the_program_is_called(home: Path):
    status, out, err = run(
        """
        import os, signal
        signal.signal(signal.SIGTERM, lambda *_: print("mine"))

        @flow
        def program():
            os.kill(os.getpid(), signal.SIGTERM)
            return "done"

        print(program())
        """
    )
    assert (status, out, err) == (0, "mine\ndone\n", "")


def test_sigterm_handler_is_restored_after_a_flow(home: Path):
    status, out, _ = run(
        """
        import os, signal

        @flow
        def program():
            pass

        program()
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        """
    )
    assert (status, out) == (0, "True\n")


def test_threads_after_main_program_are_recorded(home: Path):
    status, out, err = run(
        """
        import threading

        @flow
        def program():
            threading.main_thread().join()
            return 1

        threading.Thread(target=program).start()
        """
    )
    assert (status, out, err) == (0, "", "")
    assert states(home, "flow_run") == ["Pending", "Running", "Completed"]
    assert reader.measure_pending(home)[0] > 0


def test_unfinished_generator_does_not_block_exit(home: Path):
    status, out, err = run(
        """
        @task
        def numbers():
            yield 1
            yield 2

        left = numbers()
        print(next(left))
        """
    )
    assert (status, out, err) == (0, "1\n", "")
    assert states(home, "task_run") == ["Pending", "Running", "Completed"]
