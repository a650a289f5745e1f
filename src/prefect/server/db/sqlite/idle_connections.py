"""Connections to SQLite files that are open and idle, for the next transaction of this process.

Opening a file takes as long as a small transaction, and closing the last connection to it as long as several: SQLite
then copies its log into the file. No idle connection survives a fork: they are closed before it.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import _forks

if TYPE_CHECKING:
    import sqlite3

MAX_IDLE = 4
"""How many connections are kept, to whichever files."""


class IdleConnections:
    """The idle connections of this process, those used last at the end."""

    def __init__(self) -> None:
        self._idle: list[_Idle] = []
        self._lock = _forks.create_lock()
        self._is_forking = False
        atexit.register(self.close_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._after_fork
            )

    def take(self, path: Path, setup: Sequence[str]) -> tuple[sqlite3.Connection, bool] | None:
        """Take a connection to a file, unless another file is there by now.

        Args:
            path: The file.
            setup: The statements that prepare the connection; one that has run them is preferred.

        Returns:
            The connection, and whether it has run them last; None when there is none.
        """
        if not self._idle:
            return None
        identity = _identify(path)
        with self._lock:
            found = [idle for idle in self._idle if idle.path == path]
            for idle in sorted(found, key=lambda idle: idle.setup == setup, reverse=True):
                self._idle.remove(idle)
                if idle.identity == identity:
                    return idle.connection, idle.setup == setup
                idle.connection.close()
        return None

    def put(self, path: Path, setup: Sequence[str], connection: sqlite3.Connection) -> None:
        """Keep a connection without a transaction; the one that was idle for longest may be closed."""
        identity = _identify(path)
        with self._lock:
            if identity is None or self._is_forking:
                connection.close()
                return
            self._idle.append(_Idle(path, identity, setup, connection))
            if len(self._idle) > MAX_IDLE:
                self._idle.pop(0).connection.close()

    def close_all(self) -> None:
        """Close all idle connections."""
        with self._lock:
            self._close_all()

    def _before_fork(self) -> None:
        with self._lock:
            self._is_forking = True
            self._close_all()

    def _after_fork(self) -> None:
        self._is_forking = False

    def _close_all(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()


@dataclass(frozen=True, eq=False)
class _Idle:
    """An idle connection, what shows that its file is still the same, and the statements that it has run last."""

    path: Path
    identity: tuple[int, int, int]
    setup: Sequence[str]
    connection: sqlite3.Connection


def _identify(path: Path) -> tuple[int, int, int] | None:
    """Return what shows that a file was replaced or cut; None when it is missing."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size


idle_connections = IdleConnections()
"""The idle connections of this process."""
