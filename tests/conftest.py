"""Every test has an empty PREFECT_HOME, no PREFECT_* variables of the machine's, and leaves no thread behind."""

import gc
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.postgres import Postgres, need

# An example may take as long as a busy machine makes it.
hypothesis.settings.register_profile("patient", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("patient")

TIMEOUT_SECONDS = 30.0
"""Seconds that threads of a finished test have to end: how long a busy machine may keep them from it."""

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """Have programs of the tests begin with the usual handler of SIGINT; a background job of a shell ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that may take longest first, so that no worker is left with one of them at the end.

    So one worker, which begins with them, starts the cluster of Kubernetes, and no other needs one.
    """
    items.sort(key=_get_timeout, reverse=True)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from going through all tests and what they have imported, again and again."""
    gc.collect()
    gc.freeze()


def _get_timeout(item: pytest.Item) -> float:
    """Return the seconds that a test may take, or 0 if it may take as long as most."""
    marker = item.get_closest_marker("timeout")
    return marker.args[0] if marker else 0.0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The test's own empty PREFECT_HOME; settings, journal and local store start from it."""
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # programs print into buffers, as users' programs do
    path = tmp_path / ".prefect"
    monkeypatch.setenv("PREFECT_HOME", str(path))
    # A project file of this checkout's must not reach the settings of a test.
    monkeypatch.chdir(tmp_path)
    _forget()
    yield path
    _forget()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests of this process."""
    need()
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    name = f"test_{next(_numbers)}"
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture(autouse=True)
def no_stray_threads(request: pytest.FixtureRequest, home: Path) -> Iterator[None]:
    """Fail a test that leaves a thread running, unless it is marked `stray_threads` because that is its subject."""
    before = set(threading.enumerate())
    yield
    _forget()
    if request.node.get_closest_marker("stray_threads"):
        return
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert not left, f"the test left threads running: {', '.join(left)}"


def _forget() -> None:
    """Let go of what the process keeps: the task runner outside of flows, events, locks, journal, settings.

    Only what was imported can keep anything, so nothing is imported here.
    """
    if (runners := sys.modules.get("prefect.task_runners.current")) and (runner := runners._default):
        runners._default = None
        runner.__exit__(None, None, None)
    if events := sys.modules.get("prefect.events.worker"):
        events.EventsWorker.set_client_override(None)
        events.EventsWorker.drain_all(TIMEOUT_SECONDS)
    if memory := sys.modules.get("prefect.locking.memory"):
        memory.MemoryLockManager._instance = None
    if journal := sys.modules.get("prefect.journal"):
        journal.close()
    if settings := sys.modules.get("prefect.settings.context"):
        settings._process = None
