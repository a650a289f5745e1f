"""The writing side of the journal: a queue in memory, drained by one thread into one row a batch."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from prefect import _forks, _processes
from prefect._lazy import lazy_modules
from prefect.journal import file
from prefect.journal.draft import Draft
from prefect.journal.file import NAME
from prefect.journal.wakeup import Wakeup
from prefect.types import new_id, now

if TYPE_CHECKING:
    import sqlite3

    from prefect.journal import encoding
else:
    encoding, sqlite3 = lazy_modules("prefect.journal.encoding", "sqlite3")

GATHER_INTERVAL_SECONDS = 0.05
"""How long a batch gathers records before it is written: what a kill -9 can lose, a fourth of the guarantee."""
MAX_BATCH_BYTES = 1 << 16
"""About how many bytes a batch has at most. The memory of larger ones comes from the system anew each time, which costs
two page faults a task."""
MAX_HELD_BYTES = 64 << 20
"""How much is held in memory while the file cannot be written; beyond that the oldest batches are dropped."""
RETRY_INTERVAL_SECONDS = 0.5
"""Between two attempts to write the file."""
CLOSE_TIMEOUT_SECONDS = 30.0
"""How long closing waits for a file that other processes have locked."""


class Forwarder(Protocol):
    """Forwards committed records, for instance to a server."""

    def committed(self) -> None:
        """Note that records were committed. Must not wait."""
        ...

    def has_waiting(self) -> bool:
        """Return whether committed records wait to be forwarded, and will be before long."""
        ...

    def wait_until_forwarded(self, timeout: float) -> None:
        """Wait until they are, at most `timeout` seconds."""
        ...

    def finish(self) -> None:
        """Forward what waits within the exit timeouts, and stop: the journal is closing."""
        ...

    def forked(self) -> Forwarder:
        """Return another one, for a forked child."""
        ...

    def abandon(self) -> None:
        """Release, in a forked child, what it inherited."""
        ...


class Journal:
    """A journal in one home directory, written by this process.

    Args:
        home: The directory that holds the file.
        name: The name of the file.
        carrier: Carries its records on.

    Attributes:
        owner: This process's id in the records; a forked process gets a new one.
    """

    def __init__(self, home: Path, name: str = NAME, forwarder: Forwarder | None = None) -> None:
        self.home = home
        self.name = name
        self.forwarder = forwarder
        self.owner: UUID = new_id()
        self._queue: deque[dict[str, Any] | Draft | Wakeup] = deque()
        self._wake = Wakeup()
        self._flush_requested = Wakeup()
        self._awake = False
        self._closed = False
        self._shut = False
        self._disowned = False
        self._starting = _forks.create_lock()
        self._thread: threading.Thread | None = None
        self._sink = _Sink(home, name)
        # SQLite's locks do not work in a process that has inherited an open file.
        self._draining = _forks.create_guard(self._sink.disconnect)
        self._queue.append(_process_record(self.owner))
        _journals.add(self)

    def append(self, record: dict[str, Any] | Draft) -> None:
        """Queue a record. It must not be changed afterwards. A journal that was closed opens again."""
        self._queue.append(record)
        if not self._awake:
            self._wake_thread()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all records are on disk or dropped; return False when `timeout` seconds were not enough."""
        if self._disowned:
            return True
        if self._closed:
            self._drain()
            return True
        done = Wakeup()
        self._queue.append(done)
        self._flush_requested.set()
        self._wake_thread()
        return done.wait(timeout)

    def has_unforwarded(self) -> bool:
        """Return whether records wait to be forwarded."""
        return self.forwarder is not None and (bool(self._queue) or self._awake or self.forwarder.has_waiting())

    def wait_until_forwarded(self, timeout: float) -> None:
        """Wait until all records have been forwarded, at most `timeout` seconds."""
        if self.forwarder is not None:
            if self._queue or self._awake:
                self.flush(timeout)
            self.forwarder.wait_until_forwarded(timeout)

    def close(self) -> None:
        """Write queued records, stop the thread and close the file."""
        self._closed = True
        self._flush_requested.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            try:
                self._thread.join()
            except RuntimeError:  # an interrupt came while it was being started: it does nothing any more
                pass
        self._shut = True
        self._awake = False  # the next append opens the journal again
        self._drain()
        with self._draining:
            self._sink.close(CLOSE_TIMEOUT_SECONDS)
        if self.forwarder is not None:
            self.forwarder.finish()

    @property
    def is_closed(self) -> bool:
        """Whether the journal was closed, and not reopened by a later record."""
        return self._shut

    @property
    def is_disowned(self) -> bool:
        """Whether the journal belongs to the parent of this forked child, so that appended records are dropped."""
        return self._disowned

    def forked(self) -> Journal:
        """Return the journal of a forked child: the same home, without the parent's queue, thread or connection."""
        return Journal(self.home, self.name, self.forwarder and self.forwarder.forked())

    def disown(self) -> None:
        """Leave the journal to the parent of this process, which continues to record the runs that are under way."""
        self._disowned = True
        self._sink.abandon()
        if self.forwarder is not None:
            self.forwarder.abandon()

    def _wake_thread(self) -> None:
        if self._disowned:
            self._queue.clear()
            return
        if self._shut:
            self._reopen()
        self._awake = True
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if (self._thread is None or not self._thread.is_alive()) and not self._closed:
                    self._start()
        self._wake.set()

    def _start(self) -> None:
        if sys.is_finalizing():
            self._queue.clear()  # no thread would run any more, and no library may be called
            return
        self._thread = threading.Thread(target=self._run, name="prefect-journal", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is shutting down
            self._thread = None
            self._awake = False
            self._drain()

    def _reopen(self) -> None:
        """Open a closed journal again for a run that continues."""
        with self._starting:
            if self._shut:
                self._flush_requested.clear()
                self._closed = self._shut = False

    def _run(self) -> None:
        try:
            while not self._closed:
                self._wake.wait()
                self._write_all()
                self._awake = False
                if self._queue:  # appended between the check and the flag
                    self._awake = True
                    self._wake.set()
        finally:
            self._awake = False  # the next append starts another thread

    def _write_all(self) -> None:
        """Write batch after batch until nothing is queued."""
        while self._queue and not self._closed:
            self._flush_requested.wait(GATHER_INTERVAL_SECONDS)
            self._drain()
            if self._sink.blocked:
                self._flush_requested.wait(RETRY_INTERVAL_SECONDS)

    def _drain(self) -> None:
        """Move queued records to the file, then set the events of waiting flushes."""
        waiting: list[Wakeup] = []
        try:
            with self._draining:
                self._sink.write(_batches(self._queue, waiting))
            if self.forwarder is not None:
                self.forwarder.committed()
        finally:
            for flushed in waiting:
                flushed.set()


def _batches(queue: deque[Any], waiting: list[Wakeup]) -> Iterable[bytes]:
    """Take the records that are queued now and yield them as encoded batches."""
    lines: list[bytes] = []
    size = 0
    for _ in range(len(queue)):
        item = queue.popleft()
        if isinstance(item, Wakeup):
            waiting.append(item)
            continue
        line = encoding.encode(item.seal() if isinstance(item, Draft) else item)
        lines.append(line)
        size += len(line)
        if size >= MAX_BATCH_BYTES:
            yield b"\n".join(lines)
            lines, size = [], 0
    if lines:
        yield b"\n".join(lines)


def _process_record(owner: UUID) -> dict[str, Any]:
    return {
        "kind": "process",
        "id": owner,
        "pid": os.getpid(),
        "start": _processes.start_mark(),
        "host": _processes.host(),
        "created": now(),
    }


class _Sink:
    """The open file, and batches that could not be written to it yet. Used by one thread at a time."""

    def __init__(self, home: Path, name: str = NAME) -> None:
        self.home = home
        self.name = name
        self.blocked = False
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._dropped = 0
        self._abandoned = False
        self._warned = False
        self._connection: sqlite3.Connection | None = None

    def write(self, batches: Iterable[bytes]) -> None:
        """Commit the batches, after those held from before; on failure hold them and warn once."""
        for batch in batches:
            self._add_held_batch(batch)
        if not self._held:
            return
        try:
            try:
                self._commit()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._move_damaged_file(error)
                self._commit()
        except (sqlite3.Error, OSError, file.JournalVersionError) as error:
            self._failed(error)
        else:
            self._held.clear()
            self._held_bytes = 0
            self.blocked = False

    def _commit(self) -> None:
        connection = self._connection or self._open()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO batch (body) VALUES (?)", [(batch,) for batch in self._held])
        connection.execute("COMMIT")

    def close(self, timeout: float) -> None:
        """Try again for `timeout` seconds while the file is only locked, then print what is lost."""
        deadline = time.monotonic() + timeout
        while self._held and self.blocked and not self._abandoned and self._locked and time.monotonic() < deadline:
            time.sleep(0.1)
            self.write(())
        self.disconnect()
        if (self._held or self._dropped) and not self._warned:
            _warn(f"{len(self._held) + self._dropped} batches of run records could not be written and are lost.")

    def abandon(self) -> None:
        """Drop a connection that a forked child inherited, without closing it: it is the parent's."""
        _abandoned.append(self._connection)
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = file.path_in(self.home, self.name)
        self._opened = _inode(path)
        self._connection = file.connect(path)
        return self._connection

    def _move_damaged_file(self, error: Exception) -> None:
        """Move a damaged file out of the way, unless another process was faster."""
        self.disconnect()
        path = file.path_in(self.home, self.name)
        if self._opened is not None and _inode(path) != self._opened:
            return
        aside = path.with_name(f"{path.name}.damaged-{new_id()}")
        os.replace(path, aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        _warn(f"The journal {str(path)!r} is damaged ({error}); it was moved to {aside.name!r} and a new one begun.")

    def _failed(self, error: Exception) -> None:
        self.blocked = True
        self._locked = "locked" in str(error)
        self.disconnect()
        then = "what cannot be written until they end is lost."
        if isinstance(error, file.JournalVersionError):
            self._abandoned = True
            self._held.clear()
            self._held_bytes = 0
            then = "what they record is lost."
        if not self._warned and not self._locked:
            self._warned = True
            reason = str(error).rstrip(".")
            _warn(f"Runs cannot be recorded in {str(self.home)!r}: {reason}. The runs themselves go on; {then}")

    _opened: int | None = None
    _locked = False

    def _add_held_batch(self, batch: bytes) -> None:
        if self._abandoned:
            return
        self._held.append(batch)
        self._held_bytes += len(batch)
        while self._held_bytes > MAX_HELD_BYTES and len(self._held) > 1:
            self._held_bytes -= len(self._held.popleft())
            self._dropped += 1

    def disconnect(self) -> None:
        """Close the file; the next batch opens it again."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except sqlite3.Error:
                return  # what could be saved is held; a connection that cannot even be closed has nothing more


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _warn(message: str) -> None:
    sys.stderr.write(f"prefect: {message}\n")
    sys.stderr.flush()


_abandoned: list[Any] = []
_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def open_journals() -> list[Journal]:
    """Return the journals of this process that are not closed."""
    return [journal for journal in list(_journals) if not (journal.is_closed or journal.is_disowned)]


def disown_all() -> None:
    """Leave all journals to the parent of this process, a forked child."""
    for journal in list(_journals):
        journal.disown()


def _close_all() -> None:
    for journal in open_journals():
        journal.close()


atexit.register(_close_all)
try:
    # Children of multiprocessing end without running `atexit`, but not without this.
    getattr(threading, "_register_atexit", atexit.register)(_close_all)
except RuntimeError:
    pass  # the main thread has ended already; the `atexit` handlers run later
