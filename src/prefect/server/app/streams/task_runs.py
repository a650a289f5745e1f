"""Background task runs for a task worker: it receives one, acknowledges it, and receives the next."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket

from prefect.server.app.endpoints import to_json
from prefect.server.app.sockets import receive_json
from prefect.server.app.streams import CallerDatabase
from prefect.server.bus import Subscription
from prefect.server.services.runs import background_tasks

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState

PROTOCOL_VIOLATION = 4001
"""The close code after a message that breaks the protocol."""

POLL_INTERVAL_SECONDS = 5.0
"""Interval of looking for runs whose scheduled time is reached, for which no notification is sent."""

MIN_LEASE_SECONDS, MAX_LEASE_SECONDS = 1.0, 3600.0
"""The least and the most seconds that the claims of a worker that renews them may last."""

CONNECTION_REFRESH_SECONDS = 30.0
"""Seconds between two records that a worker is connected."""


async def send_scheduled_task_runs(server: ServerState, socket: WebSocket) -> None:
    """Send task runs until the client quits or disconnects."""
    message = await receive_json(socket)
    violation = _violation(message)
    if violation is not None:
        await socket.close(PROTOCOL_VIOLATION, f"Protocol violation: {violation}")
        return
    worker, keys = str(message["client_id"]), [str(key) for key in message["keys"]]
    database = CallerDatabase(server, socket)
    with server.bus.subscribe(background_tasks.TOPIC) as notifications:
        try:
            claimant = background_tasks.Claimant(worker, _read_lease(message))
            await _TaskRunSender(database, socket, claimant, keys).run(notifications)
        finally:
            await database.write(lambda tx: background_tasks.disconnect_worker(tx, worker))


def _read_lease(message: Any) -> timedelta | None:
    """Return how long the claims of a worker last that renews them, as our own say."""
    seconds = message.get("lease_seconds")
    is_valid = isinstance(seconds, (int, float)) and MIN_LEASE_SECONDS <= seconds <= MAX_LEASE_SECONDS
    return timedelta(seconds=seconds) if is_valid else None


def _violation(message: Any) -> str | None:
    if not isinstance(message, dict) or message.get("type") != "subscribe":
        return "expected 'subscribe' message"
    if not isinstance(message.get("keys"), list) or not message["keys"]:
        return "expected 'keys' in subscribe message"
    return None if message.get("client_id") else "expected 'client_id' in subscribe message"


class _TaskRunSender:
    """Sends task runs to one worker.

    Args:
        database: The database.
        socket: The worker's websocket.
        claimant: The worker, by the id that it sent.
        keys: The keys of its tasks.
    """

    def __init__(
        self, database: CallerDatabase, socket: WebSocket, claimant: background_tasks.Claimant, keys: list[str]
    ) -> None:
        self._database = database
        self._socket = socket
        self._claimant = claimant
        self._keys = keys
        self._connected_at = float("-inf")

    async def run(self, notifications: Subscription) -> None:
        # The client is read all the time, to notice that it has disconnected.
        received = asyncio.ensure_future(receive_json(self._socket))
        notified = asyncio.ensure_future(notifications.take())
        try:
            while True:
                await self._record_connection()
                run = await self._database.write(
                    lambda tx: background_tasks.claim_task_run(tx, self._keys, self._claimant)
                )
                if run is not None:
                    if not await self._deliver(run, received):
                        return
                    received = asyncio.ensure_future(receive_json(self._socket))
                    continue
                await asyncio.wait(
                    {received, notified}, timeout=POLL_INTERVAL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if notified.done():
                    notified = asyncio.ensure_future(notifications.take())
                if received.done():
                    received.result()
                    return  # without a run to acknowledge, any message means that the client quits
        finally:
            notified.cancel()
            received.cancel()
            await asyncio.gather(notified, received, return_exceptions=True)

    async def _record_connection(self) -> None:
        if time.monotonic() - self._connected_at >= CONNECTION_REFRESH_SECONDS:
            await self._database.write(
                lambda tx: background_tasks.connect_worker(tx, self._claimant.worker, self._keys)
            )
            self._connected_at = time.monotonic()

    async def _deliver(self, run: Any, received: asyncio.Future[Any]) -> bool:
        """Send a run; return whether the client acknowledged it. If not, the run waits for another worker."""
        acknowledged = False
        try:
            await self._socket.send_text(to_json(run).decode())
            answer = await received
            acknowledged = isinstance(answer, dict) and answer.get("type") == "ack"
        finally:
            if not acknowledged:
                await self._database.write(lambda tx: background_tasks.release_claim(tx, run["id"]))
        return acknowledged
