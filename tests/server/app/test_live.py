"""Changes for open pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from prefect.server.app import Server
from prefect.server.app.streams.live import Changes, LiveHub
from tests.server.route_client import RouteClient


async def read(stream: AsyncIterator[bytes]) -> bytes:
    """Return the next message, or nothing when none comes."""
    try:
        async with asyncio.timeout(30):
            return await anext(stream)
    except TimeoutError:
        return b""


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


@pytest.fixture
async def hub(server: Server) -> AsyncIterator[LiveHub]:
    hub = LiveHub(server)
    yield hub
    hub.stop()


async def test_page_is_told_of_changes_to_its_run_only(call: RouteClient, hub: LiveHub) -> None:
    mine, other = await call.flow_run("PENDING"), await call.flow_run("PENDING")
    page, everything = hub._stream(Changes(UUID(mine))), hub._stream(Changes(None))
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


async def test_page_is_told_of_new_logs_of_its_run(call: RouteClient, hub: LiveHub) -> None:
    run = await call.flow_run("RUNNING")
    page = hub._stream(Changes(UUID(run)))
    await read(page)
    waiting = asyncio.create_task(read(page))
    await asyncio.sleep(0)
    log = {"name": "x", "level": 20, "message": "hi", "timestamp": "2026-01-01T00:00:00Z", "flow_run_id": run}
    await call("POST", "/logs/", [log])
    assert b"change" in await waiting
    await page.aclose()


async def test_page_is_told_that_its_run_was_deleted(call: RouteClient, hub: LiveHub) -> None:
    run = await call.flow_run("COMPLETED")
    page = hub._stream(Changes(UUID(run)))
    await read(page)
    waiting = asyncio.create_task(read(page))
    await asyncio.sleep(0)
    await call("DELETE", "/flow_runs/{id}", id=run)
    assert b"change" in await waiting
    await page.aclose()


async def test_changes_are_gathered_longer_when_answers_cost_more(
    server: Server, hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("prefect.server.app.streams.live.asyncio.sleep", sleep)
    for cost in (0.001, 0.1, 100):
        server.answers._seconds[False] = cost
        await hub._pause(False)
    assert [round(pause, 1) for pause in pauses] == [0.3, 0.3, 3.0, 0.3, 60.0]


async def test_page_that_comes_as_the_last_one_goes_is_told_of_changes(call: RouteClient, hub: LiveHub) -> None:
    first, second = hub._stream(Changes(None)), hub._stream(Changes(None))
    await read(first)
    await first.aclose()
    await read(second)
    waiting = asyncio.create_task(read(second))
    await asyncio.sleep(0)
    await call.flow_run("RUNNING")
    assert b"change" in await waiting
    await second.aclose()


async def test_streams_end_when_the_server_stops(hub: LiveHub) -> None:
    page = hub._stream(Changes(None))
    await read(page)
    hub.stop()
    with pytest.raises(StopAsyncIteration):
        await anext(page)


async def test_invalid_run_is_refused(call: RouteClient) -> None:
    answer = await call.client.get("/ui/live", params={"run": "x"})
    assert answer.status_code == 422 and "'x' is no id" in answer.text
