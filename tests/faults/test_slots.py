"""Processes that hold slots are killed at random moments: never more holders than slots, and no slot left taken.

And many wait for one slot: who does not get it costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect._io import drive
from prefect.client.orchestration import get_client
from prefect.client.transport import get_shared_transport
from prefect.concurrency.sync import concurrency
from prefect.server.db.sqlite.database import SqliteTransaction
from prefect.settings import PREFECT_API_URL, temporary_settings
from tools import serving

IS_LONG = os.environ.get("FAULTS") == "long"
CYCLES = int(os.environ.get("FAULTS_CYCLES", "1000" if IS_LONG else "8"))
WAITERS = 1000 if IS_LONG else 50
SEED = int(os.environ.get("FAULTS_SEED", "1"))
PROCESSES = 4
LIMIT = 2
TIMEOUT_SECONDS = 60.0
END_TIMEOUT_SECONDS = 60.0

PROGRAM = """
import fcntl, os, signal, sys, time
from prefect.concurrency.sync import concurrency
folder, too_many = sys.argv[1:]
with concurrency("db"):
    pass  # everything is imported, and connected, before the first fork
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children do not stay as zombies
while True:
    if not sys.stdin.readline():
        sys.exit()
    # An interrupt in Python's hooks of a fork would be ignored.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    child = os.fork()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if not child:
        break
    print(child, flush=True)
def occupy():
    # A lock of the kernel's ends with its process: the test counts those that are held.
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            time.sleep(0.002)
            return
    open(too_many, "w").close()
while True:
    with concurrency("db"):
        occupy()
"""
"""Forks a process for each line that it reads. They hold a slot and, in it, one of as many files as there are slots.

If none is free there are too many holders.
"""


@pytest.fixture(params=["no server", "server"] if IS_LONG else ["no server"])
def api(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment variables of programs that use the local store, or a server."""
    if request.param == "no server":
        yield {}
        return
    served = serving.Served(tmp_path / "server", None)
    served.start()
    try:
        with temporary_settings({PREFECT_API_URL: served.url}):
            yield {"PREFECT_API_URL": served.url}
    finally:
        served.stop()


@pytest.mark.timeout(7200)
def test_killed_and_cancelled_holders_leave_no_slot_taken(api: dict[str, str], tmp_path: Path) -> None:
    get_client(sync_client=True).upsert_global_concurrency_limit_by_name("db", LIMIT)
    folder, too_many = tmp_path / "slots", tmp_path / "too-many"
    folder.mkdir()
    for number in range(LIMIT):
        (folder / str(number)).touch()
    chance = random.Random(SEED)
    with start_forking(folder, too_many, api) as fork:
        running = [fork() for _ in range(PROCESSES)]
        for _ in range(CYCLES):
            time.sleep(chance.random() * 0.1)  # the moment is what the test is about
            end(running.pop(chance.randrange(PROCESSES)), chance.choice((signal.SIGKILL, signal.SIGINT)))
            running.append(fork())
        for process in running:
            end(process, signal.SIGKILL)
    assert not too_many.exists()
    begun = time.monotonic()
    with concurrency("db", occupy=LIMIT, timeout_seconds=TIMEOUT_SECONDS):  # all slots are free, at once
        print(f"{CYCLES} holders ended; all slots were free after {time.monotonic() - begun:.2f} s")
    assert get_client(sync_client=True).read_global_concurrency_limit_by_name("db").active_slots == 0


@pytest.mark.timeout(600)
def test_many_waiters_cause_no_request_storm(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    get_client(sync_client=True).upsert_global_concurrency_limit_by_name("db", 1)
    statements = count_statements(monkeypatch)
    held: list[int] = []
    threads = [threading.Thread(target=hold, args=(held,)) for _ in range(WAITERS)]
    with concurrency("db"):
        for thread in threads:
            thread.start()
        while count_waiting() < WAITERS:
            time.sleep(0.05)  # reading who waits takes long by itself
        before = len(statements)
    for thread in threads:
        thread.join()
    print(f"{WAITERS} threads have waited: {(len(statements) - before) / WAITERS:.1f} statements each in hand-overs")
    assert held == [1] * WAITERS
    assert len(statements) - before < 80 * WAITERS


def hold(held: list[int]) -> None:
    with concurrency("db"):
        held.append(get_client(sync_client=True).read_global_concurrency_limit_by_name("db").active_slots)


def count_waiting() -> int:
    route = "/v2/concurrency_limits/{id_or_name}/holders"
    holders = drive(get_shared_transport().call("GET", route, {"id_or_name": "db"}))
    return sum(each["status"] == "waiting" for each in holders)


def count_statements(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    statements: list[None] = []
    execute = SqliteTransaction._guarded

    def count(self: SqliteTransaction, fn: Callable[[], Any]) -> Any:
        statements.append(None)
        return execute(self, fn)

    monkeypatch.setattr(SqliteTransaction, "_guarded", count)
    return statements


@contextlib.contextmanager
def start_forking(folder: Path, too_many: Path, api: dict[str, str]) -> Iterator[Callable[[], int]]:
    """Yield a function that has the program fork a process that takes slots, and returns its id."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(too_many)]
    pipe, environment = subprocess.PIPE, {**os.environ, **api}
    program = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment, process_group=0
    )
    with program:
        assert program.stdin is not None and program.stdout is not None
        stdin, stdout = program.stdin, program.stdout

        def fork() -> int:
            stdin.write(b"\n")
            stdin.flush()
            return int(stdout.readline())

        try:
            yield fork
        finally:
            os.killpg(program.pid, signal.SIGKILL)


def end(pid: int, how: signal.Signals) -> None:
    """Send a signal to a process and wait until it has ended."""
    ended = os.pidfd_open(pid)
    os.kill(pid, how)
    assert select.select([ended], [], [], END_TIMEOUT_SECONDS)[0], f"a process did not end by {how.name}"
    os.close(ended)
