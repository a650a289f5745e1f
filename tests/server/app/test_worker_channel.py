"""Websocket of a work pool's workers: greeting, heartbeats, snapshots of the pool, and clean-up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from prefect.schemas.worker_channel import CANCELLING_TIMEOUT_TEARDOWN
from prefect.server import store
from prefect.server.app import Server
from prefect.server.app.streams import worker_channel
from prefect.server.db.interface import Database
from prefect.server.services.runs.states import cancellation
from prefect.server.services.work import cleanup
from prefect.types import new_id, now
from tests.server.path_client import PathClient
from tests.server.websocket_client import TIMEOUT_SECONDS, connect_client, receive, serve, wait_until_listening

HELLO: dict[str, Any] = {
    "worker_name": "worker",
    "worker_type": "process",
    "heartbeat_interval_seconds": 30,
    "supported_channel_versions": ["work_pool_worker_channel.v1"],
    "requested_capabilities": ["worker_heartbeat.v1", "work_pool_snapshot.v1", "cleanup_delivery.v1", "future.v1"],
    "handled_cleanup_kinds": ["cancelling_timeout_teardown.v1"],
    "max_cleanup_concurrency": 2,
}
TEMPLATE = {"job_configuration": {"command": "{{ command }}"}, "variables": {"properties": {"command": {}}}}


class Worker:
    """A worker's end of the websocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.consumer = str(new_id())

    async def send(self, type_: str, **payload: Any) -> str:
        id_ = str(new_id())
        frame = {"type": type_, "id": id_, "sent_at": now().isoformat(), "payload": payload}
        await self.socket.send(json.dumps(frame))
        return id_

    async def hello(self, **more: Any) -> None:
        await self.send("worker.hello.v1", **{**HELLO, "consumer_id": self.consumer, **more})

    async def heartbeat(self, **more: Any) -> None:
        payload = {"consumer_id": self.consumer, "worker_name": "worker", "heartbeat_interval_seconds": 30}
        await self.send("worker.heartbeat.v1", **{**payload, **more})

    async def expect_message(self, type_: str) -> dict[str, Any]:
        """Receive the next message, which must be of this type, and return its payload."""
        frame = await receive(self.socket)
        assert frame["type"] == type_, frame
        assert set(frame) == {"type", "id", "sent_at", "payload"}
        return frame["payload"]

    async def wait_closed(self) -> tuple[int, str]:
        """Wait for the connection to close, and return the code and the reason."""
        with pytest.raises(ConnectionClosed) as ended:
            await asyncio.wait_for(self.socket.recv(), TIMEOUT_SECONDS)
        assert ended.value.rcvd is not None
        return ended.value.rcvd.code, ended.value.rcvd.reason


class Pool:
    """A work pool named `pool` of a running server."""

    def __init__(self, api: PathClient, address: str, database: Database) -> None:
        self.api = api
        self.address = address
        self.database = database

    @asynccontextmanager
    async def worker(self, name: str = "pool") -> AsyncIterator[Worker]:
        async with connect_client(f"{self.address}/work_pools/{name}/workers/connect") as socket:
            yield Worker(socket)

    async def tear_down(self, *runs: UUID) -> None:
        """Request the removal of the infrastructure of runs in the pool's default queue."""
        queue = UUID((await self.api.get("/work_pools/pool/queues/default"))["id"])
        rows = [{"id": run, "work_queue_id": queue, "infrastructure_pid": "pid"} for run in runs]
        await self.database.write(lambda tx: cleanup.request_teardown(tx, CANCELLING_TIMEOUT_TEARDOWN, rows))


@pytest.fixture
async def pool(server: Server, api: httpx.AsyncClient, database: Database) -> AsyncIterator[Pool]:
    await wait_until_listening(server)
    client = PathClient(api)
    await client.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
    async with serve(server) as address:
        yield Pool(client, address, database)


class TestGreeting:
    async def test_worker_receives_its_welcome(self, pool: Pool) -> None:
        async with pool.worker() as worker:
            await worker.hello(worker_metadata={"integrations": []})
            message = await worker.expect_message("worker.ready.v1")
        shown = await pool.api.get("/work_pools/pool")
        assert message["initial_snapshot"] == {"snapshot_sequence": 1, "reason": "initial", "work_pool": shown}
        assert shown["status"] == "READY"
        assert message["consumer_id"] == worker.consumer
        assert message["selected_channel_version"] == "work_pool_worker_channel.v1"
        assert message["accepted_capabilities"] == HELLO["requested_capabilities"][:3]
        assert message["rejected_capabilities"] == ["future.v1"]
        assert message["effective_heartbeat_interval_seconds"] == 30
        assert message["effective_max_cleanup_concurrency"] == 2
        assert message["resolved_work_queues"] == [{"id": shown["default_queue_id"], "name": "default"}]
        found = await pool.api.post("/work_pools/pool/workers/filter", {})
        assert [(worker["name"], worker["status"]) for worker in found] == [("worker", "ONLINE")]
        assert message["worker_id"] == found[0]["id"]

    async def test_worker_without_cleanup_capability_receives_no_cleanup(self, pool: Pool) -> None:
        async with pool.worker() as worker:
            await worker.hello(max_cleanup_concurrency=0)
            message = await worker.expect_message("worker.ready.v1")
        assert message["rejected_capabilities"] == ["cleanup_delivery.v1", "future.v1"]
        assert message["effective_max_cleanup_concurrency"] == 0

    async def test_pool_is_created_when_the_worker_requests_it(self, pool: Pool) -> None:
        async with pool.worker("new") as worker:
            await worker.hello(create_pool_if_not_found=True, default_base_job_template=TEMPLATE)
            made = (await worker.expect_message("worker.ready.v1"))["initial_snapshot"]["work_pool"]
        assert (made["name"], made["type"], made["base_job_template"]) == ("new", "process", TEMPLATE)

    async def test_pool_without_template_takes_that_of_the_worker(self, pool: Pool) -> None:
        async with pool.worker() as worker:
            await worker.hello(default_base_job_template=TEMPLATE)
            message = await worker.expect_message("worker.ready.v1")
        assert message["initial_snapshot"]["work_pool"]["base_job_template"] == TEMPLATE

    async def test_worker_is_refused_when_its_pool_does_not_fit(self, pool: Pool) -> None:
        for name, hello, reason in (
            ("none", {}, "authorization_failed"),
            ("prefect-own", {"create_pool_if_not_found": True}, "authorization_failed"),
            ("pool", {"work_queue_names": ["none"]}, "authorization_failed"),
            ("pool", {"supported_channel_versions": ["v9"]}, "unsupported_version"),
        ):
            async with pool.worker(name) as worker:
                await worker.hello(**hello)
                assert await worker.wait_closed() == (1008, reason)

    async def test_invalid_hello_closes_the_channel(self, pool: Pool) -> None:
        for hello in (
            {"requested_capabilities": ["worker_heartbeat.v1"]},
            {"requested_capabilities": ["worker_heartbeat.v1", "work_pool_snapshot.v1"]},
            {"heartbeat_interval_seconds": 0},
            {"handled_cleanup_kinds": ["other"]},
            {"unknown": 1},
            {"worker_name": ""},
        ):
            async with pool.worker() as worker:
                await worker.hello(**hello)
                assert await worker.wait_closed() == (1002, "protocol_error"), hello
        assert worker_channel.PROTOCOL_ERROR.__traceback__ is None  # which would hold what each connection had

    async def test_channel_requires_the_subprotocol(self, pool: Pool) -> None:
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(f"{pool.address}/work_pools/pool/workers/connect"):
                pass

    async def test_channel_closes_without_a_valid_token(self, pool: Pool) -> None:
        path = f"{pool.address}/work_pools/pool/workers/connect"
        async with connect(path, subprotocols=["prefect"]) as socket:  # pyright: ignore[reportArgumentType]
            await Worker(socket).hello()
            assert await Worker(socket).wait_closed() == (1008, "authentication_failed")


class TestAfterwards:
    async def test_heartbeat_is_recorded(self, pool: Pool) -> None:
        async with pool.worker() as worker:
            await worker.hello()
            await worker.expect_message("worker.ready.v1")
            first = (await pool.api.post("/work_pools/pool/workers/filter"))[0]["last_heartbeat_time"]
            await worker.heartbeat()
            await pool.api.patch("/work_pools/pool", {"concurrency_limit": 5})
            await worker.expect_message("work_pool.snapshot.v1")
            assert (await pool.api.post("/work_pools/pool/workers/filter"))[0]["last_heartbeat_time"] > first

    async def test_worker_receives_changes_of_its_pool(self, pool: Pool) -> None:
        async with pool.worker() as worker:
            await worker.hello()
            await worker.expect_message("worker.ready.v1")
            await pool.api.patch("/work_pools/pool", {"description": "unsent"})
            await pool.api.patch("/work_pools/pool", {"is_paused": True})
            message = await worker.expect_message("work_pool.snapshot.v1")
            assert (message["snapshot_sequence"], message["reason"]) == (2, "work_pool_updated")
            assert message["work_pool"] == await pool.api.get("/work_pools/pool")
            await pool.api.delete("/work_pools/pool")
            assert await worker.wait_closed() == (1008, "authorization_failed")

    async def test_invalid_frame_closes_the_channel(self, pool: Pool) -> None:
        for text in ("no JSON", "[]", '{"type": "worker.heartbeat.v1"}'):
            async with pool.worker() as worker:
                await worker.hello()
                await worker.expect_message("worker.ready.v1")
                await worker.socket.send(text)
                assert await worker.wait_closed() == (1002, "protocol_error")

    async def test_heartbeat_of_another_worker_closes_the_channel(self, pool: Pool) -> None:
        async with pool.worker() as worker:
            await worker.hello()
            await worker.expect_message("worker.ready.v1")
            await worker.heartbeat(worker_name="other")
            assert await worker.wait_closed() == (1002, "protocol_error")


class TestCleanup:
    async def test_cleanup_is_delivered_and_acknowledged(self, pool: Pool) -> None:
        run = new_id()
        await pool.tear_down(run)
        await pool.tear_down(run)
        async with pool.worker() as worker:
            await worker.hello()
            queue = (await worker.expect_message("worker.ready.v1"))["resolved_work_queues"][0]["id"]
            message = await worker.expect_message("cleanup.message.v1")
            assert message["kind"] == "cancelling_timeout_teardown.v1"
            assert message["target"] == {"flow_run_id": str(run), "infrastructure_pid": "pid"}
            assert (message["delivery_count"], message["work_queue_id"], message["data"]) == (1, queue, {})
            reply = {name: message[name] for name in ("message_id", "reservation_token")}
            for operation, token, status, reason in (
                ("renew", None, "accepted", None),
                ("ack", "another", "invalid_token", "reservation_token_mismatch"),
                ("ack", None, "accepted", None),
                ("ack", None, "not_found", "message_not_found"),
            ):
                payload = {**reply, **({"reservation_token": token} if token else {})}
                id_ = await worker.send(f"cleanup.{operation}.v1", **payload)
                result = await worker.expect_message("cleanup.operation_result.v1")
                assert (result["request_frame_id"], result["message_id"]) == (id_, message["message_id"])
                assert (result["operation"], result["status"], result["reason"]) == (operation, status, reason)
                assert (result["lease_expires_at"] is not None) == (operation == "renew")

    async def test_cleanup_is_limited_to_the_concurrency_of_the_worker(self, pool: Pool) -> None:
        async with pool.worker() as worker:
            await worker.hello(max_cleanup_concurrency=1)
            await worker.expect_message("worker.ready.v1")
            await pool.tear_down(new_id(), new_id())
            message = await worker.expect_message("cleanup.message.v1")
            await worker.send(
                "cleanup.ack.v1", message_id=message["message_id"], reservation_token=message["reservation_token"]
            )
            assert (await worker.expect_message("cleanup.operation_result.v1"))["status"] == "accepted"
            assert (await worker.expect_message("cleanup.message.v1"))["message_id"] != message["message_id"]

    async def test_released_cleanup_is_delivered_again_up_to_the_limit(
        self, pool: Pool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cleanup, "RELEASE_PAUSE", timedelta(0))
        await pool.tear_down(new_id())
        async with pool.worker() as worker:
            await worker.hello()
            await worker.expect_message("worker.ready.v1")
            for count in (1, 2, 3):
                message = await worker.expect_message("cleanup.message.v1")
                assert message["delivery_count"] == count
                payload = {name: message[name] for name in ("message_id", "reservation_token")}
                await worker.send("cleanup.release.v1", **payload, reason="cannot")
                result = await worker.expect_message("cleanup.operation_result.v1")
                assert result["status"] == ("dead_lettered" if count == 3 else "accepted")
        assert await pool.database.write(lambda tx: store.cleanups.count(tx)) == 0

    async def test_released_cleanup_goes_to_another_worker_first(self, pool: Pool) -> None:
        async with pool.worker() as first, pool.worker() as other:
            for worker in (first, other):
                await worker.hello(worker_name="first" if worker is first else "other", max_cleanup_concurrency=1)
                await worker.expect_message("worker.ready.v1")
            await pool.tear_down(new_id(), new_id())
            message = await first.expect_message("cleanup.message.v1")
            done = await other.expect_message("cleanup.message.v1")
            payload = {name: message[name] for name in ("message_id", "reservation_token")}
            await first.send("cleanup.release.v1", **payload, reason="of another machine")
            assert (await first.expect_message("cleanup.operation_result.v1"))["status"] == "accepted"
            payload = {name: done[name] for name in ("message_id", "reservation_token")}
            await other.send("cleanup.ack.v1", **payload)
            assert (await other.expect_message("cleanup.operation_result.v1"))["status"] == "accepted"
            again = await other.expect_message("cleanup.message.v1")
            assert (again["message_id"], again["delivery_count"]) == (message["message_id"], 2)

    async def test_cleanup_of_a_dead_worker_is_delivered_to_another(self, pool: Pool) -> None:
        await pool.tear_down(new_id())
        async with pool.worker() as dying:
            await dying.hello()
            await dying.expect_message("worker.ready.v1")
            first = await dying.expect_message("cleanup.message.v1")
        over = {"id": UUID(first["message_id"]), "lease_expires_at": now() - timedelta(seconds=1)}
        await pool.database.write(lambda tx: store.cleanups.change(tx, [over], ["lease_expires_at"]))
        async with pool.worker() as worker:
            await worker.hello()
            await worker.expect_message("worker.ready.v1")
            again = await worker.expect_message("cleanup.message.v1")
        assert again["message_id"] == first["message_id"]
        assert again["delivery_count"] == 2
        assert again["reservation_token"] != first["reservation_token"]

    async def test_run_that_cancels_for_too_long_is_cleaned_up(self, pool: Pool) -> None:
        flow = (await pool.api.post("/flows/", {"name": "flow"}))["id"]
        body = {"name": "d", "flow_id": flow, "work_pool_name": "pool"}
        deployment = (await pool.api.post("/deployments/", body))["id"]
        run = (await pool.api.post(f"/deployments/{deployment}/create_flow_run"))["id"]
        for type_ in ("PENDING", "RUNNING", "CANCELLING"):
            await pool.api.post(f"/flow_runs/{run}/set_state", {"state": {"type": type_}})
        await pool.database.write(lambda tx: cancellation.cancel_stuck_runs(tx, timedelta(seconds=-1)))
        async with pool.worker() as worker:
            await worker.hello()
            await worker.expect_message("worker.ready.v1")
            assert (await worker.expect_message("cleanup.message.v1"))["target"]["flow_run_id"] == run
