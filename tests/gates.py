"""A connection to a server that fails in the ways of networks and servers: refused, hanging, half open, status 500."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

RECEIVE_BYTES = 1 << 16

SERVER_ERROR = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Mode(Enum):
    """What the gate does with connections."""

    PASS = "pass"
    """They reach the server."""
    REFUSE = "refuse"
    """They are closed, and new ones are reset at once."""
    HANG = "hang"
    """New ones are accepted and never answered; those that exist are closed."""
    HALF_OPEN = "half open"
    """As if the network was cut: neither those that exist nor new ones carry anything, and none is closed."""
    FAIL = "fail"
    """Each request is answered with status 500."""


class Gate:
    """Forwards connections on a port of its own to a server.

    Args:
        port: The server's port on loopback.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self._mode = Mode.PASS
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._passed = self._stopped = 0
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def set_mode(self, mode: Mode) -> None:
        """Change what happens to connections. What was cut off stays so."""
        with self._changed:
            self._mode = mode
            self._passed = self._stopped = 0
            if mode is not Mode.HALF_OPEN:
                self._close_all()

    def wait_until_stopped(self, count: int = 1, timeout: float = 60) -> None:
        """Wait until this many connections or messages have not been let through since the mode was set."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._stopped >= count, timeout), "nobody has tried"

    def wait_until_passed(self, timeout: float = 60) -> None:
        """Wait until a connection has reached the server since the mode was set."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._passed > 0, timeout), "nobody has come through"

    def close(self) -> None:
        """End the gate."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        with self._changed:
            self._mode = Mode.REFUSE
            self._close_all()

    def _close_all(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                mode = self._mode
                self._connections.add(near)
                if mode is Mode.PASS:
                    self._passed += 1
                else:
                    self._stopped += 1
                self._changed.notify_all()
            if mode is Mode.REFUSE:
                near.close()
            elif mode is Mode.FAIL:
                threading.Thread(target=self._fail, args=(near,), daemon=True).start()
            elif mode is Mode.PASS:
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        with self._changed:
            self._connections.add(far)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(RECEIVE_BYTES):
                with self._changed:
                    if self._mode is not Mode.PASS:
                        self._stopped += 1
                        self._changed.notify_all()
                        return  # and nothing is closed: nobody hears of it
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _fail(self, near: socket.socket) -> None:
        with suppress(OSError):
            near.recv(RECEIVE_BYTES)
            near.sendall(SERVER_ERROR)
            near.shutdown(socket.SHUT_WR)


@contextmanager
def open_gate(port: int) -> Iterator[Gate]:
    """Provide a gate before a server."""
    gate = Gate(port)
    try:
        yield gate
    finally:
        gate.close()
