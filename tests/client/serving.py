"""An HTTP server with prepared replies that records its requests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson


@dataclass(frozen=True)
class RecordedRequest:
    """A request that the server received."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """A response. A status of 0 closes the connection without a response."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class FakeApi:
    """The server. It sends `replies` in order and repeats the last one, unless `answer` returns a reply."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.replies: list[Reply] = [Reply()]
        self.answer: Callable[[RecordedRequest], Reply | None] = lambda _: None
        self._lock = threading.Lock()
        self.open: list[socket.socket] = []

    def reply(self, request: RecordedRequest) -> Reply:
        with self._lock:
            self.requests.append(request)
            chosen = self.answer(request)
            if chosen is not None:
                return chosen
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def calls(self) -> list[str]:
        """Return method and path of each request, for instance `"GET /flows/"`."""
        return [f"{request.method} {request.path}" for request in self.requests]

    @property
    def connections(self) -> int:
        """Return the number of connections so far."""
        return len(self.open)

    url = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeApi

    def setup(self) -> None:
        super().setup()
        self.fake.open.append(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        content = self.rfile.read(length)
        address = urlsplit(self.path)
        request = RecordedRequest(
            self.command,
            address.path.removeprefix("/api"),
            parse_qs(address.query),
            {name.lower(): value for name, value in self.headers.items()},
            orjson.loads(content) if content else None,
        )
        reply = self.fake.reply(request)
        if not reply.status:
            self.close_connection = True
            return
        body = b"" if reply.body is None else orjson.dumps(reply.body)
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that goes away


@contextmanager
def serve() -> Iterator[FakeApi]:
    """Run a server on a free local port."""
    made = FakeApi()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": made}))
    made.url = f"http://127.0.0.1:{server.server_port}/api"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        for connection in made.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join()
