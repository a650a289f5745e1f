"""Uvicorn's HTTP protocol, with responses that are sent by one call to the system instead of two.

Such a call takes as long as reading a row does. The head of a response waits for the first part of its body, so a
stream must send something as soon as it is connected. Uvicorn needs `uvicorn.Config(..., http=HttpProtocol)`.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """A connection whose responses are sent with their heads."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._responses = ResponseTransport(transport)
        super().connection_made(cast("asyncio.Transport", self._responses))

    def on_response_complete(self) -> None:
        self._responses.expect_head()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        self.transport = self._responses.transport
        super().handle_websocket_upgrade()


class ResponseTransport:
    """A transport that keeps the first bytes of a response, its head, until the next ones come.

    Args:
        transport: The transport of the connection.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._expects_head = True
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def expect_head(self) -> None:
        """Treat the next bytes as the head of a response."""
        self._expects_head = True

    def write(self, data: bytes) -> None:
        if self._head:
            self.transport.write(self._head + data)
            self._head = b""
        elif self._expects_head and not data.startswith(b"HTTP/1.1 100 "):  # 100 Continue: another head follows
            self._head = data
            self._expects_head = False
        else:
            self.transport.write(data)

    def close(self) -> None:
        if self._head:
            self.write(b"")
        self.transport.close()
