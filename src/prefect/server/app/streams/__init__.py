"""The websockets of the API, and what they have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from prefect.server.app.sockets import receive_json, truncate_reason
from prefect.server.db.interface import UnitOfWork
from prefect.server.services.security.authorization import act_for

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState

T = TypeVar("T")

PROTOCOL_ERROR = 1002
"""The close code after a message that breaks the protocol."""


class CallerDatabase:
    """A server's database, in transactions that act for the caller of a websocket.

    Args:
        server: The server.
        socket: The websocket, which has been accepted.
    """

    def __init__(self, server: ServerState, socket: WebSocket) -> None:
        self._server = server
        self._principal = socket.scope["principal"]

    async def read(self, work: UnitOfWork[T]) -> T:
        return await self._server.database.read(act_for(self._principal, work))

    async def write(self, work: UnitOfWork[T]) -> T:
        return await self._server.database.write(act_for(self._principal, work))


async def close_with_error(socket: WebSocket, reason: str) -> None:
    """Close a websocket because of what its client sent."""
    await socket.close(PROTOCOL_ERROR, truncate_reason(reason))


async def receive_filter(socket: WebSocket, criteria: type[BaseModel]) -> tuple[Any, dict[str, Any]] | None:
    """Return the filter of a subscriber's first message and the message, or None after an invalid one."""
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
    """Run some work until it ends or the client disconnects; messages of the client are ignored."""
    sending = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_wait_for_disconnect(socket))
    try:
        await asyncio.wait((sending, disconnected), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, disconnected):
            task.cancel()
        outcomes = await asyncio.gather(sending, disconnected, return_exceptions=True)
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]


async def _wait_for_disconnect(socket: WebSocket) -> None:
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    except (WebSocketDisconnect, RuntimeError):
        pass


class SentIds:
    """The ids that were sent to a subscriber, as far back as one may arrive a second time."""

    MAX_IDS = 50_000

    def __init__(self) -> None:
        self._ids: dict[Any, None] = {}

    def add(self, id_: Any) -> bool:
        """Add an id; return whether it is new."""
        if id_ in self._ids:
            return False
        self._ids[id_] = None
        if len(self._ids) > self.MAX_IDS:
            del self._ids[next(iter(self._ids))]
        return True
