"""The websocket of a work pool's workers: they send heartbeats and receive changes of the pool and clean-up work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from prefect.schemas.worker_channel import FLOW_RUNS, VERSION, CleanupRelease, CleanupReply, Frame, Heartbeat, Hello
from prefect.server.app.endpoints import to_json
from prefect.server.app.streams import CallerDatabase
from prefect.server.bus import Subscription
from prefect.server.db.errors import StoreError
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.services.work import cleanup, notices, work_pools, work_queues, worker_channels
from prefect.types import new_id, now

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState

Message = TypeVar("Message", bound=BaseModel)

REPLIES = {"cleanup.ack.v1": CleanupReply, "cleanup.renew.v1": CleanupReply, "cleanup.release.v1": CleanupRelease}


class CloseChannel(Exception):
    """Ends the connection with a close code, and a reason that workers know."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


PROTOCOL_ERROR = CloseChannel(1002, "protocol_error")
AUTHORIZATION_FAILED = CloseChannel(1008, "authorization_failed")
UNSUPPORTED_VERSION = CloseChannel(1008, "unsupported_version")
HEARTBEAT_FAILED = CloseChannel(1011, "heartbeat_persistence_failed")
SERVER_ERROR = CloseChannel(1011, "transient_server_error")


async def serve_worker(server: ServerState, socket: WebSocket) -> None:
    """Serve a worker until it disconnects, breaks the protocol, or its pool is deleted."""
    try:
        hello = _parse(await _receive_frame(socket), "worker.hello.v1", Hello)
        if not hello.is_whole():
            raise PROTOCOL_ERROR
        if VERSION not in hello.supported_channel_versions:
            raise UNSUPPORTED_VERSION
        # Subscribed before the pool is read, so that no change of it is missed.
        topics = (work_pools.WORK_POOLS_TOPIC, cleanup.CLEANUP_TOPIC)
        if FLOW_RUNS in hello.requested_capabilities:
            topics = (*topics, notices.RUNS_TOPIC)
        with server.bus.subscribe(*topics) as notifications:
            channel = await _Channel.open(server, socket, hello)
            await channel.serve(notifications)
    except CloseChannel as end:
        end.with_traceback(None)  # the constants must not keep the frames of a connection alive
        await socket.close(end.code, end.reason)
    except StoreError:
        await socket.close(SERVER_ERROR.code, SERVER_ERROR.reason)


class _Channel:
    """A connection whose first message was accepted.

    Args:
        server: The server.
        socket: The worker's websocket.
        hello: Its first message.
        welcome: What the server agreed to.
    """

    def __init__(self, server: ServerState, socket: WebSocket, hello: Hello, welcome: worker_channels.Welcome) -> None:
        self.server = server
        self.database = CallerDatabase(server, socket)
        self.socket = socket
        self.hello = hello
        self.welcome = welcome
        self._pool = welcome.pool
        self._sent = 1
        self._queue_ids = {str(queue["id"]) for queue in welcome.queues}
        self._other_queue_ids: set[str] = set()
        self._held: dict[UUID, datetime] = {}
        """When the worker's lease of each clean-up it has received expires."""
        self._released: dict[UUID, datetime] = {}
        """Until when it does not get those again that it has released."""

    @classmethod
    async def open(cls, server: ServerState, socket: WebSocket, hello: Hello) -> _Channel:
        """Accept the first message of a worker and send the answer."""
        name = socket.path_params["work_pool_name"]
        try:
            welcome = await CallerDatabase(server, socket).write(
                lambda tx: worker_channels.welcome_worker(tx, name, hello)
            )
        except ServiceError:
            raise AUTHORIZATION_FAILED from None
        channel = cls(server, socket, hello, welcome)
        await channel._send(
            "worker.ready.v1",
            consumer_id=hello.consumer_id,
            worker_id=welcome.worker_id,
            selected_channel_version=VERSION,
            effective_heartbeat_interval_seconds=hello.heartbeat_interval_seconds,
            accepted_capabilities=welcome.accepted,
            rejected_capabilities=welcome.rejected,
            effective_max_cleanup_concurrency=welcome.cleanups,
            resolved_work_queues=welcome.queues,
            initial_snapshot={"snapshot_sequence": 1, "reason": "initial", "work_pool": welcome.pool},
        )
        return channel

    async def serve(self, notifications: Subscription) -> None:
        """Answer messages, and send changes of the pool and clean-up work, until the worker disconnects."""
        pause = self.server.settings.server.services.cleanup_reconciler.loop_seconds if self.welcome.cleanups else None
        received = asyncio.create_task(_receive_frame(self.socket))
        notified = asyncio.create_task(notifications.take())
        try:
            await self._deliver()
            while True:
                await asyncio.wait((received, notified), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if received.done():
                    await self._answer(received.result())
                    received = asyncio.create_task(_receive_frame(self.socket))
                if notified.done():
                    await self._handle_notifications(notified.result(), notifications.take_missed())
                    notified = asyncio.create_task(notifications.take())
                await self._deliver()
        finally:
            for task in (received, notified):
                task.cancel()
            await asyncio.gather(received, notified, return_exceptions=True)

    # --- messages of the worker ---

    async def _answer(self, frame: Frame) -> None:
        if frame.type == "worker.heartbeat.v1":
            await self._heartbeat(_parse(frame, frame.type, Heartbeat))
        elif frame.type in REPLIES and self.welcome.cleanups:
            await self._reply(frame, _parse(frame, frame.type, REPLIES[frame.type]))
        else:
            raise PROTOCOL_ERROR

    async def _heartbeat(self, message: Heartbeat) -> None:
        if (message.consumer_id, message.worker_name) != (self.hello.consumer_id, self.hello.worker_name):
            raise PROTOCOL_ERROR
        id_, interval = self.welcome.pool["id"], message.heartbeat_interval_seconds
        try:
            pool = await self.database.write(lambda tx: worker_channels.record_heartbeat(tx, id_, self.hello, interval))
        except ServiceError:
            raise AUTHORIZATION_FAILED from None
        except StoreError:
            raise HEARTBEAT_FAILED from None
        await self._snapshot(pool, "heartbeat_reconciliation")

    async def _reply(self, frame: Frame, message: CleanupReply) -> None:
        operation = frame.type.split(".")[1]
        reason = message.reason if isinstance(message, CleanupRelease) else None
        outcome = await self.database.write(
            lambda tx: cleanup.handle_operation(tx, operation, message.message_id, message.reservation_token, reason)
        )
        if operation == "release":
            self._released[message.message_id] = now() + cleanup.RELEASE_PAUSE
        if outcome.lease_expires_at is not None:
            self._held[message.message_id] = outcome.lease_expires_at
        elif outcome.status != "invalid_token":
            self._held.pop(message.message_id, None)
        await self._send(
            "cleanup.operation_result.v1",
            request_frame_id=frame.id,
            message_id=message.message_id,
            operation=operation,
            status=outcome.status,
            lease_expires_at=outcome.lease_expires_at,
            reason=outcome.reason,
            detail=None,
        )

    # --- messages to the worker ---

    async def _handle_notifications(self, items: Iterable[Any], missed: bool) -> None:
        """Send the pool again if it is among those that changed, and tell of its flow runs."""
        id_ = self.welcome.pool["id"]
        await self._notify_of_runs(items, missed)
        if not missed and str(id_) not in items:
            return
        try:
            pool = await self.database.read(lambda tx: worker_channels.get_pool(tx, id_))
        except ServiceError:
            raise AUTHORIZATION_FAILED from None
        await self._snapshot(pool, "work_pool_updated")

    async def _notify_of_runs(self, items: Iterable[Any], missed: bool) -> None:
        if FLOW_RUNS not in self.welcome.accepted:
            return
        for prefix, type_ in ((notices.READY, "flow_runs.ready.v1"), (notices.CANCELLING, "flow_runs.cancelling.v1")):
            queue_ids = {item.removeprefix(prefix) for item in items if item.startswith(prefix)}
            if missed or await self._polls_any(queue_ids):
                await self._send(type_)

    async def _polls_any(self, queue_ids: set[str]) -> bool:
        """Return whether the worker polls one of these queues. One that polls all of its pool polls new ones too."""
        new = queue_ids - self._queue_ids - self._other_queue_ids
        if new and not self.hello.work_queue_names:
            pool_id = self.welcome.pool["id"]
            found = await self.database.read(lambda tx: work_queues.find_by_pool(tx, pool_id))
            self._queue_ids = {str(queue["id"]) for queue in found}
        self._other_queue_ids |= new - self._queue_ids
        return not queue_ids.isdisjoint(self._queue_ids)

    async def _snapshot(self, pool: Answer, reason: str) -> None:
        if worker_channels.is_changed(self._pool, pool):
            self._pool = pool
            self._sent += 1
            await self._send("work_pool.snapshot.v1", snapshot_sequence=self._sent, reason=reason, work_pool=pool)

    async def _deliver(self) -> None:
        """Send the worker as much clean-up work as it can do."""
        at = now()
        self._held = {id_: until for id_, until in self._held.items() if until > at}
        self._released = {id_: until for id_, until in self._released.items() if until > at}
        capacity = self.welcome.cleanups - len(self._held)
        pool_id, kinds = self.welcome.pool["id"], self.hello.handled_cleanup_kinds
        if capacity <= 0 or not await self.database.read(lambda tx: cleanup.has_pending(tx, pool_id, kinds)):
            return
        queues = [queue["id"] for queue in self.welcome.queues] if self.hello.work_queue_names else None
        released = set(self._released)
        for row in await self.database.write(lambda tx: cleanup.claim(tx, pool_id, queues, kinds, capacity, released)):
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


async def _receive_frame(socket: WebSocket) -> Frame:
    """Return the next message of a worker."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    try:
        return Frame.model_validate_json(message.get("text") or message.get("bytes") or b"")
    except ValidationError:
        raise PROTOCOL_ERROR from None


def _parse(frame: Frame, type_: str, kind: type[Message]) -> Message:
    """Return the payload of a message, which must be of a type."""
    if frame.type != type_:
        raise PROTOCOL_ERROR
    try:
        return kind.model_validate(frame.payload)
    except ValidationError:
        raise PROTOCOL_ERROR from None
