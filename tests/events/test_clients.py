"""Events over websockets: handshake, retransmission and subscriptions."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

import prefect
from prefect.client import _websockets
from prefect.client.subscriptions import Subscription
from prefect.events import Event, get_events_client, get_events_subscriber
from prefect.events import clients as events_clients
from prefect.events.clients import (
    AssertingEventsClient,
    AssertingPassthroughEventsClient,
    LocalEventsClient,
    NullEventsClient,
    PrefectCloudAccountEventSubscriber,
    PrefectCloudEventsClient,
    PrefectEventsClient,
    PrefectEventSubscriber,
)
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.subscribers import FlowRunSubscriber
from prefect.logging.clients import get_logs_subscriber
from prefect.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.schemas.runs import TaskRun
from prefect.settings import temporary_settings
from prefect.types import new_id, now
from tests.events.websockets import run_websocket_server


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_websockets, events_clients):
        monkeypatch.setattr(module, "RECONNECT_INTERVAL_SECONDS", 0)


def event(name: str = "my.thing") -> Event:
    return Event(event=name, resource={"prefect.resource.id": "my.one"})  # pyright: ignore[reportArgumentType]


def received(name: str = "my.thing", **labels: str) -> dict[str, Any]:
    made = event(name).model_dump(mode="json")
    made["resource"].update({name.replace("_", "-"): value for name, value in labels.items()})
    return {"type": "event", "event": {**made, "received": made["occurred"]}}


# --- sending ---------------------------------------------------------------------------------------------------------


async def test_events_are_sent_over_the_websocket() -> None:
    async with run_websocket_server(token="a:b") as server:
        with temporary_settings({"PREFECT_API_URL": server.url, "PREFECT_API_AUTH_STRING": "a:b"}):
            sent = [event(f"e.{number}") for number in range(3)]
            async with get_events_client() as client:
                assert type(client) is PrefectEventsClient
                for one in sent:
                    await client.emit(one)
        await server.wait_for_messages(3)
    assert server.paths == ["/api/events/in"]
    assert server.tokens == [{"type": "auth", "token": "a:b"}]
    assert server.headers[0]["sec-websocket-protocol"] == "prefect"
    assert server.headers[0]["authorization"] == "Basic YTpi"
    assert server.headers[0]["user-agent"] == f"prefect/{prefect.__version__} (API 0.8.4)"
    assert [Event.model_validate(message) for message in server.messages] == sent


async def test_wrong_token_fails_without_retry() -> None:
    async with run_websocket_server(token="right") as server:
        with pytest.raises(RuntimeError, match=r"Invalid token.*PREFECT_API_AUTH_STRING"):
            async with PrefectEventsClient(server.url):
                pass
    assert len(server.paths) == 1


async def test_unreachable_server_raises_connection_error() -> None:
    with pytest.raises(ConnectionError, match="Is the server running"):
        async with PrefectEventsClient("http://127.0.0.1:1/api", reconnection_attempts=2):
            pass


async def test_unconfirmed_events_are_sent_again() -> None:
    async def hang_up(connection: Any, message: Any) -> None:
        if len(server.messages) == 2:
            connection.transport.abort()

    async with run_websocket_server(after_message=hang_up) as server:
        sent = [event(f"e.{number}") for number in range(4)]
        async with PrefectEventsClient(server.url) as client:
            for count, one in enumerate(sent, 1):
                await client.emit(one)
                await server.wait_for_messages(min(count, 2))  # then the connection is lost
        await server.wait_for_messages(6)
    assert {message["id"] for message in server.messages} == {str(one.id) for one in sent}
    assert len(server.paths) == 2


async def test_confirmed_events_are_discarded() -> None:
    async with run_websocket_server() as server, PrefectEventsClient(server.url, checkpoint_every=2) as client:
        for _ in range(5):
            await client.emit(event())
        assert len(client._unconfirmed) == 1
        client._checkpoint_interval = 0
        await client.emit(event())
        assert client._unconfirmed == []


async def test_custom_headers_are_sent() -> None:
    custom = {"X-Team": "data", "Sec-WebSocket-Key": "x", "Host": "y"}
    async with run_websocket_server() as server:
        with temporary_settings({"PREFECT_CLIENT_CUSTOM_HEADERS": custom}):
            async with PrefectEventsClient(server.url):
                pass
    assert server.headers[0]["x-team"] == "data"
    assert "y" not in server.headers[0].values()


async def test_cloud_client_sends_api_key_in_header() -> None:
    async with run_websocket_server(authenticates=False) as server:
        async with PrefectCloudEventsClient(server.url, api_key="pnu_1") as client:
            await client.emit(event())
        await server.wait_for_messages(1)
    assert server.headers[0]["authorization"] == "bearer pnu_1"
    assert "sec-websocket-protocol" not in server.headers[0]
    with pytest.raises(ValueError, match="API key"):
        PrefectCloudEventsClient(server.url)


@pytest.mark.parametrize("kind", [NullEventsClient, AssertingEventsClient])
async def test_client_requires_async_with(kind: Any) -> None:
    with pytest.raises(TypeError, match="async with"):
        await kind().emit(event())
    async with kind() as client:
        await client.emit(event())
        assert client.client_name == kind.__name__


async def test_asserting_clients_record_events() -> None:
    AssertingEventsClient.reset()
    async with AssertingEventsClient(1, a=2) as client:
        await client.emit(event("one"))
    assert AssertingEventsClient.last is client
    assert [one.event for one in client.events] == ["one"]
    assert (client.args, client.kwargs, AssertingEventsClient.all) == ((1,), {"a": 2}, [client])
    assert [one.event for one in client.pop_events()] == ["one"]
    assert client.events == []
    AssertingEventsClient.reset()
    assert (AssertingEventsClient.last, AssertingEventsClient.all) == (None, [])
    async with run_websocket_server() as server:
        async with AssertingPassthroughEventsClient(server.url) as passing:
            await passing.emit(event("two"))
        await server.wait_for_messages(1)
    assert AssertingPassthroughEventsClient.last.events == passing.events != []
    assert AssertingEventsClient.last is None


# --- subscribing -----------------------------------------------------------------------------------------------------


async def test_subscriber_yields_each_event_once() -> None:
    first = received("a.one")

    async def respond(connection: Any, message: Any) -> None:
        for sent in (first, first, {"type": "other"}, received("a.two")):
            await connection.send(_websockets._encoding.encode(sent).decode())
        await connection.close()

    async with run_websocket_server(after_message=respond) as server:
        with temporary_settings({"PREFECT_API_URL": server.url}):
            wanted = EventFilter(event=EventNameFilter(prefix=["a."]))
            async with get_events_subscriber(filter=wanted) as subscriber:
                assert type(subscriber) is PrefectEventSubscriber
                assert [one.event async for one in subscriber] == ["a.one", "a.two"]
    assert server.paths == ["/api/events/out"]
    (request,) = server.messages
    assert request["type"] == "filter"
    assert request["filter"]["event"] == {"prefix": ["a."]}
    window = EventFilter.model_validate(request["filter"]).occurred
    assert window.since < now() - timedelta(seconds=50) and window.until > now() + timedelta(days=300)


async def test_subscriber_resumes_after_lost_connection() -> None:
    sent = [received("a.0"), received("a.1")]

    async def respond(connection: Any, message: Any) -> None:
        for one in sent[: len(server.messages)]:
            await connection.send(_websockets._encoding.encode(one).decode())
        if len(server.messages) == 1:
            await connection.ping()
            await asyncio.sleep(0)
            connection.transport.abort()

    async with run_websocket_server(after_message=respond) as server, PrefectEventSubscriber(server.url) as subscriber:
        names = [(await anext(subscriber)).event for _ in range(2)]
    assert names == ["a.0", "a.1"]
    assert len(server.messages) == 2
    again = EventFilter.model_validate(server.messages[1]["filter"]).occurred
    assert again.since == Event.model_validate(sent[0]["event"]).occurred - timedelta(minutes=1)


async def test_subscriber_reconnects_on_clean_close(monkeypatch: pytest.MonkeyPatch) -> None:
    async def respond(connection: Any, message: Any) -> None:
        await connection.send(_websockets._encoding.encode(received(f"a.{len(server.messages)}")).decode())
        await connection.close()

    async with run_websocket_server(after_message=respond) as server:
        async with PrefectEventSubscriber(server.url, reconnect_on_clean_close=True) as subscriber:
            assert [(await anext(subscriber)).event for _ in range(3)] == ["a.1", "a.2", "a.3"]


async def test_account_subscriber_uses_account_url() -> None:
    async with run_websocket_server() as server:
        async with PrefectCloudAccountEventSubscriber(f"{server.url}/accounts/1/workspaces/2", api_key="k"):
            pass
    assert (server.paths, server.tokens) == (["/api/accounts/1/events/out"], [{"type": "auth", "token": "k"}])


async def test_logs_subscriber_yields_each_log_once() -> None:
    run = uuid4()
    log = {"id": str(new_id()), "name": "n", "level": 20, "message": "hi", "timestamp": now(), "flow_run_id": run}

    async def respond(connection: Any, message: Any) -> None:
        for _ in range(2):
            await connection.send(_websockets._encoding.encode({"type": "log", "log": log}).decode())
        await connection.close()

    async with run_websocket_server(after_message=respond) as server:
        with temporary_settings({"PREFECT_API_URL": server.url}):
            wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
            async with get_logs_subscriber(filter=wanted) as subscriber:
                assert [one.message async for one in subscriber] == ["hi"]
    assert server.paths == ["/api/logs/out"]
    assert server.messages == [{"type": "filter", "filter": {"flow_run_id": {"any_": [str(run)]}}}]


async def test_flow_run_subscriber_ends_with_the_run() -> None:
    run = uuid4()
    log = {"id": str(new_id()), "name": "n", "level": 20, "message": "hi", "timestamp": now(), "flow_run_id": run}
    ended = received("prefect.flow-run.Fine")
    ended["event"]["resource"] = {"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.state-type": "COMPLETED"}

    async def respond(connection: Any, message: Any) -> None:
        kind = connection.request.path.rsplit("/", 2)[1]
        sent = {"type": "log", "log": log} if kind == "logs" else ended
        await connection.send(_websockets._encoding.encode(sent).decode())

    async with run_websocket_server(after_message=respond) as server:
        with temporary_settings({"PREFECT_API_URL": server.url}):
            async with FlowRunSubscriber(run, straggler_timeout=0) as subscriber:
                kinds = {type(item).__name__ async for item in subscriber}
    assert kinds >= {"ReceivedEvent"}
    assert sorted(server.paths) == ["/api/events/out", "/api/logs/out"]
    request = next(message for message, path in zip(server.messages, server.paths, strict=False) if "events" in path)
    assert request["filter"]["any_resource"] == {"id": [f"prefect.flow-run.{run}"]}


async def test_subscription_acknowledges_received_items() -> None:
    run = TaskRun(task_key="k", dynamic_key="0", flow_run_id=None)

    async def respond(connection: Any, message: Any) -> None:
        if message["type"] == "subscribe":
            await connection.send(run.model_dump_json())
        elif len(server.paths) == 1:
            connection.transport.abort()

    async with run_websocket_server(after_message=respond) as server:
        subscription = Subscription(TaskRun, "/task_runs/subscriptions/scheduled", ["a", "b"], "me", server.url)
        assert (await anext(subscription)).id == run.id
        await server.wait_for_messages(2)
        assert (await anext(subscription)).id == run.id
        await subscription.websocket.close()
    request = {"type": "subscribe", "keys": ["a", "b"], "client_id": "me"}
    assert server.messages[:3] == [request, {"type": "ack"}, request]
    assert set(server.paths) == {"/api/task_runs/subscriptions/scheduled"}
    assert repr(subscription) == "Subscription[TaskRun]"


# --- without a server ------------------------------------------------------------------------------------------------


async def test_events_client_without_server_writes_to_local_store() -> None:
    client = get_events_client()
    assert type(client) is LocalEventsClient
    async with client:
        await client.emit(event("here"))
    from prefect.client.orchestration import get_client

    assert [one.event for one in (await get_client().read_events()).events] == ["here"]


def test_subscribers_require_an_api_url() -> None:
    for follow in (get_events_subscriber, get_logs_subscriber):
        with pytest.raises(ValueError, match="PREFECT_API_URL"):
            follow()
