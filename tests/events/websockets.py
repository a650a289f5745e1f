"""A server of websockets that speaks the API's protocol as far as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


@dataclass
class Listening:
    """The server: what it was told, and what a test can do to its connections."""

    port: int = 0
    token: str | None = None
    """What a client must show; anything will do if None."""
    shown: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    introduced: bool = True
    """Whether clients say who they are first."""
    after: Callable[[ServerConnection, Any], Awaitable[None]] | None = None
    """What is done after each message."""
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    async def hear(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.connections.append(connection)
        self.paths.append(connection.request.path)
        self.headers.append({name.lower(): value for name, value in connection.request.headers.raw_items()})
        try:
            if self.introduced:
                first = orjson.loads(await connection.recv())
                self.shown.append(first)
                if self.token is not None and first["token"] != self.token:
                    await connection.close(1008, "Invalid token")
                    return
                await connection.send('{"type": "auth_success"}')
            async for text in connection:
                message = orjson.loads(text)
                self.messages.append(message)
                self.told.set()
                if self.after is not None:
                    await self.after(connection, message)
        except ConnectionClosed:
            pass

    async def has_told(self, count: int) -> None:
        """Wait until there are so many messages."""
        async with asyncio.timeout(10):
            while len(self.messages) < count:
                self.told.clear()
                await self.told.wait()


@asynccontextmanager
async def listening(**options: Any) -> AsyncIterator[Listening]:
    """A server on a free port of this machine."""
    made = Listening(**options)
    spoken = [Subprotocol("prefect")] if made.introduced else None
    async with serve(made.hear, "127.0.0.1", 0, subprotocols=spoken) as server:
        made.port = next(iter(server.sockets)).getsockname()[1]
        yield made
