"""Websockets that receive and send events and logs, and their delivery guarantees, on both databases."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from prefect.server import store
from prefect.server.app import Server, sockets
from prefect.server.app.streams import events as streams
from prefect.server.db.errors import StoreBusy
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.services.events import event_store, ingest
from prefect.settings import (
    PREFECT_SERVER_API_AUTH_STRING,
    PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED,
    get_current_settings,
    temporary_settings,
)
from prefect.types import new_id, now
from tests.server.route_calls import call_route
from tests.server.websocket_client import (
    TIMEOUT_SECONDS,
    connect_client,
    ping,
    receive,
    serve,
    wait_until,
    wait_until_listening,
)

Event = dict[str, Any]

PROTOCOL = Subprotocol("prefect")


def event(name: str = "happened", **more: Any) -> Event:
    return {
        "id": str(new_id()),
        "occurred": now().isoformat(),
        "event": name,
        "resource": {"prefect.resource.id": "thing.1"},
        **more,
    }


@pytest.fixture
async def address(server: Server) -> AsyncIterator[str]:
    await wait_until_listening(server)
    async with serve(server) as address:
        yield address


async def kept(database: Database) -> list[UUID]:
    """Return the ids of the stored events, oldest first."""
    return [
        row["id"] for row in await database.read(lambda tx: store.events.find(tx, order="event.occurred, event.id"))
    ]


# --- authentication --------------------------------------------------------------------------------------------------


@pytest.fixture
async def guarded(database: Database) -> AsyncIterator[str]:
    """The address of a server that requires a token."""
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "admin:pass"}):
        server = Server(get_current_settings(), database, loops=False)
        server.bus.start(database)
        async with serve(server) as address:
            yield address


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ({"type": "auth", "token": "admin:wrong"}, "Invalid token"),
        ({"type": "auth", "token": None}, "Auth required but no token provided"),
        ({"type": "auth"}, "Auth required but no token provided"),
        ({"type": "filter", "filter": {}}, "Expected 'auth' message"),
    ],
)
async def test_websocket_closes_without_a_valid_token(guarded: str, first: dict[str, Any], reason: str) -> None:
    for path in ("/events/in", "/events/out", "/logs/out"):
        async with connect(f"{guarded}{path}", subprotocols=[PROTOCOL], ping_interval=None) as socket:
            await socket.send(json.dumps(first))
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS)
        assert closed.value.rcvd is not None and (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, reason)


async def test_websocket_closes_when_no_token_arrives_in_time(guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "AUTH_TIMEOUT_SECONDS", 0.01)
    async with connect(f"{guarded}/events/in", subprotocols=[PROTOCOL], ping_interval=None) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


async def test_websocket_requires_the_subprotocol_when_there_is_an_auth_string(
    guarded: str, database: Database
) -> None:
    async with connect_client(f"{guarded}/events/in", token="admin:pass") as socket:
        await socket.send(json.dumps(event()))
        await ping(socket)
    assert len(await kept(database)) == 1
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{guarded}/events/in", ping_interval=None):
            pass
    assert refused.value.response.status_code == 403


# --- in --------------------------------------------------------------------------------------------------------------


async def test_pong_confirms_that_the_events_before_the_ping_are_committed(address: str, database: Database) -> None:
    events = [event() for _ in range(300)]
    async with connect_client(f"{address}/events/in") as socket:
        for number, each in enumerate(events, 1):
            await socket.send(json.dumps(each))
            if number in (1, 2, 150, 299, 300):
                await ping(socket)
                assert len(await kept(database)) == number


async def test_pong_waits_for_the_commit(address: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for several pings in the same packet as the events."""
    may_commit, begun = asyncio.Event(), asyncio.Event()
    write = database.write

    async def slowly(work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        begun.set()
        await may_commit.wait()
        return await write(work)

    async with connect_client(f"{address}/events/in") as socket:
        monkeypatch.setattr(database, "write", slowly)
        pongs = []
        for _ in range(3):
            await socket.send(json.dumps(event()))
            pongs.append(await socket.ping())
        await asyncio.wait_for(begun.wait(), TIMEOUT_SECONDS)
        # Whatever would overtake has the time of a whole exchange with another connection to do so.
        async with connect(f"{address}/events/in", ping_interval=None) as other:
            await ping(other)
        assert not any(pong.done() for pong in pongs)
        may_commit.set()
        await asyncio.wait_for(asyncio.gather(*pongs), TIMEOUT_SECONDS)
    assert len(await kept(database)) == 3


async def test_close_is_answered_after_the_commit(address: str, database: Database) -> None:
    async with connect_client(f"{address}/events/in") as socket:
        for _ in range(50):
            await socket.send(json.dumps(event()))
    assert len(await kept(database)) == 50


async def test_events_are_not_confirmed_when_the_commit_fails(
    address: str, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = event(), event()
    async with connect_client(f"{address}/events/in") as socket:
        await socket.send(json.dumps(first))
        await ping(socket)

        async def busy(work: Any) -> Any:
            raise StoreBusy("busy")

        monkeypatch.setattr(database, "write", busy)
        await socket.send(json.dumps(second))
        pong = await socket.ping()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(pong, TIMEOUT_SECONDS)
    monkeypatch.undo()
    async with connect_client(f"{address}/events/in") as socket:  # as clients do: again all that was not confirmed
        for each in (first, second, second):
            await socket.send(json.dumps(each))
        await ping(socket)
    assert await kept(database) == [UUID(first["id"]), UUID(second["id"])]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [('{"event": "e", "resource": {}}', "occurred"), (b"\xff\x00", "text")],
    ids=["incomplete", "bytes"],
)
async def test_invalid_event_closes_the_websocket_after_the_events_before_it(
    address: str, database: Database, bad: str | bytes, reason: str
) -> None:
    good = event()
    async with connect_client(f"{address}/events/in") as socket:
        await socket.send(json.dumps(good))
        await socket.send(bad)
        await socket.send(json.dumps(event()))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1002
    assert reason in closed.value.rcvd.reason
    assert await kept(database) == [UUID(good["id"])]


async def test_event_that_is_too_large_is_dropped_and_logged(
    address: str, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    good = event()
    async with connect_client(f"{address}/events/in") as socket:
        await socket.send(json.dumps(event("x" * 2000)))
        await socket.send(json.dumps(good))
        await ping(socket)
    assert await kept(database) == [UUID(good["id"])]
    assert "has more than 1024 characters" in caplog.text


async def test_event_that_fails_becomes_a_dead_letter(
    address: str, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *good = [event(name) for name in ("bad", "good", "good")]
    add = event_store.add_events

    async def fails(tx: Transaction, events: list[Event]) -> int:
        if any(each["event"] == "bad" for each in events):
            raise ZeroDivisionError
        return await add(tx, events)

    monkeypatch.setattr(event_store, "add_events", fails)
    async with connect_client(f"{address}/events/in") as socket:
        for each in (good[0], bad, good[1]):
            await socket.send(json.dumps(each))
        await ping(socket)
    assert await kept(database) == [UUID(each["id"]) for each in good]
    [dead_letter] = await database.read(store.dead_letters.find)
    assert json.loads(dead_letter["record"])["id"] == bad["id"] and "ZeroDivisionError" in dead_letter["reason"]
    assert bad["id"] in caplog.text


async def test_client_waits_while_the_database_is_busy(
    address: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_BATCH_MESSAGES", 10)
    may_commit = asyncio.Event()
    write = database.write
    sizes: list[int] = []
    take = ingest.ingest_events

    async def receive(tx: Transaction, events: list[Event]) -> None:
        sizes.append(len(events))
        await take(tx, events)

    async def slowly(work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        await may_commit.wait()
        return await write(work)

    monkeypatch.setattr(ingest, "ingest_events", receive)
    padding = {"text": os.urandom(10_000).hex()}
    async with connect_client(f"{address}/events/in") as socket:
        monkeypatch.setattr(database, "write", slowly)
        sent = 0
        # The buffers of the connection fill up, and then no message can be sent any more.
        while True:
            try:
                await asyncio.wait_for(socket.send(json.dumps(event(payload=padding))), 2.0)
                sent += 1
            except TimeoutError:
                break
            assert sent < 5000, "the server reads without end"
        may_commit.set()
        await ping(socket)
    assert max(sizes) <= 10
    assert sent <= len(await kept(database)) <= sent + 1


# --- out -------------------------------------------------------------------------------------------------------------


def filter_message(**criteria: Any) -> str:
    since, until = now() - timedelta(hours=1), now() + timedelta(days=1)
    occurred = {"since": since.isoformat(), "until": until.isoformat()}
    backfill = criteria.pop("backfill", True)
    return json.dumps({"type": "filter", "filter": {"occurred": occurred, **criteria}, "backfill": backfill})


async def receive_events(socket: Any, count: int) -> list[str]:
    """Receive `count` events and return their ids."""
    messages = [await receive(socket) for _ in range(count)]
    assert all(message["type"] == "event" for message in messages)
    return [message["event"]["id"] for message in messages]


async def send(api: httpx.AsyncClient, *events: Event) -> list[str]:
    await call_route(api, "POST", "/events", list(events), 204)
    return [each["id"] for each in events]


async def test_subscriber_receives_stored_and_new_events_once(api: httpx.AsyncClient, address: str) -> None:
    await send(api, event("other"), {**event(), "occurred": (now() - timedelta(minutes=30)).isoformat()})
    before = await send(api, *(event() for _ in range(300)))
    async with connect_client(f"{address}/events/out") as socket:
        await socket.send(filter_message(event={"name": ["happened"]}))
        assert await receive_events(socket, 300) == before, "events older than the backfill are left out"
        for _ in range(3):
            after = await send(api, event("other"), event(), event())
            assert await receive_events(socket, 2) == after[1:]


async def test_subscriber_misses_no_event_between_stored_and_new_ones(api: httpx.AsyncClient, address: str) -> None:
    """Events are committed while subscribers read the stored ones."""
    sent: list[str] = []
    sockets = []
    async with asyncio.TaskGroup() as group:

        async def subscribe() -> list[str]:
            async with connect_client(f"{address}/events/out") as socket:
                await socket.send(filter_message())
                return await receive_events(socket, 200)

        for _ in range(40):
            sent += await send(api, *(event() for _ in range(5)))
            if len(sent) % 50 == 0:
                sockets.append(group.create_task(subscribe()))
    for task in sockets:
        assert sorted(task.result()) == sorted(sent)


async def test_subscriber_receives_only_new_events_without_backfill(
    api: httpx.AsyncClient, server: Server, address: str
) -> None:
    await send(api, event())
    await wait_until_listening(server)  # notifications sent before have been received
    async with connect_client(f"{address}/events/out") as socket:
        await socket.send(filter_message(backfill=False))
        await wait_until(lambda: server.bus.has_subscribers(event_store.EVENTS_TOPIC))
        after = await send(api, event())
        assert await receive_events(socket, 1) == after


async def test_subscriber_reads_missed_events_from_the_store(
    api: httpx.AsyncClient, server: Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect_client(f"{address}/events/out") as socket:
        await socket.send(filter_message())
        await wait_until(lambda: server.bus.has_subscribers(event_store.EVENTS_TOPIC))
        first = await send(api, event())
        assert await receive_events(socket, 1) == first
        with monkeypatch.context() as patched:
            patched.setattr(server.bus, "deliver", lambda notifications: None)
            missed = await send(api, event(), {**event(), "occurred": (now() - timedelta(minutes=40)).isoformat()})
            assert len(await kept(server.database)) == 3
            await asyncio.to_thread(lambda: None)  # notifications are delivered before the next turn of the event loop
        server.bus.deliver([])
        assert sorted(await receive_events(socket, 2)) == sorted(missed)
        last = await send(api, event())
        assert await receive_events(socket, 1) == last


async def test_slow_subscriber_receives_every_event(
    api: httpx.AsyncClient, server: Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.server import bus

    monkeypatch.setattr(bus, "MAX_WAITING_ITEMS", 3)
    async with connect_client(f"{address}/events/out") as socket:
        await socket.send(filter_message())
        await wait_until(lambda: server.bus.has_subscribers(event_store.EVENTS_TOPIC))
        sent: list[str] = []
        for _ in range(30):
            sent += await send(api, *(event(payload={"text": "x" * 20_000}) for _ in range(10)))
        assert sorted(await receive_events(socket, 300)) == sorted(sent)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{}", "Expected 'filter' message"),
        ("no JSON", "Expected 'filter' message"),
        ('{"type": "filter"}', "Invalid filter: 'filter'"),
        ('{"type": "filter", "filter": 1}', "Invalid filter: "),
    ],
)
async def test_invalid_first_message_closes_the_websocket(address: str, message: str, reason: str) -> None:
    for path in ("/events/out", "/logs/out"):
        async with connect_client(f"{address}{path}") as socket:
            await socket.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1002
        assert closed.value.rcvd.reason.startswith(reason)


async def test_subscriber_receives_events_of_another_server(api: httpx.AsyncClient, database: Database) -> None:
    if not isinstance(getattr(database, "database", database), PostgresDatabase):
        pytest.skip("a SQLite file has one server")
    other = Server(get_current_settings(), database, loops=False)
    other.bus.start(database)
    await wait_until_listening(other)
    async with serve(other) as address, connect_client(f"{address}/events/out") as socket:
        await socket.send(filter_message())
        await wait_until(lambda: other.bus.has_subscribers(event_store.EVENTS_TOPIC))
        sent = await send(api, *(event() for _ in range(450)))
        assert sorted(await receive_events(socket, 450)) == sorted(sent)


# --- logs ------------------------------------------------------------------------------------------------------------


def log(message: str = "hello", **more: Any) -> dict[str, Any]:
    return {"name": "n", "level": 20, "message": message, "timestamp": now().isoformat(), **more}


async def test_logs_that_are_sent_twice_are_stored_once(api: httpx.AsyncClient) -> None:
    same = log()
    batch = [same, same, log("other"), log(flow_run_id=str(uuid4()))]
    await call_route(api, "POST", "/logs/", batch, 201)
    await call_route(api, "POST", "/logs/", batch, 201)
    logs = await call_route(api, "POST", "/logs/filter", {})
    assert len(logs) == 4, "two that are the same are two, when they were sent together"


async def test_subscriber_receives_new_logs(database: Database) -> None:
    run = str(uuid4())
    with temporary_settings({PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED: True}):
        server = Server(get_current_settings(), database, loops=False)
        server.bus.start(database)
        await wait_until_listening(server)
        transport = httpx.ASGITransport(server.app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://test/api") as api,
            serve(server) as address,
            connect_client(f"{address}/logs/out") as socket,
        ):
            await socket.send(json.dumps({"type": "filter", "filter": {"flow_run_id": {"any_": [run]}}}))
            await wait_until(lambda: server.bus.has_subscribers("logs"))
            await call_route(api, "POST", "/logs/", [log("not this"), log("one", flow_run_id=run)], 201)
            assert (await receive(socket))["log"]["message"] == "one"
            server.bus.deliver([])  # something may have been missed
            await call_route(api, "POST", "/logs/", [log("two", flow_run_id=run)], 201)
            message = await receive(socket)
            assert (message["type"], message["log"]["message"]) == ("log", "two")
