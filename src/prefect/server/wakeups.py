"""Wakeups between processes that use one store: a process notifies another one through its named pipe.

A process that waits has a named pipe in the directory of the store. The process that ends its wait writes the topic
into it, so that no other process is woken, and none has to poll the file. On platforms without named pipes nothing is
sent.
"""

from __future__ import annotations

import atexit
import errno
import os
import select
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prefect import _processes

DIRECTORY_NAME = "wakeups"
"""The directory of the pipes, beside the file of the store."""


class WakeupPipe:
    """The pipe of this process.

    Args:
        path: Its path.

    Raises:
        OSError: It cannot be made there.
    """

    def __init__(self, path: Path) -> None:
        new = path.with_name(f"{path.name}.new")
        path.parent.mkdir(mode=0o700, exist_ok=True)
        new.unlink(missing_ok=True)
        os.mkfifo(new, 0o600)
        # Open for writing, too: without a writer a pipe is at its end. A pipe that nobody has open counts as left over.
        self._descriptor = os.open(new, os.O_RDWR | os.O_NONBLOCK)
        new.replace(path)
        self._path = path
        _own[path] = os.getpid()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def wait(self, seconds: float) -> list[str]:
        """Return the topics that were sent, as soon as there are some, or none after so many seconds."""
        if not self._poll.poll(max(0.0, seconds) * 1000):
            return []
        try:
            return os.read(self._descriptor, 1 << 16).decode().split()
        except BlockingIOError:
            return []

    def interrupt(self) -> None:
        """End a `wait` of another thread."""
        with suppress(BlockingIOError):  # it is full, so there is something to read
            os.write(self._descriptor, b"\n")

    def close(self) -> None:
        """Remove the pipe."""
        _own.pop(self._path, None)
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def abandon(self) -> None:
        """Close it in a forked child, without removing it: it is the parent's."""
        os.close(self._descriptor)


def open_pipe(store_path: Path) -> WakeupPipe | None:
    """Return a new pipe of this process for a store; None where there are no such pipes."""
    if not hasattr(os, "mkfifo"):
        return None
    try:
        pipe = WakeupPipe(_pipe_path(store_path, _processes.host(), os.getpid()))
        for path in (store_path.parent / DIRECTORY_NAME).iterdir():
            _write(path, "")
        return pipe
    except OSError:
        return None


def send_wakeup(store_path: Path, process: Mapping[str, Any], topic: str) -> None:
    """Send a topic to another process that waits; if it cannot be, that process notices before long by itself."""
    _write(_pipe_path(store_path, process["host"], process["pid"]), topic)


def _write(path: Path, topic: str) -> None:
    """Write a topic into a pipe, and remove a pipe without a reader."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:  # its process was killed
            path.unlink(missing_ok=True)
        return
    try:
        with suppress(OSError):  # it is full, or its process ends now
            os.write(descriptor, f"{topic}\n".encode() if topic else b"")
    finally:
        os.close(descriptor)


def wake_processes(store_path: Path) -> Callable[[list[tuple[str, Any]]], None]:
    """Return a listener for a database that sends its notifications to the other processes that they are for."""

    def send(notifications: list[tuple[str, Any]]) -> None:
        for topic, item in notifications:
            if is_for_other_process(item):
                send_wakeup(store_path, item, topic)

    return send


def is_for_other_process(item: Any) -> bool:
    """Return whether the value of a notification is another process of this host: the one that it is for."""
    return (
        isinstance(item, dict)
        and item.keys() >= {"pid", "host"}
        and item["host"] == _processes.host()
        and item["pid"] != os.getpid()
    )


def _pipe_path(store_path: Path, host: str, pid: int) -> Path:
    return store_path.parent / DIRECTORY_NAME / f"{quote(host, safe='')}.{pid}"


_own: dict[Path, int] = {}
"""The pipes that are open, and the processes that have made them: a forked child has not."""


def _remove_own() -> None:
    for path, pid in _own.items():
        if pid == os.getpid():
            path.unlink(missing_ok=True)


atexit.register(_remove_own)
