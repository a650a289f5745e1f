"""Changes of a local store, as the programs of this process that wait for some learn of them.

The store is a file, and what changes it is often another process. While somebody here waits, a thread looks at the
file's size and time; when they have changed it reads whether those who wait can go on. Nothing is kept open meanwhile.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from prefect import _forks
from prefect._file_stamps import read_stamps
from prefect._io import drive, wait
from prefect.server.db.errors import StoreError
from prefect.server.db.interface import Database, Transaction, UnitOfWork

logger = logging.getLogger("prefect.client")

POLL_INTERVAL_SECONDS = 0.01
"""Interval of looking at the file while it changes."""

QUIET_POLL_INTERVAL_SECONDS = 0.03
"""Interval of looking at a file that has not changed for a second."""

QUIET_AFTER_SECONDS = 1.0

UPKEEP_INTERVAL_SECONDS = 0.25
"""Interval of looking for holders that have died, and of reading when the file may have changed unnoticed."""


class LocalChanges:
    """Waits for changes of one local store.

    Args:
        database: The store.
        path: Its file.
        needs_upkeep: Reads whether there is something that `upkeep` would do.
        upkeep: Done now and then while somebody waits: other processes may have died.
    """

    def __init__(
        self,
        database: Database,
        path: Path,
        needs_upkeep: UnitOfWork[bool],
        upkeep: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._database = database
        self._files = (str(path), f"{path}-wal")
        self._needs_upkeep = needs_upkeep
        self._upkeep = upkeep
        self._lock = _forks.create_lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._waiting: dict[Future[None], UnitOfWork[bool]] = {}
        self._thread: threading.Thread | None = None

    async def wait(self, topic: str, is_ready: UnitOfWork[bool], seconds: float) -> None:
        """Return when `is_ready` reads that the caller can go on, or after so many seconds."""
        future: Future[None] = Future()
        with self._lock:
            if self._pid != os.getpid():  # a forked child has not the thread
                self._reset()
            self._waiting[future] = is_ready
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="prefect-store-watch", daemon=True)
                self._thread.start()
        try:
            await wait(future, seconds)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.pop(future, None)

    def _watch(self) -> None:
        known: Any = None
        checked: set[Future[None]] = set()
        upkeep_due = 0.0
        changed_at = time.monotonic()
        while True:
            with self._lock:
                waiting = dict(self._waiting)
                if not waiting:
                    self._thread = None
                    return
            try:
                stamps, is_settled = read_stamps(self._files)
                if known is not None and stamps != known:
                    changed_at = time.monotonic()
                if time.monotonic() >= upkeep_due:
                    self._do_upkeep()
                    upkeep_due = time.monotonic() + UPKEEP_INTERVAL_SECONDS
                    known = None
                if stamps != known or any(future not in checked for future in waiting):
                    checked = set(waiting)
                    drive(self._database.read(partial(self._resolve_ready, waiting)))
                    known = stamps if is_settled else None
            except StoreError as error:  # it is read again
                logger.debug("The local store cannot be read: %s", error)
            is_quiet = time.monotonic() - changed_at > QUIET_AFTER_SECONDS
            time.sleep(QUIET_POLL_INTERVAL_SECONDS if is_quiet else POLL_INTERVAL_SECONDS)

    async def _resolve_ready(self, waiting: dict[Future[None], UnitOfWork[bool]], tx: Transaction) -> None:
        for future, is_ready in waiting.items():
            if not future.done() and await is_ready(tx):
                future.set_result(None)

    def _do_upkeep(self) -> None:
        if drive(self._database.read(self._needs_upkeep)):
            drive(self._upkeep())
