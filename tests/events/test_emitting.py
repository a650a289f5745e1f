"""Emitted events: queued without blocking, completed with related resources, and stored."""

import logging
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from prefect import flow, tags, task
from prefect.client.orchestration import get_client
from prefect.events import Event, emit_event
from prefect.events.clients import AssertingEventsClient
from prefect.events.current_runs import CurrentRuns
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.related import RESOURCE_CACHE, related_resources_from_run_context
from prefect.events.worker import EventsWorker
from prefect.exceptions import EventTooLarge
from prefect.schemas.runs import FlowRun
from prefect.settings import temporary_settings
from prefect.types import now
from tests.client.conftest import server as server  # a fixture

RESOURCE = {"prefect.resource.id": "my.one"}


def stored(prefix: str = "my.") -> list[Event]:
    """Return the events of the local store, oldest first."""
    EventsWorker.instance().wait_until_empty()
    wanted = EventFilter(event=EventNameFilter(prefix=[prefix]))
    return list(reversed(get_client(sync_client=True).read_events(wanted).events))


def test_emit_event_writes_to_local_store() -> None:
    made = emit_event("my.event", RESOURCE, payload={"x": [1]}, related=[{**RESOURCE, "prefect.resource.role": "r"}])
    assert made is not None
    (found,) = stored()
    assert (found.id, found.event, found.payload) == (made.id, "my.event", {"x": [1]})
    assert found.resource.id == "my.one"
    assert [one.role for one in found.related] == ["r"]


def test_follows_is_set_for_recent_events_only() -> None:
    first = emit_event("my.first", RESOURCE)
    assert first is not None
    second = emit_event("my.second", RESOURCE, follows=first)
    late = emit_event("my.third", RESOURCE, follows=first, occurred=now() + timedelta(minutes=6))
    assert second is not None and late is not None
    assert (second.follows, late.follows) == (first.id, None)


def test_emit_event_logs_invalid_event(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert emit_event("my.event", {"no": "id"}) is None
    assert "my.event" in caplog.text
    assert stored() == []


def test_emit_event_rejects_oversized_event() -> None:
    with temporary_settings({"PREFECT_SERVER_EVENTS_MAXIMUM_SIZE_BYTES": 500}):
        with pytest.raises(EventTooLarge, match="500"):
            emit_event("my.event", RESOURCE, payload={"x": "y" * 1000})


def test_full_queue_drops_events(caplog: pytest.LogCaptureFixture) -> None:
    with temporary_settings({"PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE": 2}):
        worker = EventsWorker()  # not started
        for _ in range(3):
            worker.send(Event(event="my.event", resource=RESOURCE))  # pyright: ignore[reportArgumentType]
    assert len(worker._queue) == 2
    assert "dropped" in caplog.text


def test_client_override_receives_events() -> None:
    AssertingEventsClient.reset()
    EventsWorker.set_client_override(AssertingEventsClient, a=1)
    emit_event("my.event", RESOURCE)
    EventsWorker.instance().wait_until_empty()
    last: Any = AssertingEventsClient.last
    assert ([one.event for one in last.events], last.kwargs) == (["my.event"], {"a": 1})
    EventsWorker.set_client_override(None)
    assert EventsWorker.instance().client_type is None


def test_events_of_a_run_have_its_related_resources() -> None:
    @task(tags=["t"])
    def work() -> None:
        emit_event("my.task-event", RESOURCE)

    @flow
    def outer() -> None:
        emit_event("my.flow-event", RESOURCE)
        work()

    with tags("f"):
        outer()
    client = get_client(sync_client=True)
    of_flow, of_task = stored()
    (run,), (task_run,) = client.read_flow_runs(), client.read_task_runs()
    flow_run = (f"prefect.flow-run.{run.id}", "flow-run", run.name)
    its_flow = (f"prefect.flow.{run.flow_id}", "flow", "outer")
    assert labels(of_flow) == [flow_run, its_flow, ("prefect.tag.f", "tag", None)]
    assert labels(of_task) == [
        flow_run,
        (f"prefect.task-run.{task_run.id}", "task-run", task_run.name),
        its_flow,
        ("prefect.tag.f", "tag", None),
        ("prefect.tag.t", "tag", None),
    ]


def labels(event: Event) -> list[tuple[str, str, str | None]]:
    return [(one.id, one.role, one.name) for one in event.related]


async def test_related_objects_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.events import related

    class Client:
        reads: list[Any] = []

        async def read_deployment(self, id: Any) -> Any:
            self.reads.append(id)
            return FlowRun(id=id, name="nightly", flow_id=uuid4())

        read_work_queue = read_work_pool = read_deployment

    deployment = uuid4()
    run = FlowRun(flow_id=uuid4(), name="r", deployment_id=deployment)
    monkeypatch.setattr(related, "find_current_runs", lambda: CurrentRuns(flow_run=run))
    monkeypatch.setattr(related, "MAX_CACHE_SIZE", 1)
    RESOURCE_CACHE.clear()
    client: Any = Client()
    for _ in range(2):
        found = await related_resources_from_run_context(client, exclude={f"prefect.flow-run.{run.id}"})
    assert [(one.role, one.name) for one in found] == [("flow", None), ("deployment", "nightly")]
    assert client.reads == [deployment]
    assert len(RESOURCE_CACHE) == 1


def test_events_are_sent_before_process_exits(home: Path) -> None:
    program = "from prefect.events import emit_event\nemit_event('my.last', {'prefect.resource.id': 'x'})"
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert [one.event for one in stored()] == ["my.last"]


def test_forked_process_starts_with_empty_queue() -> None:
    worker = EventsWorker()
    worker.send(Event(event="my.event", resource=RESOURCE))  # pyright: ignore[reportArgumentType]
    EventsWorker._instances = {"x": worker}
    EventsWorker.reset_instances_for_fork()
    assert EventsWorker._instances == {}
    worker.reset_for_fork()
    assert len(worker._queue) == 0


def test_import_of_events_is_lazy() -> None:
    code = (
        "import sys; from prefect.events import emit_event\n"
        "print([name for name in ('asyncio', 'httpx', 'websockets', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert threading.active_count() >= 1
