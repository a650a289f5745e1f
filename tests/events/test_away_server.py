"""Events of programs whose server is unavailable: none is lost, and another process sends them when it is back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from prefect.client.orchestration import get_client
from prefect.events import emit_event, related
from prefect.events.current_runs import CurrentRuns
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.worker import EventsWorker
from prefect.logging._identity import RunIdentity, run_identity
from prefect.outbox.store import Outbox
from prefect.schemas.runs import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings
from tools.serving import Served

pytestmark = pytest.mark.served

EMIT = "from prefect.events import emit_event\nemit_event('my.one', {'prefect.resource.id': 'x'})\n"
KILLED = EMIT + "from prefect.events.worker import EventsWorker\nEventsWorker.instance().wait_until_empty()\n"
KILLED += "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"


def run(home: Path, url: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of a home that leaves an unavailable server alone when it ends."""
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_API_URL": url}
    environment["PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS"] = "0"
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)


def test_events_for_a_server_that_is_away_are_sent_by_another_process(home: Path, tmp_path: Path) -> None:
    served = Served(tmp_path / "served")
    command = ("-m", "prefect", "events", "emit", "my.one", "--resource-id", "x")
    completed = run(home, served.url, *command)
    assert (completed.returncode, "sent when the server is back" in completed.stdout) == (0, True), completed
    assert run(home, served.url, "-c", EMIT).returncode == 0
    assert run(home, served.url, "-c", KILLED).returncode == -signal.SIGKILL
    assert Outbox(home, served.url).has_waiting()
    try:
        served.start()
        shipped = run(home, served.url, "-m", "prefect", "journal", "ship")
        assert shipped.returncode == 0, shipped
        with temporary_settings({PREFECT_API_URL: served.url}):
            wanted = EventFilter(event=EventNameFilter(name=["my.one"]))
            assert len(get_client(sync_client=True).read_events(wanted).events) == 3
    finally:
        served.stop()


@pytest.mark.stray_threads  # nobody waits for the thread that tries to reach the server
def test_event_of_a_run_is_recorded_without_names_that_cannot_be_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_run = FlowRun(flow_id=uuid4(), name="r", deployment_id=uuid4())
    monkeypatch.setattr(related, "find_current_runs", lambda: CurrentRuns(flow_run, None, "etl"))
    monkeypatch.setenv("PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS", "0")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        token = run_identity.set(RunIdentity(flow_run.id))
        emitted = emit_event("my.event", {"prefect.resource.id": "x"})
        run_identity.reset(token)
        EventsWorker.instance().wait_until_empty()
    assert emitted is not None
    assert {resource.role: resource.name for resource in emitted.related} == {
        "flow-run": "r",
        "flow": "etl",
        "deployment": None,
    }


def test_worker_that_ends_records_what_its_thread_has_not(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread waits for a server that hangs."""
    is_released = threading.Event()
    worker = EventsWorker.instance()
    add_related = worker._add_related

    def hang(event, context):
        if threading.current_thread() is worker._thread:
            is_released.wait()
        return add_related(event, context)

    monkeypatch.setattr(worker, "_add_related", hang)
    for _ in range(3):
        emit_event("my.event", {"prefect.resource.id": "x"})
    try:
        assert EventsWorker.drain_all(0.05) == (set(), {worker})
        wanted = EventFilter(event=EventNameFilter(name=["my.event"]))
        assert len(get_client(sync_client=True).read_events(wanted).events) == 3
    finally:
        is_released.set()
        assert worker._thread is not None
        worker._thread.join()  # it records, too: not while the test's journal is closed
