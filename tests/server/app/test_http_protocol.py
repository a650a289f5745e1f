"""Responses are sent with their heads, and nothing of one stays unsent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from prefect.server.app.http_protocol import HttpProtocol, ResponseTransport
from tests.server.websocket_client import TIMEOUT_SECONDS, wait_until


class Sent:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def sent() -> Sent:
    return Sent()


def transport_to(sent: Sent) -> ResponseTransport:
    return ResponseTransport(sent)  # pyright: ignore[reportArgumentType]


def test_write_sends_the_head_of_each_response_with_its_body(sent: Sent) -> None:
    transport = transport_to(sent)
    for body in (b"one", b""):
        transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
        transport.write(body)
        transport.expect_head()
    assert sent.calls == [b"HTTP/1.1 200 OK\r\n\r\none", b"HTTP/1.1 200 OK\r\n\r\n"]


def test_write_sends_a_body_that_looks_like_a_head_immediately(sent: Sent) -> None:
    transport = transport_to(sent)
    for part in (b"HTTP/1.1 200 OK\r\n\r\n", b"one", b"HTTP/1.1 200 OK\r\n\r\n"):
        transport.write(part)
    assert sent.calls == [b"HTTP/1.1 200 OK\r\n\r\none", b"HTTP/1.1 200 OK\r\n\r\n"]


def test_write_sends_the_information_before_a_response_immediately(sent: Sent) -> None:
    transport = transport_to(sent)
    for part in (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"one"):
        transport.write(part)
    assert sent.calls == [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\none"]


def test_close_sends_a_head_that_waits(sent: Sent) -> None:
    transport = transport_to(sent)
    transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    transport.close()
    assert sent.calls == [b"HTTP/1.1 400 Bad Request\r\n\r\n"]
    assert sent.is_closed


async def respond(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back the body of a request, in the parts that its path asks for."""
    message: Any = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    parts = [message["body"]] if scope["path"] == "/whole" else [b"HTT", b"P/1"]
    for number, part in enumerate(parts, 1):
        await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})


@asynccontextmanager
async def connect() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of `respond`."""
    config = uvicorn.Config(respond, port=0, http=HttpProtocol, lifespan="off", log_level="error")
    server, socket = uvicorn.Server(config), config.bind_socket()
    task = asyncio.create_task(server.serve([socket]))
    await wait_until(lambda: server.started)
    reader, writer = await asyncio.open_connection("127.0.0.1", socket.getsockname()[1])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await task
        socket.close()


async def read(reader: asyncio.StreamReader, body: bytes = b"") -> bytes:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(len(body))


async def test_connection_serves_one_response_after_the_other() -> None:
    async with connect() as (reader, writer):
        for path, body in (("whole", b"abcdef"), ("parts", b"HTTP/1"), ("whole", b"HTTP/1")):
            writer.write(f"POST /{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n".encode() + body)
            assert (await read(reader, body)).endswith(b"\r\n\r\n" + body)


async def test_head_request_gets_the_head() -> None:
    async with connect() as (reader, writer):
        writer.write(b"HEAD /parts HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200 OK" in await read(reader)


async def test_expectation_is_answered_before_the_body_is_sent() -> None:
    async with connect() as (reader, writer):
        writer.write(b"POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
        assert await read(reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abcdef")
        assert (await read(reader, b"abcdef")).endswith(b"abcdef")


async def test_invalid_request_gets_its_response() -> None:
    async with connect() as (reader, writer):
        writer.write(b"no request\r\n\r\n")
        assert b"400" in await read(reader)
