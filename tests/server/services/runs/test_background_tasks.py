"""Task runs in the background: who subscribes to a task gets its runs, each by one worker, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from prefect.server import store
from prefect.server.app import Server
from prefect.server.db.interface import Database
from prefect.server.services.concurrency import leases
from prefect.server.services.runs import background_tasks
from prefect.types import new_id, now
from tests.server.route_client import RouteClient

TIMEOUT_SECONDS = 60.0
PATH = "/api/task_runs/subscriptions/scheduled"


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


class Socket:
    """A client's end of a websocket of the application, with no network between."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[Any] = asyncio.Queue()
        self.from_server: asyncio.Queue[Any] = asyncio.Queue()

    def send(self, message: Any) -> None:
        self.to_server.put_nowait({"type": "websocket.receive", "text": orjson.dumps(message).decode()})

    def leave(self) -> None:
        self.to_server.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def next(self) -> Any:
        """The next message of the server's, or the code and reason with which it closed the connection."""
        message = await asyncio.wait_for(self.from_server.get(), TIMEOUT_SECONDS)
        if message["type"] == "websocket.close":
            return message["code"], message.get("reason")
        return orjson.loads(message["text"])


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Socket]:
    """A websocket that was let in."""
    socket = Socket()
    scope = {"type": "websocket", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "headers": []}
    scope |= {"subprotocols": ["prefect"], "scheme": "ws", "server": ("test", 80), "client": ("test", 1)}
    serving = asyncio.create_task(server.app(scope, socket.to_server.get, socket.from_server.put))
    socket.to_server.put_nowait({"type": "websocket.connect"})
    assert (await socket.from_server.get())["type"] == "websocket.accept"
    socket.send({"type": "auth", "token": None})
    assert await socket.next() == {"type": "auth_success"}
    try:
        yield socket
    finally:
        socket.leave()
        await asyncio.wait_for(serving, TIMEOUT_SECONDS)


@asynccontextmanager
async def worker(server: Server, name: str, *keys: str) -> AsyncIterator[Socket]:
    async with connected(server) as socket:
        socket.send({"type": "subscribe", "keys": list(keys), "client_id": name})
        yield socket


async def deferred(call: RouteClient, key: str, seconds: float = 0.0) -> str:
    """Create a task run in the background and return its id."""
    at = (now() + timedelta(seconds=seconds)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"deferred": True, "scheduled_time": at}}
    body = {"task_key": key, "dynamic_key": str(new_id()), "state": state}
    return (await call("POST", "/task_runs/", body))["id"]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_runs_are_sent_one_by_one_as_acknowledged(call: RouteClient, server: Server) -> None:
    first = await deferred(call, "a")
    await deferred(call, "other")
    await call.task_run(None, "x", state={"type": "SCHEDULED"}, task_key="a")
    async with worker(server, "w1", "a", "b") as socket:
        sent = await socket.next()
        assert (sent["id"], sent["task_key"], sent["state"]["state_details"]["deferred"]) == (first, "a", True)
        second = await deferred(call, "b")
        assert socket.from_server.empty()
        socket.send({"type": "ack"})
        assert (await socket.next())["id"] == second
        socket.send({"type": "ack"})
        later = await deferred(call, "b")  # comes while the worker waits
        assert (await socket.next())["id"] == later


@pytest.mark.parametrize("answer", [{"type": "quit"}, {"type": "what?"}, None])
async def test_unacknowledged_run_goes_to_another_worker(call: RouteClient, server: Server, answer: Any) -> None:
    run = await deferred(call, "a")
    async with worker(server, "w1", "a") as socket:
        assert (await socket.next())["id"] == run
        if answer is not None:
            socket.send(answer)
    async with worker(server, "w2", "a") as socket:
        assert (await socket.next())["id"] == run


async def test_each_run_goes_to_one_worker(call: RouteClient, server: Server) -> None:
    runs = {await deferred(call, "a") for _ in range(12)}
    taken: list[str] = []

    async def work(name: str) -> None:
        async with worker(server, name, "a") as socket:
            while len(taken) < len(runs):
                try:
                    sent = await asyncio.wait_for(socket.from_server.get(), 0.2)
                except TimeoutError:
                    continue
                taken.append(orjson.loads(sent["text"])["id"])
                socket.send({"type": "ack"})

    await asyncio.gather(*(work(f"w{number}") for number in range(3)))
    assert sorted(taken) == sorted(runs)


async def test_claim_of_a_lost_worker_expires(call: RouteClient, server: Server, database: Database) -> None:
    run = await deferred(call, "a")
    async with worker(server, "w1", "a") as socket:
        assert (await socket.next())["id"] == run
        socket.send({"type": "ack"})
        await call("POST", "/task_workers/filter", {})

    async def claimed(keys: Any = ("a",)) -> Any:
        return await database.write(
            lambda tx: background_tasks.claim_task_run(tx, keys, background_tasks.Claimant("w2"))
        )

    assert await claimed() is None
    await database.write(_long_after)
    await database.write(leases.end_expired)
    assert str((await claimed())["id"]) == run


async def test_connected_worker_keeps_its_claims(call: RouteClient, database: Database) -> None:
    run = await deferred(call, "a")
    begun = await deferred(call, "a")
    for _ in range(2):
        assert await database.write(
            lambda tx: background_tasks.claim_task_run(tx, ["a"], background_tasks.Claimant("w1"))
        )
    await call.set_state("task", begun, "RUNNING")
    await database.write(_long_after)
    await database.write(lambda tx: background_tasks.connect_worker(tx, "w1", ["a"]))
    await database.write(leases.end_expired)
    kept = await database.read(lambda tx: store.leases.find(tx))
    assert {str(lease["id"]) for lease in kept} & {run, begun} == {run}


async def _long_after(tx: Any) -> None:
    for lease in await store.leases.find(tx):
        await store.leases.change(tx, [{**lease, "expires": now() - timedelta(seconds=1)}], ["expires"])


async def test_run_is_sent_when_it_is_due(call: RouteClient, database: Database) -> None:
    await deferred(call, "a", 60)
    assert (
        await database.write(lambda tx: background_tasks.claim_task_run(tx, ["a"], background_tasks.Claimant("w1")))
        is None
    )


async def test_retries_within_flows_do_not_hide_background_runs(call: RouteClient, database: Database) -> None:
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": (now() - timedelta(seconds=9)).isoformat()}}
    for number in range(background_tasks.CLAIM_CANDIDATES + 1):
        await call("POST", "/task_runs/", {"task_key": "a", "dynamic_key": str(number), "state": state})
    wanted = await deferred(call, "a")
    claimed = await database.write(
        lambda tx: background_tasks.claim_task_run(tx, ["a"], background_tasks.Claimant("w1"))
    )
    assert claimed is not None and str(claimed["id"]) == wanted


async def test_workers_are_listed_while_connected(call: RouteClient, server: Server) -> None:
    async def listed(keys: list[str] | None = None) -> list[str]:
        body = {} if keys is None else {"task_worker_filter": {"task_keys": keys}}
        return [found["identifier"] for found in await call("POST", "/task_workers/filter", body)]

    async with worker(server, "w1", "a", "b"):
        await until(listed)
        assert await listed() == await listed(["b", "c"]) == ["w1"]
        assert await listed(["c"]) == []
    assert await listed() == []


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "hello"}, "expected 'subscribe' message"),
        ({"type": "subscribe", "client_id": "w"}, "expected 'keys' in subscribe message"),
        ({"type": "subscribe", "keys": [], "client_id": "w"}, "expected 'keys' in subscribe message"),
        ({"type": "subscribe", "keys": ["a"]}, "expected 'client_id' in subscribe message"),
    ],
)
async def test_protocol_violation_closes_the_websocket(server: Server, message: Any, reason: str) -> None:
    async with connected(server) as socket:
        socket.send(message)
        assert await socket.next() == (4001, f"Protocol violation: {reason}")
