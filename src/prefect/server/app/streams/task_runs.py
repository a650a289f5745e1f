"""The task runs in the background that a task worker subscribes to: it is sent one, acknowledges it, gets the next."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket

from prefect.server.app.endpoints import to_json
from prefect.server.app.sockets import receive_json
from prefect.server.bus import Subscription
from prefect.server.services.runs import background_tasks

if TYPE_CHECKING:
    from prefect.server.app import Server

PROTOCOL_VIOLATION = 4001
"""The code of a connection that is closed because its client does not keep to the protocol."""

POLL_INTERVAL_SECONDS = 5.0
"""Seconds between two looks for runs whose time has come, of which nobody tells."""

CONNECTION_REFRESH_SECONDS = 30.0
"""Seconds between two signs that the worker is there."""


async def send_scheduled_task_runs(server: Server, socket: WebSocket) -> None:
    """Serve one subscription until its client quits or is gone."""
    asked = await receive_json(socket)
    violation = _violation(asked)
    if violation is not None:
        await socket.close(PROTOCOL_VIOLATION, f"Protocol violation: {violation}")
        return
    worker, keys = str(asked["client_id"]), [str(key) for key in asked["keys"]]
    with server.bus.subscribe(background_tasks.TOPIC) as news:
        try:
            await _Feed(server, socket, worker, keys).run(news)
        finally:
            await server.database.write(lambda tx: background_tasks.disconnect_worker(tx, worker))


def _violation(asked: Any) -> str | None:
    if not isinstance(asked, dict) or asked.get("type") != "subscribe":
        return "expected 'subscribe' message"
    if not isinstance(asked.get("keys"), list) or not asked["keys"]:
        return "expected 'keys' in subscribe message"
    return None if asked.get("client_id") else "expected 'client_id' in subscribe message"


class _Feed:
    """One worker's connection.

    Args:
        server: The server.
        socket: The connection.
        worker: What the worker calls itself.
        keys: The tasks that it runs.
    """

    def __init__(self, server: Server, socket: WebSocket, worker: str, keys: list[str]) -> None:
        self._database = server.database
        self._socket = socket
        self._worker = worker
        self._keys = keys
        self._connected = float("-inf")

    async def run(self, news: Subscription) -> None:
        # What the client says is read all the time: only so is it known that it is gone.
        heard = asyncio.ensure_future(receive_json(self._socket))
        told = asyncio.ensure_future(news.take())
        try:
            while True:
                await self._say_connected()
                run = await self._database.write(
                    lambda tx: background_tasks.claim_task_run(tx, self._keys, self._worker)
                )
                if run is not None:
                    if not await self._deliver(run, heard):
                        return
                    heard = asyncio.ensure_future(receive_json(self._socket))
                    continue
                await asyncio.wait({heard, told}, timeout=POLL_INTERVAL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if told.done():
                    told = asyncio.ensure_future(news.take())
                if heard.done():
                    heard.result()
                    return  # there was nothing to answer, so it quits
        finally:
            told.cancel()
            heard.cancel()
            await asyncio.gather(told, heard, return_exceptions=True)

    async def _say_connected(self) -> None:
        if time.monotonic() - self._connected >= CONNECTION_REFRESH_SECONDS:
            await self._database.write(lambda tx: background_tasks.connect_worker(tx, self._worker, self._keys))
            self._connected = time.monotonic()

    async def _deliver(self, run: Any, heard: asyncio.Future[Any]) -> bool:
        """Send a run; whether the client took it and wants more. One that it does not take waits for another."""
        taken = False
        try:
            await self._socket.send_text(to_json(run).decode())
            answer = await heard
            taken = isinstance(answer, dict) and answer.get("type") == "ack"
        finally:
            if not taken:
                await self._database.write(lambda tx: background_tasks.release_claim(tx, run["id"]))
        return taken
