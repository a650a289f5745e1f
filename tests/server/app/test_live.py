"""Changes for open pages."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from prefect.server.app import Server
from prefect.server.app.streams import live
from prefect.server.app.streams.live import LiveHub, Page
from prefect.server.db.interface import Database
from prefect.types import new_id
from tests.server import journal_records
from tests.server.route_client import RouteClient

LATER = "2099-01-01T00:00:00Z"


async def read(stream: AsyncIterator[bytes]) -> bytes:
    """Return the next message, or nothing when none comes."""
    try:
        async with asyncio.timeout(60):
            return await anext(stream)
    except TimeoutError:
        return b""


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


@pytest.fixture
async def hub(server: Server, database: Database) -> AsyncIterator[LiveHub]:
    await database.await_listening()
    hub = LiveHub(server)
    yield hub
    hub.stop()


async def test_page_gets_changes_of_its_run_only(call: RouteClient, hub: LiveHub) -> None:
    mine, other = await call.flow_run("PENDING"), await call.flow_run("PENDING")
    page, everything = hub._stream(Page(UUID(mine))), hub._stream(Page())
    assert b"hello" in await read(page) and b"hello" in await read(everything)
    waiting = asyncio.create_task(read(page))
    await asyncio.sleep(0)
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "RUNNING"}}, id=other)
    assert b"change" in await read(everything)
    assert not waiting.done()
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "RUNNING"}}, id=mine)
    assert b"change" in await waiting
    await page.aclose()
    await everything.aclose()


async def test_page_is_notified_of_new_logs_of_its_run(call: RouteClient, hub: LiveHub) -> None:
    run = await call.flow_run("RUNNING")
    page = hub._stream(Page(UUID(run)))
    await read(page)
    waiting = asyncio.create_task(read(page))
    await asyncio.sleep(0)
    log = {"name": "x", "level": 20, "message": "hi", "timestamp": "2026-01-01T00:00:00Z", "flow_run_id": run}
    await call("POST", "/logs/", [log])
    while ("logs", {}) not in parse(await waiting):  # that it runs may be told first
        waiting = asyncio.create_task(read(page))
    await page.aclose()


async def test_page_of_a_worker_is_notified_of_its_new_logs_only(call: RouteClient, hub: LiveHub) -> None:
    mine, other = new_id(), new_id()
    page = hub._stream(Page(worker_id=mine))
    await read(page)
    waiting = asyncio.create_task(read(page))
    await asyncio.sleep(0)
    log = {"name": "x", "level": 20, "message": "hi", "timestamp": "2026-01-01T00:00:00Z"}
    await call("POST", "/logs/", [{**log, "worker_id": str(other)}])
    await asyncio.sleep(1)
    assert not waiting.done()
    await call("POST", "/logs/", [{**log, "worker_id": str(mine)}])
    assert parse(await waiting) == [("logs", {})]
    await page.aclose()


async def test_page_is_notified_when_its_run_is_deleted(call: RouteClient, hub: LiveHub) -> None:
    run = await call.flow_run("COMPLETED")
    page = hub._stream(Page(UUID(run)))
    await read(page)
    waiting = asyncio.create_task(read(page))
    await asyncio.sleep(0)
    await call("DELETE", "/flow_runs/{id}", id=run)
    assert b"change" in await waiting
    await page.aclose()


async def read_graph(stream: AsyncIterator[bytes], task: str, state: str) -> Any:
    """Return what is pushed of a graph once a task run in it is in a state."""
    while message := await read(stream):
        for name, data in parse(message):
            if name == "graph" and any((node["id"], node["state_type"]) == (task, state) for node in data["nodes"]):
                return data
    raise AssertionError("Nothing was pushed.")


async def add_task(api: httpx.AsyncClient, run: str, task: UUID, **more: Any) -> None:
    """Add a task run that ran."""
    records = journal_records.whole_task(UUID(run), id_=task, **more)
    answer = await api.post("/journal", content=b"\n".join(map(orjson.dumps, records)))
    assert answer.status_code == 200


async def test_page_with_a_graph_gets_the_nodes_that_changed(
    call: RouteClient, hub: LiveHub, api: httpx.AsyncClient
) -> None:
    run = await call.flow_run("RUNNING")
    first, second = new_id(), new_id()
    await add_task(api, run, first)
    page, plain = hub._stream(Page(UUID(run), with_graph=True)), hub._stream(Page(UUID(run)))
    assert b"hello" in await read(page) and b"hello" in await read(plain)
    await add_task(api, run, second, task_inputs={"x": [{"input_type": "task_run", "id": str(first)}]})
    graph = await read_graph(page, str(second), "COMPLETED")
    assert graph["uses"][str(second)] == [str(first)]
    assert (graph["state_type"], graph["end"], graph["subflows"]) == ("RUNNING", None, {})
    assert "graph" not in dict(parse(await read(plain)))
    await page.aclose()
    await plain.aclose()


async def test_page_loads_a_graph_again_when_much_of_it_changed(
    call: RouteClient, hub: LiveHub, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_NODES", 1)
    run = await call.flow_run("RUNNING")
    page = hub._stream(Page(UUID(run), with_graph=True))
    assert b"hello" in await read(page)
    records = [*journal_records.whole_task(UUID(run)), *journal_records.whole_task(UUID(run))]
    await api.post("/journal", content=b"\n".join(map(orjson.dumps, records)))
    found = [name for name, _ in parse(await read(page))]
    while "change" not in found or "graph" in found:  # that it runs may be told first
        found = [name for name, _ in parse(await read(page))]
    await page.aclose()


def parse(message: bytes) -> list[tuple[str, Any]]:
    """Return the events of a message, each with its data."""
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", message.decode())
    return [(name, json.loads(data)) for name, data in found]


async def read_changes(stream: AsyncIterator[bytes], run: str, state: str) -> Any:
    """Return what is pushed about a run, once it is in a state; that it was created may be told before."""
    while message := await read(stream):
        for name, data in parse(message):
            if name == "runs" and (run in data["gone"] or data["rows"][0]["state_type"] == state):
                return data
    raise AssertionError("Nothing was pushed.")


@pytest.mark.parametrize(
    ("query", "shown"), [(None, True), ("state:running", True), ("state:pending,failed", False), ("colour:red", False)]
)
async def test_changed_rows_are_pushed_to_pages_whose_query_they_satisfy(
    call: RouteClient, hub: LiveHub, query: str | None, shown: bool
) -> None:
    stream = hub._stream(Page(query=query))
    await read(stream)
    run = await call.flow_run("RUNNING")
    changes = await read_changes(stream, run, "RUNNING")
    assert [row["id"] for row in changes["rows"]] == [run] * shown
    assert changes["gone"] == [run] * (not shown)
    await stream.aclose()


async def gather_steps(stream: AsyncIterator[bytes], until: str) -> tuple[dict[str, int], int]:
    """Return by how much counts by state and the total have changed once a run has come to a state."""
    counts: dict[str, int] = {}
    total = 0
    while message := await read(stream):
        for name, data in parse(message):
            if name != "runs":
                continue
            total += data["total"]
            for _, _, state, by in data["steps"]:
                counts[state] = counts.get(state, 0) + by
        if counts.get(until):
            return {state: count for state, count in counts.items() if count}, total
    raise AssertionError("Nothing was pushed.")


@pytest.mark.parametrize(
    ("query", "counts", "total"),
    [
        (None, {"Completed": 1, "Running": 1}, 2),
        ("state:completed", {"Completed": 1, "Running": 1, "Scheduled": 1}, 1),
        ("tag:x", {"Completed": 1}, 1),
        ("tag:x state:running", {"Completed": 1}, 0),
    ],
)
async def test_counts_are_sent_as_differences(
    call: RouteClient, hub: LiveHub, query: str | None, counts: dict[str, int], total: int
) -> None:
    stream = hub._stream(Page(query=query))
    await read(stream)
    await call.flow_run("RUNNING")
    await call.flow_run("SCHEDULED", state={"type": "SCHEDULED", "state_details": {"scheduled_time": LATER}})
    run = await call.flow_run("RUNNING", tags=["x"])
    await call.set_state("flow", run, "COMPLETED")
    assert await gather_steps(stream, "Completed") == (counts, total)
    await stream.aclose()


@pytest.mark.parametrize("with_rows", [True, False])
async def test_task_runs_are_pushed_to_pages_of_task_runs(
    call: RouteClient, hub: LiveHub, api: httpx.AsyncClient, with_rows: bool
) -> None:
    stream = hub._stream(Page(query="state:completed", kind="task_run", with_rows=with_rows))
    await read(stream)
    task = new_id()
    records = list(journal_records.whole_task(UUID(await call.flow_run("RUNNING")), id_=task))
    # It has entered a state before, in another message.
    for some in (records[:3], records[3:]):
        answer = await api.post("/journal", content=b"\n".join(map(orjson.dumps, some)))
        assert answer.status_code == 200
    rows: set[str] = set()
    counts: Counter[str] = Counter()
    while counts["Completed"] == 0:
        for name, data in parse(await read(stream)):
            if name == "runs":
                rows |= {row["id"] for row in data["rows"]}
                for _, _, state, by in data["steps"]:
                    counts[state] += by
    assert rows == ({str(task)} if with_rows else set())
    assert +counts == {"Completed": 1}
    await stream.aclose()


async def test_pages_of_one_query_share_a_message(
    call: RouteClient, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[Any] = []
    select = live.changes.select_for_page

    def count(*arguments: Any) -> Any:
        composed.append(arguments)
        return select(*arguments)

    monkeypatch.setattr(live.changes, "select_for_page", count)
    streams = [hub._stream(Page(query="state:running")) for _ in range(50)]
    for stream in streams:
        await read(stream)
    waiting = [asyncio.create_task(read_changes(stream, "", "RUNNING")) for stream in streams]
    await asyncio.sleep(0)
    await call.flow_run("RUNNING")
    assert len({(await task)["rows"][0]["id"] for task in waiting}) == 1
    assert len(composed) < 5  # once each time that something changed
    for stream in streams:
        await stream.aclose()


async def test_more_runs_than_a_message_holds_are_a_mere_change(
    call: RouteClient, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.changes, "MAX_RUNS", 0)
    page = hub._stream(Page())
    await read(page)
    waiting = asyncio.create_task(read(page))
    await asyncio.sleep(0)
    await call.flow_run("RUNNING")
    assert {name for name, _ in parse(await waiting)} == {"change"}
    await page.aclose()


def test_page_that_does_not_read_loads_everything_again() -> None:
    page = Page()
    for _ in range(live.MAX_WAITING_MESSAGES + 1):
        page.put(b"event: runs\ndata: {}\n\n")
    assert parse(page.take()) == [("change", {})]
    assert page.take() == b""


@pytest.mark.parametrize(
    ("spent", "pages", "pause"), [(0.0001, 0, 0.3), (0.006, 0, 0.5), (0.001, 50, 0.5), (5.0, 1, 0.7)]
)
def test_changes_are_gathered_for_less_than_a_second(spent: float, pages: int, pause: float) -> None:
    assert live.compute_gathering_seconds(spent, pages) == pytest.approx(pause)


async def test_page_gets_changes_when_it_opens_as_the_last_one_closes(call: RouteClient, hub: LiveHub) -> None:
    first, second = hub._stream(Page()), hub._stream(Page())
    await read(first)
    await first.aclose()
    await read(second)
    waiting = asyncio.create_task(read(second))
    await asyncio.sleep(0)
    await call.flow_run("RUNNING")
    assert b"change" in await waiting
    await second.aclose()


async def test_streams_end_when_the_server_stops(hub: LiveHub) -> None:
    page = hub._stream(Page())
    await read(page)
    hub.stop()
    with pytest.raises(StopAsyncIteration):
        await anext(page)


async def test_invalid_run_is_refused(call: RouteClient) -> None:
    answer = await call.client.get("/ui/live", params={"run": "x"})
    assert answer.status_code == 422 and "'x' is not the id" in answer.text
