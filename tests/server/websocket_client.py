"""A server on a socket within the test, and clients of its websockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from prefect.server.app import Server
from prefect.server.app.http_protocol import HttpProtocol
from prefect.server.app.websocket import WebsocketProtocol
from prefect.server.db.interface import Transaction

TIMEOUT_SECONDS = 60.0
"""Seconds within which something must come."""


@asynccontextmanager
async def serve(server: Server, protocol: Any = WebsocketProtocol) -> AsyncIterator[str]:
    """The address of a server's API, `ws://…`, while it is served; its database is open and stays so."""
    config = uvicorn.Config(
        server.app,
        port=0,
        http=HttpProtocol,
        ws=protocol,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    served = uvicorn.Server(config)
    socket = config.bind_socket()
    task = asyncio.create_task(served.serve([socket]))
    try:
        await wait_until(lambda: served.started)
        yield f"ws://127.0.0.1:{socket.getsockname()[1]}/api"
    finally:
        served.should_exit = True
        await task
        socket.close()


@asynccontextmanager
async def connect_client(address: str, token: str | None = None) -> AsyncIterator[ClientConnection]:
    """A websocket whose server has let us in."""
    async with connect(address, subprotocols=["prefect"], ping_interval=None) as socket:  # pyright: ignore[reportArgumentType]
        await socket.send(json.dumps({"type": "auth", "token": token}))
        assert await receive(socket) == {"type": "auth_success"}
        yield socket


async def receive(socket: ClientConnection) -> Any:
    """The next message."""
    return json.loads(await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS))


async def ping(socket: ClientConnection) -> None:
    """Send a ping and wait for its pong."""
    await asyncio.wait_for(await socket.ping(), TIMEOUT_SECONDS)


async def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


async def wait_until_listening(server: Server) -> None:
    """Wait until a server hears what is told through its database."""
    with server.bus.subscribe("probe") as news:
        notified = asyncio.create_task(news.take())
        while not notified.done():

            async def probe(tx: Transaction) -> None:
                tx.notify("probe", 1)

            await server.database.write(probe)
            await asyncio.wait([notified], timeout=0.05)
        await notified
