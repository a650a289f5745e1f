"""Websocket server for tests that implements the event and log protocol."""

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
class WebsocketServer:
    """State of the server: received messages, and hooks of a test."""

    port: int = 0
    token: str | None = None
    """Token that clients must send; any if None."""
    tokens: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    authenticates: bool = True
    """Whether clients authenticate first."""
    after_message: Callable[[ServerConnection, Any], Awaitable[None]] | None = None
    """Called after each message."""
    received: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.connections.append(connection)
        self.paths.append(connection.request.path)
        self.headers.append({name.lower(): value for name, value in connection.request.headers.raw_items()})
        try:
            if self.authenticates:
                first = orjson.loads(await connection.recv())
                self.tokens.append(first)
                if self.token is not None and first["token"] != self.token:
                    await connection.close(1008, "Invalid token")
                    return
                await connection.send('{"type": "auth_success"}')
            async for text in connection:
                message = orjson.loads(text)
                self.messages.append(message)
                self.received.set()
                if self.after_message is not None:
                    await self.after_message(connection, message)
        except ConnectionClosed:
            pass

    async def wait_for_messages(self, count: int) -> None:
        """Wait until this many messages have arrived."""
        async with asyncio.timeout(60):
            while len(self.messages) < count:
                self.received.clear()
                await self.received.wait()


@asynccontextmanager
async def run_websocket_server(**options: Any) -> AsyncIterator[WebsocketServer]:
    """Run the server on a free local port."""
    websocket_server = WebsocketServer(**options)
    subprotocols = [Subprotocol("prefect")] if websocket_server.authenticates else None
    async with serve(websocket_server.handle, "127.0.0.1", 0, subprotocols=subprotocols) as server:
        websocket_server.port = next(iter(server.sockets)).getsockname()[1]
        yield websocket_server
