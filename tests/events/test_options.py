"""Options of the events clients, and of `emit_event`."""

from typing import Any

import pytest

from prefect.client import _websockets
from prefect.events import Event, FlowRunSubscriber, emit_event, get_events_client, get_events_subscriber
from prefect.events import clients as events_clients
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.settings import temporary_settings
from prefect.types import new_id
from tests.events.websockets import run_websocket_server

NOWHERE = "http://127.0.0.1:1/api"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_websockets, events_clients):
        monkeypatch.setattr(module, "RECONNECT_INTERVAL_SECONDS", 0)


@pytest.fixture
def connects(pauses: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were connected to in vain."""
    urls: list[str] = []

    async def refuse(url: str, **options: Any) -> None:
        urls.append(url)
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(_websockets, "connect", refuse)
    return urls


def event() -> Event:
    return Event(event="my.thing", resource={"prefect.resource.id": "my.one"})


async def test_events_client_confirms_as_often_as_configured() -> None:
    async with run_websocket_server() as server:
        with temporary_settings({"PREFECT_API_URL": server.url}):
            async with get_events_client(checkpoint_every=2, checkpoint_interval=600) as often:
                for _ in range(3):
                    await often.emit(event())
                assert len(often._unconfirmed) == 1
            async with get_events_client(checkpoint_every=100, checkpoint_interval=0) as immediate:
                await immediate.emit(event())
                assert immediate._unconfirmed == []


async def test_events_client_tries_as_often_as_configured(connects: list[str]) -> None:
    with temporary_settings({"PREFECT_API_URL": NOWHERE}), pytest.raises(ConnectionError):
        async with get_events_client(reconnection_attempts=2):
            pass

    assert len(connects) == 3


async def test_subscriber_ends_or_reconnects_at_a_clean_close(pauses: None) -> None:
    async def respond(connection: Any, message: Any) -> None:
        made = event().model_dump(mode="json")
        sent = {"type": "event", "event": {**made, "received": made["occurred"]}}
        await connection.send(_websockets._encoding.encode(sent).decode())
        await connection.close()

    async with run_websocket_server(after_message=respond) as server:
        with temporary_settings({"PREFECT_API_URL": server.url}):
            async with get_events_subscriber(reconnect_on_clean_close=False) as subscriber:
                assert len([each async for each in subscriber]) == 1
            async with get_events_subscriber(reconnect_on_clean_close=True) as subscriber:
                assert len({(await anext(subscriber)).id for _ in range(3)}) == 3


async def test_subscriber_tries_as_often_as_configured(connects: list[str]) -> None:
    with temporary_settings({"PREFECT_API_URL": NOWHERE}):
        with pytest.raises(ConnectionError):
            async with get_events_subscriber(reconnection_attempts=2) as subscriber:
                await anext(subscriber)

    assert len(connects) == 3


def test_event_keeps_the_id_it_is_created_with() -> None:
    EventsWorker.set_client_override(AssertingEventsClient)
    event_id = new_id()

    emitted = emit_event("my.thing", {"prefect.resource.id": "my.one"}, id=event_id)

    assert emitted is not None and emitted.id == event_id


async def test_flow_run_subscriber_gives_up_after_its_attempts(connects: list[str]) -> None:
    with temporary_settings({"PREFECT_API_URL": NOWHERE}):
        with pytest.raises(ConnectionError):
            async with FlowRunSubscriber(new_id(), reconnection_attempts=0) as subscriber:
                [each async for each in subscriber]

    assert len(connects) == 1
