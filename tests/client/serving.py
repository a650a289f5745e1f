"""A server that answers as a test says and remembers what it was asked."""

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
class Asked:
    """A request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """What a request is answered with. A status of 0 closes the connection without an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Serving:
    """The server. `replies` are given in their order, the last one for good; `answer` may decide instead."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.replies: list[Reply] = [Reply()]
        self.answer: Callable[[Asked], Reply | None] = lambda _: None
        self._lock = threading.Lock()
        self.open: list[socket.socket] = []

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            chosen = self.answer(asked)
            if chosen is not None:
                return chosen
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def calls(self) -> list[str]:
        """The requests, for instance `"GET /flows/"`."""
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return len(self.open)

    url = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    serving: Serving

    def setup(self) -> None:
        super().setup()
        self.serving.open.append(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        content = self.rfile.read(length)
        address = urlsplit(self.path)
        asked = Asked(
            self.command,
            address.path.removeprefix("/api"),
            parse_qs(address.query),
            {name.lower(): value for name, value in self.headers.items()},
            orjson.loads(content) if content else None,
        )
        reply = self.serving.reply(asked)
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
def serving() -> Iterator[Serving]:
    """A server on a free port of this machine."""
    made = Serving()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"serving": made}))
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
