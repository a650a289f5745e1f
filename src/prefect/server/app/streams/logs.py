"""Logs over websockets, to those who subscribe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket

from prefect.schemas.filters import LogFilter
from prefect.server.app.endpoints import to_json
from prefect.server.app.streams import SentIds, receive_filter, run_while_connected
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs import run_logs
from prefect.types import now

if TYPE_CHECKING:
    from prefect.server.app import Server


async def send_logs(server: Server, socket: WebSocket) -> None:
    """Send the logs that satisfy the client's filter, as they come; none where the settings do not want it."""
    asked = await receive_filter(socket, LogFilter)
    if asked is None:
        return
    enabled = server.settings.server.logs.stream_out_enabled
    await run_while_connected(socket, _serve(server, socket, asked[0]) if enabled else asyncio.Event().wait())


async def _serve(server: Server, socket: WebSocket, criteria: LogFilter) -> None:
    sent = SentIds()
    heard = now()

    async def send(logs: list[Answer]) -> None:
        for log in logs:
            if sent.new(log["id"]):
                await socket.send_text(to_json({"type": "log", "log": log}).decode())

    with server.bus.subscribe(run_logs.LOGS_TOPIC) as news:
        news.take_missed()
        while True:
            items = await news.take()
            at = now()
            if news.take_missed():
                async for logs in _stored(server, criteria, heard - run_logs.MAX_COMMIT_DELAY):
                    await send(logs)
            for item in items:
                await send(await server.database.read(lambda tx, item=item: run_logs.find_notified(tx, criteria, item)))
            heard = at


async def _stored(server: Server, criteria: LogFilter, since: datetime) -> AsyncIterator[list[Answer]]:
    """Logs in the store, a page a transaction: a slow reader must not hold one."""
    after: run_logs.LogPosition | None = None
    more = True
    while more:
        logs, after = await server.database.read(
            lambda tx, after=after: run_logs.find_since(tx, criteria, since, after)
        )
        yield logs
        more = after is not None
