"""Log records over a websocket, to subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket

from prefect.schemas.filters import LogFilter
from prefect.server.app.endpoints import to_json
from prefect.server.app.streams import CallerDatabase, SentIds, receive_filter, run_while_connected
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs.logs import run_logs
from prefect.types import now

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState


async def send_logs(server: ServerState, socket: WebSocket) -> None:
    """Send new log records that match the client's filter; none where the settings disable it."""
    subscription = await receive_filter(socket, LogFilter)
    if subscription is None:
        return
    enabled = server.settings.server.logs.stream_out_enabled
    await run_while_connected(socket, _serve(server, socket, subscription[0]) if enabled else asyncio.Event().wait())


async def _serve(server: ServerState, socket: WebSocket, criteria: LogFilter) -> None:
    sent = SentIds()
    database = CallerDatabase(server, socket)
    complete_until = now()  # nothing before it was missed

    async def send(logs: list[Answer]) -> None:
        for log in logs:
            if sent.add(log["id"]):
                await socket.send_text(to_json({"type": "log", "log": log}).decode())

    with server.bus.subscribe(run_logs.LOGS_TOPIC) as notifications:
        notifications.take_missed()
        while True:
            items = await notifications.take()
            at = now()
            if notifications.take_missed():
                async for logs in _read_stored(database, criteria, complete_until - run_logs.MAX_COMMIT_DELAY):
                    await send(logs)
            for item in items:
                await send(await database.read(lambda tx, item=item: run_logs.find_notified(tx, criteria, item)))
            complete_until = at


async def _read_stored(database: CallerDatabase, criteria: LogFilter, since: datetime) -> AsyncIterator[list[Answer]]:
    """Yield stored log records by pages, each in a separate transaction, which a slow reader must not hold open."""
    after: run_logs.LogPosition | None = None
    more = True
    while more:
        logs, after = await database.read(lambda tx, after=after: run_logs.find_since(tx, criteria, since, after))
        yield logs
        more = after is not None
