"""The websocket of a work pool, over which a server notifies a worker of runs and of changes of the pool.

It is an addition: without it, or with a server that knows less, the worker polls. A lost connection is opened again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote
from uuid import UUID

from websockets.exceptions import ConnectionClosed, InvalidStatus

from prefect.client import _websockets
from prefect.logging.loggers import get_logger
from prefect.schemas.work import WorkPool
from prefect.schemas.worker_channel import CLEANUP, FLOW_RUNS, REQUIRED, VERSION, Frame
from prefect.types import json_codec, new_id, now

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

RECONNECT_INTERVAL_SECONDS = 1.0
UNSUPPORTED_INTERVAL_SECONDS = 60.0
"""Between two attempts with a server that has no such websocket, or refuses this worker."""

PING_INTERVAL_SECONDS = 2.5
"""How often the connection is tried: one whose other end is gone is noticed after two of these."""

OPEN_TIMEOUT_SECONDS = 5.0
CLOSE_TIMEOUT_SECONDS = 1.0

_PROTOCOL_ERROR, _POLICY_VIOLATION = 1002, 1008

logger = get_logger("workers.channel")


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """The worker as the channel introduces it.

    Attributes:
        name: Its name.
        type: Its type.
        heartbeat_interval_seconds: Seconds between its heartbeats.
        work_queue_names: The queues that it polls; all if empty.
        read_metadata: Returns its metadata as they are when a connection is opened.
        cleanup_kinds: The kinds of clean-up jobs that it executes.
        max_cleanup_concurrency: How many of them at a time.
    """

    name: str
    type: str
    heartbeat_interval_seconds: int
    work_queue_names: list[str]
    read_metadata: Callable[[], dict[str, Any]]
    cleanup_kinds: tuple[str, ...] = ()
    max_cleanup_concurrency: int = 0


class Listener(Protocol):
    """Handles the messages of the channel."""

    def handle_ready(self, worker_id: UUID | None, notifies_of_runs: bool) -> None:
        """Handle the opened channel; `notifies_of_runs` is whether the server sends notices of runs."""
        ...

    def handle_closed(self) -> None:
        """Handle the closed channel."""
        ...

    def handle_pool(self, pool: WorkPool) -> None:
        """Handle a changed work pool."""
        ...

    def handle_ready_runs(self) -> None:
        """Handle the notice that a run may start."""
        ...

    def handle_cancelling_runs(self) -> None:
        """Handle the notice that a run is to be stopped."""
        ...

    def handle_cleanup(self, frame: Frame) -> None:
        """Handle a clean-up job for the worker."""
        ...

    def handle_cleanup_result(self, frame: Frame) -> None:
        """Handle the server's answer to a report about a clean-up job."""
        ...


def build_url(api_url: str, work_pool_name: str) -> str | None:
    """Return the address of the channel of a pool; None for an API without a server."""
    if not api_url.startswith(("http://", "https://")) or "//ephemeral-prefect/" in api_url:
        return None
    return f"{_websockets.http_to_ws(api_url)}/work_pools/{quote(work_pool_name, safe='')}/workers/connect"


class WorkPoolChannel:
    """The connection of a worker to its pool.

    Args:
        url: The address of the websocket.
        subscriber: The worker.
        listener: Handles the messages.
    """

    def __init__(self, url: str, subscriber: Subscriber, listener: Listener) -> None:
        self._url = url
        self._subscriber = subscriber
        self._listener = listener
        self._consumer_id = new_id()
        self._socket: ClientConnection | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection is open and the server has accepted the worker."""
        return self._socket is not None

    async def run(self) -> None:
        """Keep the connection open, and pass on what the server says, until cancelled."""
        while True:
            pause = RECONNECT_INTERVAL_SECONDS
            try:
                await self._serve()
            except InvalidStatus as refused:
                if refused.response.status_code < 500:
                    pause = UNSUPPORTED_INTERVAL_SECONDS
                logger.debug("The server has no channel for workers: %s", refused)
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code in (_PROTOCOL_ERROR, _POLICY_VIOLATION):
                    pause = UNSUPPORTED_INTERVAL_SECONDS
                    logger.debug("The server refuses the channel of this worker: %s", closed.rcvd.reason)
            except Exception as lost:  # refused, hanging, half-open, not a websocket: the worker polls meanwhile
                logger.debug("The channel is not connected: %s", lost)
            finally:
                if self._socket is not None:
                    self._socket = None
                    self._listener.handle_closed()
            await asyncio.sleep(pause)

    async def _serve(self) -> None:
        async with asyncio.timeout(OPEN_TIMEOUT_SECONDS):
            socket = await _websockets.open_socket(
                self._url, ping_interval=PING_INTERVAL_SECONDS, ping_timeout=PING_INTERVAL_SECONDS
            )
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_SECONDS):
                await _websockets.authenticate(socket, _websockets.get_token(key_first=False))
                await self._send(socket, "worker.hello.v1", self._build_hello())
                ready = _read(await socket.recv())["payload"]
            self._socket = socket
            self._listener.handle_pool(WorkPool.model_validate(ready["initial_snapshot"]["work_pool"]))
            worker_id = UUID(ready["worker_id"]) if ready["worker_id"] else None
            self._listener.handle_ready(worker_id, FLOW_RUNS in ready["accepted_capabilities"])
            async for message in socket:
                self._handle(_read(message))
        finally:
            await _close(socket)

    def _build_hello(self) -> dict[str, Any]:
        subscriber = self._subscriber
        cleans = bool(subscriber.cleanup_kinds and subscriber.max_cleanup_concurrency)
        return {
            "consumer_id": str(self._consumer_id),
            "worker_name": subscriber.name,
            "worker_type": subscriber.type,
            "heartbeat_interval_seconds": subscriber.heartbeat_interval_seconds,
            "supported_channel_versions": [VERSION],
            "requested_capabilities": [*REQUIRED, FLOW_RUNS, *([CLEANUP] if cleans else [])],
            "work_queue_names": subscriber.work_queue_names,
            "worker_metadata": subscriber.read_metadata(),
            "handled_cleanup_kinds": subscriber.cleanup_kinds if cleans else [],
            "max_cleanup_concurrency": subscriber.max_cleanup_concurrency if cleans else 0,
        }

    def _handle(self, frame: dict[str, Any]) -> None:
        type_ = frame["type"]
        if type_ == "flow_runs.ready.v1":
            self._listener.handle_ready_runs()
        elif type_ == "flow_runs.cancelling.v1":
            self._listener.handle_cancelling_runs()
        elif type_ == "work_pool.snapshot.v1":
            self._listener.handle_pool(WorkPool.model_validate(frame["payload"]["work_pool"]))
            self._listener.handle_ready_runs()  # it may have been resumed
        elif type_ == "cleanup.message.v1":
            self._listener.handle_cleanup(Frame.model_validate(frame))
        elif type_ == "cleanup.operation_result.v1":
            self._listener.handle_cleanup_result(Frame.model_validate(frame))

    async def send_heartbeat(self) -> None:
        """Send a heartbeat of the worker."""
        if self._socket is not None:
            payload = {
                "consumer_id": str(self._consumer_id),
                "worker_name": self._subscriber.name,
                "heartbeat_interval_seconds": self._subscriber.heartbeat_interval_seconds,
            }
            await self._send(self._socket, "worker.heartbeat.v1", payload)

    async def send(self, type_: str, id_: UUID, payload: dict[str, Any]) -> None:
        """Send a frame to the server.

        Raises:
            ConnectionError: The channel is not open.
        """
        if self._socket is None:
            raise ConnectionError("The channel of the work pool is not connected.")
        await self._send(self._socket, type_, payload, id_)

    async def _send(
        self, socket: ClientConnection, type_: str, payload: dict[str, Any], id_: UUID | None = None
    ) -> None:
        frame = {"type": type_, "id": str(id_ or new_id()), "sent_at": now().isoformat(), "payload": payload}
        await _websockets.send(socket, frame)


async def _close(socket: ClientConnection) -> None:
    """Close a websocket, whether or not its other end answers."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await socket.close()
    socket.transport.abort()


def _read(message: str | bytes) -> dict[str, Any]:
    return json_codec.loads_foreign(message.encode() if isinstance(message, str) else message)
