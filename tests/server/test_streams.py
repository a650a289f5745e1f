"""Websockets of events and logs: in, out, and what is promised of them, on both databases."""

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
from websockets.exceptions import ConnectionClosed

from prefect.server import store
from prefect.server.app import Server
from prefect.server.app.streams import events as streams
from prefect.server.db.connection import Connection, Database
from prefect.server.db.errors import StoreBusy
from prefect.server.db.postgres import PostgresDatabase
from prefect.server.services import event_store, ingest
from prefect.settings import get_current_settings, temporary_settings
from prefect.types import new_id, now
from tests.server.asking import ask
from tests.server.sockets import PATIENCE, confirmed, connected, listening, received, serving, until

Event = dict[str, Any]


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
    await listening(server)
    async with serving(server) as address:
        yield address


async def kept(database: Database) -> list[UUID]:
    """The ids of the events that are kept, oldest first."""
    return [
        row["id"] for row in await database.read(lambda tx: store.events.find(tx, order="event.occurred, event.id"))
    ]


# --- in --------------------------------------------------------------------------------------------------------------


async def test_a_pong_says_that_what_came_before_its_ping_is_kept(address: str, database: Database) -> None:
    events = [event() for _ in range(300)]
    async with connected(f"{address}/events/in") as socket:
        for number, each in enumerate(events, 1):
            await socket.send(json.dumps(each))
            if number in (1, 2, 150, 299, 300):
                await confirmed(socket)
                assert len(await kept(database)) == number


async def test_no_pong_comes_before_the_commit(
    address: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for pings in the same packet as the events, and several of them."""
    may_commit, begun = asyncio.Event(), asyncio.Event()
    write = database.write

    async def slowly(work: Callable[[Connection], Awaitable[Any]]) -> Any:
        begun.set()
        await may_commit.wait()
        return await write(work)

    async with connected(f"{address}/events/in") as socket:
        monkeypatch.setattr(database, "write", slowly)
        pongs = []
        for _ in range(3):
            await socket.send(json.dumps(event()))
            pongs.append(await socket.ping())
        await asyncio.wait_for(begun.wait(), PATIENCE)
        # Whatever would overtake has the time of a whole exchange with another connection to do so.
        async with connect(f"{address}/events/in", ping_interval=None) as other:
            await confirmed(other)
        assert not any(pong.done() for pong in pongs)
        may_commit.set()
        await asyncio.wait_for(asyncio.gather(*pongs), PATIENCE)
    assert len(await kept(database)) == 3


async def test_closing_is_answered_after_the_commit(address: str, database: Database) -> None:
    async with connected(f"{address}/events/in") as socket:
        for _ in range(50):
            await socket.send(json.dumps(event()))
    assert len(await kept(database)) == 50


async def test_what_cannot_be_committed_is_not_confirmed(
    address: str, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = event(), event()
    async with connected(f"{address}/events/in") as socket:
        await socket.send(json.dumps(first))
        await confirmed(socket)

        async def busy(work: Any) -> Any:
            raise StoreBusy("busy")

        monkeypatch.setattr(database, "write", busy)
        await socket.send(json.dumps(second))
        pong = await socket.ping()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(pong, PATIENCE)
    monkeypatch.undo()
    async with connected(f"{address}/events/in") as socket:  # as clients do: again all that was not confirmed
        for each in (first, second, second):
            await socket.send(json.dumps(each))
        await confirmed(socket)
    assert await kept(database) == [UUID(first["id"]), UUID(second["id"])]


async def test_a_message_that_is_no_event_ends_the_connection_after_those_before_it(
    address: str, database: Database
) -> None:
    good = event()
    async with connected(f"{address}/events/in") as socket:
        await socket.send(json.dumps(good))
        await socket.send(json.dumps({**event(), "resource": {}}))
        await socket.send(json.dumps(event()))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), PATIENCE)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1002
    assert "resource" in closed.value.rcvd.reason
    assert await kept(database) == [UUID(good["id"])]


async def test_an_event_that_is_too_large_is_left_out_and_said_so(
    address: str, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    good = event()
    async with connected(f"{address}/events/in") as socket:
        await socket.send(json.dumps(event("x" * 2000)))
        await socket.send(json.dumps(good))
        await confirmed(socket)
    assert await kept(database) == [UUID(good["id"])]
    assert "has more than 1024 characters" in caplog.text


async def test_an_event_that_the_server_fails_on_holds_up_no_other(
    address: str, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *good = [event(name) for name in ("bad", "good", "good")]
    add = event_store.add

    async def fails(tx: Connection, told: list[Event]) -> int:
        if any(each["event"] == "bad" for each in told):
            raise ZeroDivisionError
        return await add(tx, told)

    monkeypatch.setattr(event_store, "add", fails)
    async with connected(f"{address}/events/in") as socket:
        for each in (good[0], bad, good[1]):
            await socket.send(json.dumps(each))
        await confirmed(socket)
    assert await kept(database) == [UUID(each["id"]) for each in good]
    [aside] = await database.read(store.set_aside.find)
    assert json.loads(aside["record"])["id"] == bad["id"] and "ZeroDivisionError" in aside["reason"]
    assert bad["id"] in caplog.text


async def test_a_client_must_wait_while_the_database_is_busy(
    address: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "TOGETHER", 10)
    may_commit = asyncio.Event()
    write = database.write
    sizes: list[int] = []
    take = ingest.receive

    async def receive(tx: Connection, told: list[Event]) -> None:
        sizes.append(len(told))
        await take(tx, told)

    async def slowly(work: Callable[[Connection], Awaitable[Any]]) -> Any:
        await may_commit.wait()
        return await write(work)

    monkeypatch.setattr(ingest, "receive", receive)
    padding = {"text": os.urandom(10_000).hex()}
    async with connected(f"{address}/events/in") as socket:
        monkeypatch.setattr(database, "write", slowly)
        sent = 0
        # The buffers of the connection fill up, and then nothing is taken from us any more.
        while True:
            try:
                await asyncio.wait_for(socket.send(json.dumps(event(payload=padding))), 2.0)
                sent += 1
            except TimeoutError:
                break
            assert sent < 5000, "the server reads without end"
        may_commit.set()
        await confirmed(socket)
    assert max(sizes) <= 10
    assert sent <= len(await kept(database)) <= sent + 1


# --- task runs by events ---------------------------------------------------------------------------------------------


def task_run_events(id_: UUID, flow_run_id: UUID, *states: str, name: str = "load-0") -> list[Event]:
    """The events by which a client tells of a task run that entered some states."""
    begun = now() - timedelta(seconds=60)
    told: list[Event] = []
    for number, state in enumerate(states):
        occurred = (begun + timedelta(seconds=number)).isoformat()
        told.append(
            {
                "id": str(new_id()),
                "occurred": occurred,
                "event": f"prefect.task-run.{state}",
                "resource": {
                    "prefect.resource.id": f"prefect.task-run.{id_}",
                    "prefect.resource.name": name,
                    "prefect.orchestration": "client",
                },
                "related": [
                    {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}", "prefect.resource.role": "flow-run"}
                ],
                "payload": {
                    "validated_state": {
                        "type": "RUNNING" if state == "Retrying" else state.upper(),
                        "name": state,
                        "message": "",
                        "state_details": {},
                        "data": None,
                    },
                    "task_run": {
                        "name": f"{name}-{state.lower()}",
                        "task_key": "load",
                        "dynamic_key": str(id_),
                        "tags": ["x"],
                        "task_inputs": {"a": []},
                        "run_count": 7,
                    },
                },
            }
        )
    return told


STATES = ("Pending", "Running", "Retrying", "Completed")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 1, 3, 0, 2, 2, 0)])
@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
async def test_events_make_task_runs_in_whatever_order_and_however_often_they_come(
    api: httpx.AsyncClient, order: tuple[int, ...], together: bool
) -> None:
    id_ = new_id()
    told = task_run_events(id_, new_id(), *STATES)
    batches = [[told[number] for number in order]] if together else [[told[number]] for number in order]
    for batch in batches:
        await ask(api, "POST", "/events", batch, 204)
    run = await ask(api, "GET", "/task_runs/{id}", id=id_)
    assert (run["state_name"], run["state_id"]) == ("Completed", told[3]["id"])
    assert (run["run_count"], run["name"], run["tags"]) == (2, "load-0-completed", ["x"])
    states = await ask(api, "GET", "/task_run_states/", query={"task_run_id": str(id_)})
    assert [state["id"] for state in states] == [each["id"] for each in told]
    page = await ask(api, "POST", "/events/filter", {"filter": {"order": "ASC"}})
    assert [each["id"] for each in page["events"]] == [each["id"] for each in told]
    known = [each["payload"]["task_run"] for each in page["events"]]
    assert [each["run_count"] for each in known] == [0, 1, 2, 2]
    assert ["end_time" in each for each in known] == [False, False, False, True]


async def test_events_of_task_runs_that_make_no_sense_are_kept_and_set_aside(
    api: httpx.AsyncClient, database: Database
) -> None:
    [told] = task_run_events(new_id(), new_id(), "Pending")
    told["payload"]["validated_state"]["type"] = "NONSENSE"
    other = {**task_run_events(new_id(), new_id(), "Pending")[0], "payload": {}}
    await ask(api, "POST", "/events", [told, other], 204)
    assert len(await kept(database)) == 2
    assert await database.read(store.set_aside.count) == 2


async def test_a_heartbeat_renews_the_lease_of_a_flow_run(api: httpx.AsyncClient, database: Database) -> None:
    flow = await ask(api, "POST", "/flows/", {"name": "f"}, 201)
    run = await ask(api, "POST", "/flow_runs/", {"flow_id": flow["id"], "state": {"type": "RUNNING"}}, 201)
    beat = event("prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{run['id']}"})
    await ask(api, "POST", "/events", [beat], 204)
    row = await database.read(lambda tx: store.flow_runs.get(tx, UUID(run["id"])))
    assert row is not None and row["lease_until"] > now() + timedelta(seconds=60)


# --- out -------------------------------------------------------------------------------------------------------------


def asking(**criteria: Any) -> str:
    since, until = now() - timedelta(hours=1), now() + timedelta(days=1)
    occurred = {"since": since.isoformat(), "until": until.isoformat()}
    backfill = criteria.pop("backfill", True)
    return json.dumps({"type": "filter", "filter": {"occurred": occurred, **criteria}, "backfill": backfill})


async def told(socket: Any, count: int) -> list[str]:
    """The ids in the next messages."""
    messages = [await received(socket) for _ in range(count)]
    assert all(message["type"] == "event" for message in messages)
    return [message["event"]["id"] for message in messages]


async def send(api: httpx.AsyncClient, *events: Event) -> list[str]:
    await ask(api, "POST", "/events", list(events), 204)
    return [each["id"] for each in events]


async def test_a_subscriber_gets_what_was_and_what_comes_each_once(api: httpx.AsyncClient, address: str) -> None:
    await send(api, event("other"), {**event(), "occurred": (now() - timedelta(minutes=30)).isoformat()})
    before = await send(api, *(event() for _ in range(300)))
    async with connected(f"{address}/events/out") as socket:
        await socket.send(asking(event={"name": ["happened"]}))
        assert await told(socket, 300) == before, "what is older than the backfill may look is left out"
        for _ in range(3):
            after = await send(api, event("other"), event(), event())
            assert await told(socket, 2) == after[1:]


async def test_nothing_falls_between_what_was_and_what_comes(api: httpx.AsyncClient, address: str) -> None:
    """Events are committed while subscribers look back."""
    sent: list[str] = []
    sockets = []
    async with asyncio.TaskGroup() as group:

        async def subscribe() -> list[str]:
            async with connected(f"{address}/events/out") as socket:
                await socket.send(asking())
                return await told(socket, 200)

        for _ in range(40):
            sent += await send(api, *(event() for _ in range(5)))
            if len(sent) % 50 == 0:
                sockets.append(group.create_task(subscribe()))
    for task in sockets:
        assert sorted(task.result()) == sorted(sent)


async def test_without_backfill_only_what_comes(api: httpx.AsyncClient, server: Server, address: str) -> None:
    await send(api, event())
    await listening(server)  # what was told before has been heard
    async with connected(f"{address}/events/out") as socket:
        await socket.send(asking(backfill=False))
        await until(lambda: server.bus.wanted(event_store.TOPIC))
        after = await send(api, event())
        assert await told(socket, 1) == after


async def test_a_subscriber_that_missed_something_finds_it_in_the_store(
    api: httpx.AsyncClient, server: Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(f"{address}/events/out") as socket:
        await socket.send(asking())
        await until(lambda: server.bus.wanted(event_store.TOPIC))
        first = await send(api, event())
        assert await told(socket, 1) == first
        with monkeypatch.context() as patched:
            patched.setattr(server.bus, "deliver", lambda told: None)
            missed = await send(api, event(), {**event(), "occurred": (now() - timedelta(minutes=40)).isoformat()})
            assert len(await kept(server.database)) == 3
            await asyncio.to_thread(lambda: None)  # what was told is delivered before the next turn
        server.bus.deliver([])
        assert sorted(await told(socket, 2)) == sorted(missed)
        last = await send(api, event())
        assert await told(socket, 1) == last


async def test_a_slow_reader_loses_nothing(
    api: httpx.AsyncClient, server: Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.server import bus

    monkeypatch.setattr(bus, "WAITING", 3)
    async with connected(f"{address}/events/out") as socket:
        await socket.send(asking())
        await until(lambda: server.bus.wanted(event_store.TOPIC))
        sent: list[str] = []
        for _ in range(30):
            sent += await send(api, *(event(payload={"text": "x" * 20_000}) for _ in range(10)))
        assert sorted(await told(socket, 300)) == sorted(sent)


@pytest.mark.parametrize("path", ["/events/out", "/logs/out"])
@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{}", "Expected 'filter' message"),
        ("no JSON", "Expected 'filter' message"),
        ('{"type": "filter"}', "Invalid filter: 'filter'"),
        ('{"type": "filter", "filter": 1}', "Invalid filter: "),
    ],
)
async def test_a_wrong_first_message_ends_the_connection(address: str, path: str, message: str, reason: str) -> None:
    async with connected(f"{address}{path}") as socket:
        await socket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), PATIENCE)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1002
    assert closed.value.rcvd.reason.startswith(reason)


async def test_servers_of_one_database_hear_of_each_others_events(api: httpx.AsyncClient, database: Database) -> None:
    if not isinstance(getattr(database, "database", database), PostgresDatabase):
        pytest.skip("a SQLite file has one server")
    other = Server(get_current_settings(), database, loops=False)
    other.bus.start(database)
    await listening(other)
    async with serving(other) as address, connected(f"{address}/events/out") as socket:
        await socket.send(asking())
        await until(lambda: other.bus.wanted(event_store.TOPIC))
        sent = await send(api, *(event() for _ in range(450)))
        assert sorted(await told(socket, 450)) == sorted(sent)


# --- logs ------------------------------------------------------------------------------------------------------------


def log(message: str = "hello", **more: Any) -> dict[str, Any]:
    return {"name": "n", "level": 20, "message": message, "timestamp": now().isoformat(), **more}


async def test_logs_that_are_sent_again_count_once(api: httpx.AsyncClient) -> None:
    same = log()
    batch = [same, same, log("other"), log(flow_run_id=str(uuid4()))]
    await ask(api, "POST", "/logs/", batch, 201)
    await ask(api, "POST", "/logs/", batch, 201)
    logs = await ask(api, "POST", "/logs/filter", {})
    assert len(logs) == 4, "two that are the same are two, when they were sent together"


async def test_logs_are_sent_to_those_who_follow_them(database: Database) -> None:
    from prefect.settings import PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED

    run = str(uuid4())
    with temporary_settings({PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED: True}):
        server = Server(get_current_settings(), database, loops=False)
        server.bus.start(database)
        await listening(server)
        transport = httpx.ASGITransport(server.app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://test/api") as api,
            serving(server) as address,
            connected(f"{address}/logs/out") as socket,
        ):
            await socket.send(json.dumps({"type": "filter", "filter": {"flow_run_id": {"any_": [run]}}}))
            await until(lambda: server.bus.wanted("logs"))
            await ask(api, "POST", "/logs/", [log("not this"), log("one", flow_run_id=run)], 201)
            assert (await received(socket))["log"]["message"] == "one"
            server.bus.deliver([])  # something may have been missed
            await ask(api, "POST", "/logs/", [log("two", flow_run_id=run)], 201)
            message = await received(socket)
            assert (message["type"], message["log"]["message"]) == ("log", "two")
