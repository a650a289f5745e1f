"""An HTTP endpoint on loopback that records calls and answers, refuses or hangs as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Call:
    """A request: its headers, with names in lower case, and its body."""

    headers: dict[str, str]
    body: str


@dataclass
class Endpoint:
    """What was called, and the statuses of the next answers; afterwards it is 200. A status of 0 is never answered."""

    port: int = 0
    statuses: list[int] = field(default_factory=list[int])
    calls: list[Call] = field(default_factory=list[Call])
    called: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.calls.append(Call(headers, body.decode()))
            status = self.statuses.pop(0) if self.statuses else 200
            self.called.set()
            if status == 0:
                await reader.read()  # until the client gives up
            else:
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serve_endpoint() -> AsyncIterator[Endpoint]:
    """Serve an endpoint on a free port for the duration of the block."""
    endpoint = Endpoint()
    server = await asyncio.start_server(endpoint.answer, "127.0.0.1", 0)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
