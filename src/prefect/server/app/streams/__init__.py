"""What websockets carry: events and logs to those who subscribe, and events from those who tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from prefect.server.app.sockets import receive_json

PROTOCOL_ERROR = 1002
"""The code of a connection that is closed because of what the client sent."""

_REASON = 120
"""Bytes of a reason that a close frame can carry."""


async def close_with_error(socket: WebSocket, reason: str) -> None:
    """Close a connection because of what the client sent."""
    await socket.close(PROTOCOL_ERROR, reason.encode()[:_REASON].decode("utf-8", "ignore"))


async def receive_filter(socket: WebSocket, criteria: type[BaseModel]) -> tuple[Any, dict[str, Any]] | None:
    """What a subscriber's first message asks for: its filter and the message; None after a wrong one."""
    message = await receive_json(socket)
    if not isinstance(message, dict) or message.get("type") != "filter":
        await close_with_error(socket, "Expected 'filter' message")
        return None
    try:
        return criteria.model_validate(message["filter"]), message
    except KeyError as error:
        await close_with_error(socket, f"Invalid filter: {error}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        await close_with_error(socket, f"Invalid filter: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    return None


async def run_while_connected(socket: WebSocket, work: Awaitable[Any]) -> None:
    """Do something for as long as the client is there; what it still sends is not listened to."""
    sending = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(socket))
    try:
        await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, gone):
            task.cancel()
        outcomes = await asyncio.gather(sending, gone, return_exceptions=True)
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]


async def _disconnected(socket: WebSocket) -> None:
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    except (WebSocketDisconnect, RuntimeError):
        pass


class SentIds:
    """The ids of what was sent, as far back as something may come a second time."""

    MOST = 50_000

    def __init__(self) -> None:
        self._ids: dict[Any, None] = {}

    def new(self, id_: Any) -> bool:
        """Whether it is the first time for an id, which is noted."""
        if id_ in self._ids:
            return False
        self._ids[id_] = None
        if len(self._ids) > self.MOST:
            del self._ids[next(iter(self._ids))]
        return True
