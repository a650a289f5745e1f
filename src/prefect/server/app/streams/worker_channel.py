"""The websocket of a work pool's workers: heartbeats in; the pool as it is, and clean-up to be done, out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from prefect.schemas.worker_channel import VERSION, CleanupRelease, CleanupReply, Frame, Heartbeat, Hello
from prefect.server.app.endpoints import to_json
from prefect.server.bus import Subscription
from prefect.server.db.errors import StoreError
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.services.work import cleanup, work_pools, worker_channels
from prefect.types import new_id, now

if TYPE_CHECKING:
    from prefect.server.app import Server

Said = TypeVar("Said", bound=BaseModel)

REPLIES = {"cleanup.ack.v1": CleanupReply, "cleanup.renew.v1": CleanupReply, "cleanup.release.v1": CleanupRelease}


class CloseChannel(Exception):
    """The connection ends: its code, and the reason as workers know it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


PROTOCOL_ERROR = CloseChannel(1002, "protocol_error")
AUTHORIZATION_FAILED = CloseChannel(1008, "authorization_failed")
UNSUPPORTED_VERSION = CloseChannel(1008, "unsupported_version")
HEARTBEAT_FAILED = CloseChannel(1011, "heartbeat_persistence_failed")
SERVER_ERROR = CloseChannel(1011, "transient_server_error")


async def serve_worker(server: Server, socket: WebSocket) -> None:
    """Serve a worker until it goes, says something wrong, or its pool is deleted."""
    try:
        hello = _understood(await _frame(socket), "worker.hello.v1", Hello)
        if not hello.is_whole():
            raise PROTOCOL_ERROR
        if VERSION not in hello.supported_channel_versions:
            raise UNSUPPORTED_VERSION
        # From before the pool is read, so that no change of it is missed.
        with server.bus.subscribe(work_pools.WORK_POOLS_TOPIC, cleanup.CLEANUP_TOPIC) as news:
            channel = await _Channel.open(server, socket, hello)
            await channel.serve(news)
    except CloseChannel as end:
        end.with_traceback(None)  # they are there for good, and what each connection had must not stay with them
        await socket.close(end.code, end.reason)
    except StoreError:
        await socket.close(SERVER_ERROR.code, SERVER_ERROR.reason)


class _Channel:
    """A worker that has been greeted.

    Args:
        server: The server.
        socket: Its websocket.
        hello: What it said first.
        greeting: What was made of that.
    """

    def __init__(self, server: Server, socket: WebSocket, hello: Hello, greeting: worker_channels.Welcome) -> None:
        self.server = server
        self.socket = socket
        self.hello = hello
        self.greeting = greeting
        self._pool = greeting.pool
        self._sent = 1
        self._held: dict[UUID, datetime] = {}
        """The clean-up that the worker does now, and until when it has it."""

    @classmethod
    async def open(cls, server: Server, socket: WebSocket, hello: Hello) -> _Channel:
        """Greet a worker."""
        name = socket.path_params["work_pool_name"]
        try:
            greeting = await server.database.write(lambda tx: worker_channels.welcome_worker(tx, name, hello))
        except ServiceError:
            raise AUTHORIZATION_FAILED from None
        channel = cls(server, socket, hello, greeting)
        await channel._send(
            "worker.ready.v1",
            consumer_id=hello.consumer_id,
            worker_id=None,
            selected_channel_version=VERSION,
            effective_heartbeat_interval_seconds=hello.heartbeat_interval_seconds,
            accepted_capabilities=greeting.accepted,
            rejected_capabilities=greeting.rejected,
            effective_max_cleanup_concurrency=greeting.cleanups,
            resolved_work_queues=greeting.queues,
            initial_snapshot={"snapshot_sequence": 1, "reason": "initial", "work_pool": greeting.pool},
        )
        return channel

    async def serve(self, news: Subscription) -> None:
        """Answer what the worker says, tell it what changes, and give it clean-up, until it goes."""
        pause = self.server.settings.server.services.cleanup_reconciler.loop_seconds if self.greeting.cleanups else None
        said = asyncio.create_task(_frame(self.socket))
        told = asyncio.create_task(news.take())
        try:
            await self._deliver()
            while True:
                await asyncio.wait((said, told), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if said.done():
                    await self._answer(said.result())
                    said = asyncio.create_task(_frame(self.socket))
                if told.done():
                    await self._hear(told.result(), news.take_missed())
                    told = asyncio.create_task(news.take())
                await self._deliver()
        finally:
            for task in (said, told):
                task.cancel()
            await asyncio.gather(said, told, return_exceptions=True)

    # --- what the worker says ---

    async def _answer(self, frame: Frame) -> None:
        if frame.type == "worker.heartbeat.v1":
            await self._heartbeat(_understood(frame, frame.type, Heartbeat))
        elif frame.type in REPLIES and self.greeting.cleanups:
            await self._reply(frame, _understood(frame, frame.type, REPLIES[frame.type]))
        else:
            raise PROTOCOL_ERROR

    async def _heartbeat(self, said: Heartbeat) -> None:
        if (said.consumer_id, said.worker_name) != (self.hello.consumer_id, self.hello.worker_name):
            raise PROTOCOL_ERROR
        id_, interval = self.greeting.pool["id"], said.heartbeat_interval_seconds
        try:
            pool = await self.server.database.write(
                lambda tx: worker_channels.record_heartbeat(tx, id_, self.hello, interval)
            )
        except ServiceError:
            raise AUTHORIZATION_FAILED from None
        except StoreError:
            raise HEARTBEAT_FAILED from None
        await self._snapshot(pool, "heartbeat_reconciliation")

    async def _reply(self, frame: Frame, said: CleanupReply) -> None:
        operation = frame.type.split(".")[1]
        outcome = await self.server.database.write(
            lambda tx: cleanup.handle_operation(tx, operation, said.message_id, said.reservation_token)
        )
        if outcome.lease_expires_at is not None:
            self._held[said.message_id] = outcome.lease_expires_at
        elif outcome.status != "invalid_token":
            self._held.pop(said.message_id, None)
        await self._send(
            "cleanup.operation_result.v1",
            request_frame_id=frame.id,
            message_id=said.message_id,
            operation=operation,
            status=outcome.status,
            lease_expires_at=outcome.lease_expires_at,
            reason=outcome.reason,
            detail=None,
        )

    # --- what it is told ---

    async def _hear(self, items: Iterable[Any], missed: bool) -> None:
        """Pools changed or have clean-up to do, perhaps the worker's."""
        id_ = self.greeting.pool["id"]
        if not missed and str(id_) not in items:
            return
        try:
            pool = await self.server.database.read(lambda tx: worker_channels.get_pool(tx, id_))
        except ServiceError:
            raise AUTHORIZATION_FAILED from None
        await self._snapshot(pool, "work_pool_updated")

    async def _snapshot(self, pool: Answer, reason: str) -> None:
        if worker_channels.is_changed(self._pool, pool):
            self._pool = pool
            self._sent += 1
            await self._send("work_pool.snapshot.v1", snapshot_sequence=self._sent, reason=reason, work_pool=pool)

    async def _deliver(self) -> None:
        """Give the worker as much clean-up as it can do."""
        at = now()
        self._held = {id_: until for id_, until in self._held.items() if until > at}
        room = self.greeting.cleanups - len(self._held)
        pool_id, kinds = self.greeting.pool["id"], self.hello.handled_cleanup_kinds
        if room <= 0 or not await self.server.database.read(lambda tx: cleanup.has_pending(tx, pool_id, kinds)):
            return
        queues = [queue["id"] for queue in self.greeting.queues] if self.hello.work_queue_names else None
        for row in await self.server.database.write(lambda tx: cleanup.claim(tx, pool_id, queues, kinds, room)):
            self._held[row["id"]] = row["lease_expires_at"]
            await self._send(
                "cleanup.message.v1",
                message_id=row["id"],
                kind=row["kind"],
                reservation_token=str(row["reservation_token"]),
                lease_expires_at=row["lease_expires_at"],
                delivery_count=row["delivery_count"],
                work_queue_id=row["work_queue_id"],
                target=row["target"],
                data=row["data"],
            )

    async def _send(self, type_: str, **payload: Any) -> None:
        frame = {"type": type_, "id": new_id(), "sent_at": now(), "payload": payload}
        await self.socket.send_text(to_json(frame).decode())


async def _frame(socket: WebSocket) -> Frame:
    """The next message of a worker."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    try:
        return Frame.model_validate_json(message.get("text") or message.get("bytes") or b"")
    except ValidationError:
        raise PROTOCOL_ERROR from None


def _understood(frame: Frame, type_: str, kind: type[Said]) -> Said:
    """What a message says, if it is of this type and says it right."""
    if frame.type != type_:
        raise PROTOCOL_ERROR
    try:
        return kind.model_validate(frame.payload)
    except ValidationError:
        raise PROTOCOL_ERROR from None
