"""The end of a process whose server is unavailable, and what others do with the records that it leaves."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, journal, outbox, task
from prefect.journal import file
from prefect.outbox import leftovers, store
from prefect.outbox.store import Outbox
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS,
    get_current_settings,
    temporary_settings,
)
from prefect.types import new_id
from tests.outbox.conftest import Fake
from tests.outbox.servers import FakeServer
from tests.recorded import finished, started

PROGRAM = """
    @task
    def add(x):
        return x + 1

    @flow
    def main():
        print("go", flush=True)
        input()
        return [add(i) for i in range(20)]

    main()
    print("ended", flush=True)
"""


def leave_records(server: FakeServer, timeout: str, **variables: str) -> Any:
    """Return a program whose flow has ended while the server was unavailable, and which waits for the server."""
    program: Any = started(PROGRAM, PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS=timeout, **variables)
    assert program.stdout.readline() == "go\n"
    server.stop()
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "ended\n"
    return program


def wait_until(check: Callable[[], bool], seconds: float = 60.0) -> bool:
    changed = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if check():
            return True
        changed.wait(0.02)
    return False


def test_process_waits_for_its_server_and_sends_everything(server: FakeServer, home: Path):
    program = leave_records(server, "30")
    notice = program.stderr.readline()
    assert notice.startswith(f"prefect: waiting up to 30 s for {server.url} to take "), notice
    assert notice.endswith("records. Ctrl+C leaves them in the outbox.\n"), notice
    server.start()
    assert finished(program) == (0, "", "")
    assert Outbox(home, server.url).count_waiting() == 0


def test_ctrl_c_ends_the_wait_and_leaves_the_records(server: FakeServer, home: Path):
    program = leave_records(server, "30")
    assert "waiting up to 30 s" in program.stderr.readline()
    program.send_signal(signal.SIGINT)
    status, _, err = finished(program)
    (line,) = err.splitlines()
    assert (status, "the next run or `prefect journal ship` sends them" in line) == (0, True)
    assert Outbox(home, server.url).count_waiting() > 0


def test_process_without_time_to_wait_leaves_the_records(server: FakeServer, home: Path):
    status, _, err = finished(leave_records(server, "0"))
    (line,) = err.splitlines()
    assert (status, "records wait in" in line) == (0, True)


def test_process_that_could_create_no_run_ends_immediately(home: Path):
    """Only the record that names the process waits, which is of no use alone."""
    program = started("flow(print)()", PREFECT_API_URL="http://127.0.0.1:9/api")
    code, _, err = finished(program)
    assert code == 1 and "cannot be reached" in err
    assert "records" not in err


@pytest.mark.parametrize(
    ("run_id", "configured", "seconds"), [(None, None, 30), ("x", None, 300), ("x", 7, 7), (None, 7, 7)]
)
def test_process_of_one_deployed_run_waits_longer(
    run_id: str | None, configured: float | None, seconds: float, monkeypatch: pytest.MonkeyPatch
):
    if run_id is not None:
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", run_id)
    updates: dict[Any, Any] = {PREFECT_API_URL: "http://127.0.0.1:9/api"}
    if configured is not None:
        updates[PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS] = configured
    with temporary_settings(updates):
        assert outbox.create_shipper(get_current_settings())._exit_timeout == seconds


def test_leftovers_are_shipped_by_another_process_of_the_home(
    server: FakeServer, home: Path, monkeypatch: pytest.MonkeyPatch
):
    """By one that has another server, or none."""
    program = leave_records(server, "30")
    assert "waiting up to 30 s" in program.stderr.readline()
    os.kill(program.pid, signal.SIGKILL)
    finished(program)
    left = Outbox(home, server.url)
    assert left.count_waiting() > 0
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(leftovers, "POLL_INTERVAL_SECONDS", 0.02)
    with leftovers.ship_leftovers(get_current_settings()):
        server.start()
        assert wait_until(lambda: left.count_waiting() == 0)


def test_idle_process_ships_what_another_one_left(server: FakeServer, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(import_module("prefect.outbox.shipper"), "LEFTOVER_INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(import_module("prefect.outbox.shipper"), "MAX_RETRY_SECONDS", 0.02)

    @task
    def step() -> None: ...

    @flow
    def main() -> None:
        step()

    main()
    program = leave_records(server, "0")
    finished(program)
    left = Outbox(home, server.url)
    assert left.count_waiting() > 0
    server.start()
    assert wait_until(lambda: left.count_waiting() == 0)
    journal.close()


def test_outbox_names_its_server_although_that_has_never_answered(home: Path):
    """So that others can ship what a killed process has left."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        shipper = outbox.create_shipper(get_current_settings())
    shipper._heartbeats.start(str(new_id()))
    assert not shipper._run_once(threading.Event())
    assert [each.url for each in store.find_outboxes(home)] == ["http://127.0.0.1:9/api"]


def test_thread_that_outlasts_the_end_stops_when_its_server_answers(home: Path, monkeypatch: pytest.MonkeyPatch):
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        shipper = outbox.create_shipper(get_current_settings())
    requested, answered = threading.Event(), threading.Event()

    def ship(closing: threading.Event) -> bool:
        requested.set()
        return answered.wait(60)

    monkeypatch.setattr(shipper, "_run_once", ship)
    shipper.unavailable_reason = "it is away"
    shipper.committed()
    thread = shipper._thread
    assert thread is not None and requested.wait(60)
    shipper._has_unshipped = False
    shipper.finish()
    assert thread.is_alive(), "it still waits for its server"
    answered.set()
    thread.join(60)
    assert not thread.is_alive()


def test_unchanged_outboxes_are_not_opened_again(home: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[Path] = []
    read_outbox = store.read_outbox
    monkeypatch.setattr(store, "read_outbox", lambda path: opened.append(path) or read_outbox(path))
    empty = Outbox(home, "http://127.0.0.1:9/api")
    assert empty.find_range() == (0, 0)
    os.utime(empty.path, (1e9, 1e9))  # of a file that has just changed the next change may not show
    shipping = leftovers.LeftoverShipper(get_current_settings())
    shipping.ship()
    shipping.ship()
    assert opened == [empty.path]
    with closing(file.connect(empty.path)) as connection:
        connection.execute("INSERT INTO batch (body) VALUES (?)", (b'{"kind":"log"}',))
    shipping.ship()
    assert opened == [empty.path, empty.path]
    assert empty.has_waiting(), "its server is unavailable"


def test_damaged_outbox_does_not_end_the_shipping_of_leftovers(fake: Fake, home: Path, monkeypatch: pytest.MonkeyPatch):
    looked = threading.Semaphore(0)

    def fail(self: Any) -> None:
        looked.release()
        raise OSError("no")

    monkeypatch.setattr(leftovers.LeftoverShipper, "ship", fail)
    monkeypatch.setattr(leftovers, "POLL_INTERVAL_SECONDS", 0.01)
    with leftovers.ship_leftovers(get_current_settings()):
        assert looked.acquire(timeout=60)
        assert looked.acquire(timeout=60)


def test_process_waits_only_once_for_a_server_that_stays_away(fake: Fake, home: Path):
    """A program may record more at its very end, which opens the journal again."""
    server = fake()
    program: Any = started(
        """
        import atexit
        from prefect import journal

        @flow
        def main():
            print("go", flush=True)
            input()

        def record():
            opened.append({"kind": "log"})
            opened.close()

        atexit.register(record)
        main()
        opened = journal.current()
        """,
        PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS="4",
    )
    assert program.stdout.readline() == "go\n"
    server.stop()
    program.stdin.write("\n")
    program.stdin.flush()
    status, _, err = finished(program)
    assert (status, err.count("waiting up to 4 s")) == (0, 1), err
