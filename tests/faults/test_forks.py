"""Forked processes: a child behaves as Python's own would, and the runs that it begins are recorded."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from prefect import _forks, flow, journal
from prefect.client.orchestration import get_client
from prefect.engine.interruption import termination
from prefect.journal import writer
from prefect.outbox.store import Outbox
from tests.interrupts import list_python_calls
from tests.outbox.servers import FakeServer
from tests.recorded import finished, records, run, started, states

ENDED_WELL = ["Pending", "Running", "Completed"]


def histories(home: Path, kind: str) -> list[list[str]]:
    runs = {record["run_id"] for record in records(home, "state") if record["of"] == kind}
    return [states(home, kind, run_id) for run_id in runs]


def read_flow_run_states() -> list[str]:
    with get_client(sync_client=True) as client:
        return [str(run.state_name) for run in client.read_flow_runs()]


def test_multiprocessing_child_records_before_it_exits(home: Path):
    status, out, err = run(
        """
        import multiprocessing

        @task
        def step(number):
            return number

        @flow
        def program():
            child = multiprocessing.get_context("fork").Process(target=step, args=(1,))
            child.start()
            child.join()
            print(child.exitcode)

        program()
        """
    )
    assert (status, out, err) == (0, "0\n", "")
    assert len(records(home, "process")) == 2
    assert states(home, "task_run") == ENDED_WELL
    assert states(home, "flow_run") == ENDED_WELL


def test_forked_child_leaves_runs_to_its_parent(home: Path):
    """The child process exits inside the parent's runs, which keep the states that the parent records."""
    status, out, err = run(
        """
        import os, sys

        @task
        def step(number):
            return number

        @task
        def forks():
            pid = os.fork()
            if pid == 0:
                step(2)
                sys.exit(3)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        @flow
        def program():
            return forks()

        print(program())
        """
    )
    assert (status, out) == (0, "3\n"), err
    assert sorted(histories(home, "task_run")) == [["Pending", "Running", "Completed"]] * 2
    assert histories(home, "flow_run") == [["Pending", "Running", "Completed"]]
    assert read_flow_run_states() == ["Completed"]


POOL = """
import multiprocessing

def square(number):
    return number * number

def work():
    for _ in range(ROUNDS):
        with multiprocessing.get_context("fork").Pool(3) as pool:
            assert pool.map(square, range(20)) == [number * number for number in range(20)]
"""
POOL = POOL.replace("ROUNDS", "100" if os.environ.get("FAULTS") == "long" else "6")
TERMINATED_CHILD = """
import multiprocessing, threading

def wait_for_ever(started):
    started.set()
    threading.Event().wait()

def work():
    processes = multiprocessing.get_context("fork")
    started = processes.Event()
    child = processes.Process(target=wait_for_ever, args=(started,))
    child.start()
    started.wait()
    child.terminate()
    child.join()
    assert child.exitcode == -15, child.exitcode
"""
PLACES = {
    "flow": "flow(work)()",
    "task": "task(work)()",
    "task in a flow": "flow(lambda: task(work)())()",
    "submitted task": "flow(lambda: task(work).submit().result())()",
    "mapped task": "flow(lambda: task(lambda _: work()).map([1, 2]).result())()",
    "subflow": "flow(lambda: flow(work)())()",
    "async flow": """
import asyncio

@flow
async def program():
    work()

asyncio.run(program())
""",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("code", [POOL, TERMINATED_CHILD], ids=["pool", "terminated"])
def test_children_of_multiprocessing_work_and_are_terminated(code: str, place: str, home: Path):
    assert run(code + PLACES[place]) == (0, "", "")
    assert all(names == ENDED_WELL for kind in ("flow_run", "task_run") for names in histories(home, kind))


def test_flows_in_a_pool_are_recorded_when_it_is_terminated(home: Path):
    status, out, err = run(
        """
        import multiprocessing

        @task
        def step(number):
            return number

        @flow
        def work(number):
            return step(number)

        def call(number):
            return work(number)

        @flow
        def program():
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return pool.map(call, range(6))

        assert program() == list(range(6))
        """
    )
    assert (status, out, err) == (0, "", "")
    assert sorted(histories(home, "flow_run")) == [ENDED_WELL] * 7
    assert read_flow_run_states() == ["Completed"] * 7


def test_first_runs_of_many_threads_open_one_journal(home: Path):
    start, found = threading.Barrier(8), []

    @flow
    def program() -> None:
        found.append(journal.current())

    def body() -> None:
        start.wait()
        program()

    threads = [threading.Thread(target=body) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert writer.open_journals() == [journal.current()]
    assert len(records(home, "process")) == 1


def test_process_forks_and_exits_after_first_runs_in_threads(home: Path):
    status, out, err = run(
        """
        import os, sys, threading

        start = threading.Barrier(8)

        @flow
        def program():
            pass

        def body():
            start.wait()
            program()

        threads = [threading.Thread(target=body) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pid = os.fork()
        program()
        if pid == 0:
            sys.exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """
    )
    assert (status, out, err) == (0, "3\n", "")
    assert histories(home, "flow_run") == [ENDED_WELL] * 10


def test_forked_child_uses_every_open_journal(home: Path, tmp_path: Path):
    """Runs in threads may have other homes than the main thread's."""
    status, out, err = run(
        f"""
        import os, sys
        from prefect.settings import PREFECT_HOME, temporary_settings

        @flow
        def program():
            pass

        program()
        with temporary_settings({{PREFECT_HOME: {str(tmp_path / "other")!r}}}):
            program()
            pid = os.fork()
            program()
        program()
        if pid == 0:
            sys.exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """
    )
    assert (status, out, err) == (0, "3\n", "")
    assert histories(home, "flow_run") == [ENDED_WELL] * 3
    assert histories(tmp_path / "other", "flow_run") == [ENDED_WELL] * 3


def fork(child: Callable[[], bool]) -> bool:
    """Return what a function returns in a forked child."""
    pid = os.fork()
    if pid == 0:
        succeeded = False
        try:
            succeeded = child()
        finally:
            os._exit(int(not succeeded))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_journal_file_is_not_open_during_a_fork(home: Path):
    journal.use(home)
    journal.append({"kind": "log", "n": 1})
    journal.flush()
    files = Path("/proc/self/fd")
    assert any("journal.db" in os.path.realpath(each) for each in files.iterdir())
    assert fork(lambda: not any("journal.db" in os.path.realpath(each) for each in files.iterdir()))


def test_lock_held_by_another_thread_is_free_in_a_forked_child():
    lock, is_held, release = _forks.create_lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    assert fork(lambda: lock.acquire(blocking=False))
    release.set()
    thread.join()


@pytest.mark.parametrize("create", [_forks.create_lock, _forks.create_rlock])
def test_interrupt_at_the_end_of_a_lock_is_not_lost(create: Callable[[], object]):
    locks = [create()]
    assert list_python_calls(locks.clear) == []


def test_fork_waits_for_a_guard():
    guard, is_held, release = _forks.create_guard(), threading.Event(), threading.Event()
    steps: list[str] = []

    def hold() -> None:
        with guard:
            is_held.set()
            release.wait()
            steps.append("released")

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    threading.Timer(0.05, release.set).start()
    assert fork(lambda: steps == ["released"] and guard.acquire(blocking=False))
    thread.join()


def test_sigterm_during_a_fork_interrupts_the_parent_afterwards(monkeypatch: pytest.MonkeyPatch):
    """An exception that a signal handler raises in a hook of `fork` would be lost."""
    killed = threading.Event()
    monkeypatch.setattr(termination.os, "kill", lambda pid, number: killed.set())
    with termination.raise_on_sigterm():
        termination._before_fork()
        signal.raise_signal(signal.SIGTERM)
        termination._after_fork_in_parent()
        assert killed.wait(10)


@pytest.mark.parametrize("reads_journals", [False, True], ids=["api", "journal"])
def test_forked_child_does_not_propose_states_of_its_parents_run(
    reads_journals: bool, home: Path, monkeypatch: pytest.MonkeyPatch
):
    server = FakeServer(reads_journals).start()
    try:
        status, out, err = run(
            """
            import os, sys

            def hook(flow, run, state):
                print("hook", state.name, flush=True)

            @flow(on_crashed=[hook], on_completion=[hook])
            def program():
                pid = os.fork()
                if pid == 0:
                    sys.exit(3)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3

            program()
            """,
            PREFECT_API_URL=server.url,
        )
    finally:
        server.stop()
    assert (status, out, err) == (0, "hook Completed\n", "")
    proposed = [body["state"]["type"] for _, path, body in server.requests if path.endswith("set_state")]
    assert proposed == ["RUNNING", "COMPLETED"] or proposed == ["PENDING", "RUNNING", "COMPLETED"]


def test_program_killed_while_its_children_work_leaves_their_records(home: Path):
    program = started(
        """
        import multiprocessing, threading
        from prefect import journal

        @flow
        def work(number):
            return number

        def serve():
            work(1)
            print("worked", flush=True)

        @flow
        def program():
            journal.flush()
            child = multiprocessing.get_context("fork").Process(target=serve)
            child.start()
            child.join()
            threading.Event().wait()

        program()
        """
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "worked\n"
    program.kill()
    finished(program)
    assert sorted(read_flow_run_states()) == ["Completed", "Crashed"]


@pytest.mark.parametrize("reads_journals", [False, True], ids=["api", "journal"])
def test_runs_and_events_of_children_reach_the_server(reads_journals: bool, home: Path):
    server = FakeServer(reads_journals).start()
    try:
        ended = run(
            """
            import multiprocessing
            from prefect.events import emit_event

            @task
            def step(number):
                return number

            @flow
            def work(number):
                emit_event("worked", resource={"prefect.resource.id": f"number.{number}"})
                return step(number)

            def call(number):
                return work(number)

            @flow
            def program():
                processes = multiprocessing.get_context("fork")
                children = [processes.Process(target=call, args=(number,)) for number in range(3)]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
                with processes.Pool(2) as pool:
                    return pool.map(call, range(3))

            assert program() == [0, 1, 2]
            """,
            PREFECT_API_URL=server.url,
        )
    finally:
        server.stop()
    assert ended == (0, "", "")
    assert [server.state_names(run_id)[-1] for run_id in server.flow_runs] == ["Completed"] * 7
    assert Outbox(home, server.url).count_waiting() == 0
    emitted = [event for event in server.events.values() if event["event"] == "worked"]
    assert len(emitted) >= 3, "those of a terminated pool may be lost"
