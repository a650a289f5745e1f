"""Changes of a local store, as the programs of this process that wait for some learn of them.

The store is a file, and what changes it is often another process. Who gives slots to a process that waits wakes it
(`wakeups`). For everything else a thread checks the file's size and time while somebody waits; when they have changed
it reads whether those who wait can go on. Nothing is kept open meanwhile.
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
from prefect.server import wakeups
from prefect.server.db.errors import StoreError
from prefect.server.db.interface import Database, Notifications, Transaction, UnitOfWork
from prefect.server.routes.core.operation import Waiting

logger = logging.getLogger("prefect.client")

POLL_INTERVAL_SECONDS = 0.01
"""Interval of checking the file while it changes."""

QUIET_POLL_INTERVAL_SECONDS = 0.03
"""Interval of checking a file that has not changed for a second."""

QUIET_AFTER_SECONDS = 1.0

WOKEN_POLL_INTERVAL_SECONDS = 1.0
"""Interval of checking the file for those who are woken: a wakeup may be lost."""

UPKEEP_INTERVAL_SECONDS = 0.25
"""Interval of checking for holders that have died, and of reading when the file may have changed unnoticed."""

MAX_UPKEEP_INTERVAL_SECONDS = 5.0
"""The longest such interval: many processes that wait check in turns, so that together they do not check more often."""


class LocalChanges:
    """Waits for changes of one local store.

    Args:
        database: The store.
        path: Its file.
        needs_upkeep: Reads whether there is something that `upkeep` would do.
        upkeep: Done now and then while somebody waits: other processes may have died.
        count_processes: Reads how many processes wait.
    """

    def __init__(
        self,
        database: Database,
        path: Path,
        needs_upkeep: UnitOfWork[bool],
        upkeep: Callable[[], Coroutine[Any, Any, None]],
        count_processes: UnitOfWork[int],
    ) -> None:
        self._database = database
        self._path = path
        self._needs_upkeep = needs_upkeep
        self._upkeep = upkeep
        self._count_processes = count_processes
        self._lock = _forks.create_lock()
        self._pipe: wakeups.WakeupPipe | None = None
        self._reset()
        database.listen(self._receive)

    def _reset(self) -> None:
        if self._pipe is not None:
            self._pipe.abandon()
        self._pid = os.getpid()
        self._waiting: dict[Future[None], Waiting] = {}
        self._thread: threading.Thread | None = None
        self._pipe = None

    async def wait(self, waiting: Waiting) -> None:
        """Return when what an operation waits for is ready, or after so many seconds."""
        future: Future[None] = Future()
        with self._lock:
            if self._pid != os.getpid():  # a forked child has not the thread
                self._reset()
            self._waiting[future] = waiting
            if self._thread is None:
                self._pipe = wakeups.open_pipe(self._path)
                self._thread = threading.Thread(target=self._watch, name="prefect-store-watch", daemon=True)
                self._thread.start()
            elif self._pipe is not None:
                self._pipe.interrupt()
        try:
            await wait(future, waiting.seconds)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.pop(future, None)

    def _receive(self, notifications: Notifications) -> None:
        """Wake those whom a transaction of this process has made ready, here and in other processes."""
        for topic, item in notifications:
            if wakeups.is_for_other_process(item):
                wakeups.send_wakeup(self._path, item, topic)
            elif self._waiting:
                self._resolve({topic})

    def _resolve(self, topics: set[str]) -> None:
        with self._lock:
            for future, waiting in self._waiting.items():
                if waiting.topic in topics and not future.done():
                    future.set_result(None)

    def _watch(self) -> None:
        files = (str(self._path), f"{self._path}-wal")
        watched = _Watched(_Stamps(files), _Stamps(files))
        upkeep_due = 0.0
        while True:
            with self._lock:
                waiting, pipe = dict(self._waiting), self._pipe
                if not waiting:
                    self._thread = self._pipe = None
                    if pipe is not None:
                        pipe.close()
                    return
            polled = {future for future, each in waiting.items() if pipe is None or not each.is_woken}
            try:
                if time.monotonic() >= upkeep_due:
                    upkeep_due = time.monotonic() + self._do_upkeep()
                    watched.polled.mark_changed()
                due = watched.find_due(waiting, polled)
                if due:
                    drive(self._database.read(partial(self._resolve_ready, due)))
            except StoreError as error:  # it is read again
                watched.polled.mark_changed()
                logger.debug("The local store cannot be read: %s", error)
            pause = watched.polled.find_pause() if polled else WOKEN_POLL_INTERVAL_SECONDS
            pause = max(POLL_INTERVAL_SECONDS, min(pause, upkeep_due - time.monotonic()))
            if pipe is None:
                time.sleep(pause)
            elif topics := pipe.wait(pause):
                self._resolve(set(topics))

    async def _resolve_ready(self, due: dict[Future[None], Waiting], tx: Transaction) -> None:
        for future, waiting in due.items():
            if not future.done() and await waiting.is_ready(tx):
                with self._lock:
                    if not future.done():
                        future.set_result(None)

    def _do_upkeep(self) -> float:
        """Check for holders that have died, and return after how many seconds to check again."""
        if drive(self._database.read(self._needs_upkeep)):
            drive(self._upkeep())
        processes = drive(self._database.read(self._count_processes))
        return min(MAX_UPKEEP_INTERVAL_SECONDS, UPKEEP_INTERVAL_SECONDS * max(1, processes))


class _Watched:
    """The waiting callers that have to read the store.

    Args:
        polled: Whether its files have changed, for those who check immediately.
        woken: The same, for those who are woken and check seldom.
    """

    def __init__(self, polled: _Stamps, woken: _Stamps) -> None:
        self.polled = polled
        self._woken = woken
        self._woken_due = 0.0
        self._checked: set[Future[None]] = set()

    def find_due(self, waiting: dict[Future[None], Waiting], polled: set[Future[None]]) -> dict[Future[None], Waiting]:
        """Return those who wait that have to read now; who has begun to wait always has."""
        all_polled = self.polled.have_changed()
        all_woken = False
        if time.monotonic() >= self._woken_due:
            all_woken = self._woken.have_changed()
            self._woken_due = time.monotonic() + WOKEN_POLL_INTERVAL_SECONDS
        due = {
            future: each
            for future, each in waiting.items()
            if future not in self._checked or (all_polled if future in polled else all_woken)
        }
        self._checked = set(waiting)
        return due


class _Stamps:
    """The stamps of some files, and since when they have not changed.

    Args:
        files: The files.
    """

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files
        self._known: Any = None
        self._changed_at = time.monotonic()

    def mark_changed(self) -> None:
        """Have the next call of `have_changed` return True, because a change may be invisible in the stamps."""
        self._known = None

    def have_changed(self) -> bool:
        """Return whether the files may have changed since the last call."""
        stamps, is_settled = read_stamps(self._files)
        known, self._known = self._known, stamps if is_settled else None
        if known is not None and stamps != known:
            self._changed_at = time.monotonic()
        return stamps != known

    def find_pause(self) -> float:
        """Return after how many seconds to check them again."""
        is_quiet = time.monotonic() - self._changed_at > QUIET_AFTER_SECONDS
        return QUIET_POLL_INTERVAL_SECONDS if is_quiet else POLL_INTERVAL_SECONDS
