"""A SQLite file with connections that stay open and a writer thread that groups commits, for a server.

One thread writes. It takes the queued units of work, runs each within a savepoint of one transaction, and commits them
together, so that the disk is flushed once for all of them; each gets its result only after that. Some threads read,
each on a separate connection.

What takes a moment is done in the thread of the event loop. Threads that take turns with the interpreter at each row
cost more than a query, and to hand a unit that writes to another thread and its result back takes a sixth of a
request's CPU. Only one that is alone is committed there, and only while the disk is fast, since all others wait for it.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import queue
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from prefect._io import blocking, drive, is_driven, wait
from prefect.server import wakeups
from prefect.server.db.errors import Interrupted, StoreBusy, StoreUnavailable
from prefect.server.db.interface import UnitOfWork
from prefect.server.db.sql import Sql
from prefect.server.db.sqlite.database import (
    DURABLE,
    ENCODING_ERRORS,
    NO_WAITING,
    READ_ONLY,
    RELAXED,
    WRITE_TIMEOUT_SECONDS,
    SqliteDatabase,
    SqliteTransaction,
    explain_error,
)

T = TypeVar("T")

READER_THREADS = 4
"""How many threads read."""

MAX_UNITS_PER_COMMIT = 500
"""How many units of work share a commit at most."""

MAX_TRANSACTION_SECONDS = 0.02
"""Seconds after which no further unit joins a transaction: other processes write, too."""

WRITER_PAUSE_SECONDS = 0.002
"""Seconds that the writer pauses for other processes after a transaction of the longest duration."""

MAX_DEFERRAL_SECONDS = 0.05
"""How long a unit of work that no request waits for lets requests go first; then it has its turn on a busy server."""

IN_PLACE_SECONDS = 0.01
"""Seconds that a query may keep the thread of the event loop; one that takes longer is begun anew in another thread."""

MAX_COMMIT_IN_PLACE_SECONDS = 0.002
"""Seconds that the last commit may have taken if the next one is to keep the thread of the event loop."""

COMMITS_IN_PLACE = 500
"""How many units are committed in place, of some ten pages each, until the writer thread does one. It copies the log of
changes into the file when it is long, which takes longer than others may wait.
"""

STEPS_PER_CHECK = 1_000
"""How many steps of SQLite's machine a query takes between two checks of the time, of 5 us each: some twenty rows."""

CHECKPOINT_PAGES = 8_000
"""After how many pages, 32 MB, the log of changes is copied into the file. At 1,000, SQLite's default, a page that
many commits change is copied more often, and commits cost a fifth more.
"""

CONNECTION_CACHE_KIB = 4_000
"""Pages that a connection keeps in memory. All of them stay open, so this times their number is the server's."""


DRIVER_ERRORS = (sqlite3.Error, *ENCODING_ERRORS)


class ThreadTransaction(SqliteTransaction):
    """A transaction on a connection that one thread uses: its statements run in place, and may have a deadline."""

    _deadline = math.inf
    _is_watched = False
    _is_durable = True

    async def fetch(self, sql: Sql) -> list[tuple[Any, ...]]:
        text, values = self.dialect.statement(sql)
        try:
            return self._raw.execute(text, values).fetchall()
        except DRIVER_ERRORS as error:
            raise explain_error(error, self._path) from error

    async def run(self, sql: Sql) -> int:
        text, values = self.dialect.statement(sql)
        return self.run_now(text, values)

    async def _run_many(self, text: str, rows: Iterable[Sequence[Any]]) -> int:
        try:
            return self._raw.executemany(text, rows).rowcount
        except DRIVER_ERRORS as error:
            raise explain_error(error, self._path) from error

    def run_now(self, text: str, values: Sequence[Any] = ()) -> int:
        """Run a statement and return how many rows it affected."""
        try:
            return self._raw.execute(text, values).rowcount
        except DRIVER_ERRORS as error:
            raise explain_error(error, self._path) from error

    def set_durability(self, durable: bool) -> None:
        """Set whether the next commits flush the disk."""
        if durable != self._is_durable:
            self.run_now(DURABLE if durable else RELAXED)
            self._is_durable = durable

    def set_deadline(self, seconds: float) -> None:
        """Set the deadline after which running queries raise `Interrupted`, in seconds from now."""
        if not self._is_watched:
            self._raw.set_progress_handler(self._is_late, STEPS_PER_CHECK)
            self._is_watched = True
        self._deadline = time.monotonic() + seconds

    def clear_deadline(self) -> None:
        """Let the end of the transaction take as long as it does."""
        self._deadline = math.inf

    async def roll_back(self) -> None:
        self.clear_deadline()
        if self._raw.in_transaction:
            self.run_now("ROLLBACK")

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline


class _Job:
    """A unit of work, the context of its caller, and the future of its result.

    Args:
        work: The unit of work.
        durable: Whether its commit must be on the disk.
        loop: The event loop in which its caller waits; None for a caller whose thread waits.
    """

    __slots__ = ("context", "durable", "enqueued_at", "error", "future", "loop", "outcome", "work")

    def __init__(self, work: UnitOfWork[Any], durable: bool, loop: asyncio.AbstractEventLoop | None) -> None:
        self.work = work
        self.durable = durable
        self.loop = loop
        self.enqueued_at = time.monotonic()
        self.context = contextvars.copy_context()
        self.future: Any = Future() if loop is None else loop.create_future()
        self.outcome: Any = None
        self.error: BaseException | None = None

    def set_outcome(self) -> None:
        """Pass the result to the caller, in the thread of its event loop."""
        if self.future.done():  # it was cancelled
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.outcome)


def _settle(jobs: Sequence[_Job]) -> None:
    """Pass the results of units of work to their callers, with one wake-up of an event loop."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[_Job]] = defaultdict(list)
    for job in jobs:
        by_loop[job.loop].append(job)
    for loop, those in by_loop.items():
        if loop is None:
            _set_outcomes(those)
        else:
            with suppress(RuntimeError):  # it is closed: its callers do not wait any more
                loop.call_soon_threadsafe(_set_outcomes, those)


def _set_outcomes(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.set_outcome()


class SqliteWriterDatabase(SqliteDatabase):
    """A SQLite file with connections that stay open, from `open` to `close`."""

    def __init__(self, path: Path, write_timeout: float = WRITE_TIMEOUT_SECONDS, migrate: bool = True) -> None:
        super().__init__(path, write_timeout, migrate)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._held_back: _Job | None = None
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._thread_local = threading.local()
        self._opened: list[ThreadTransaction] = []
        self._requests = 0  # units of work that requests wait for
        self._has_no_requests = asyncio.Event()
        self._brief_writes = 0
        self._commit_seconds = 0.0
        self._background = asyncio.Lock()
        self.listen(wakeups.wake_processes(path))  # programs without a server may use the same home

    async def open(self) -> None:
        await super().open()
        self._readers = ThreadPoolExecutor(READER_THREADS, "prefect-store-reader")
        self._writer = threading.Thread(target=self._run_writer, name="prefect-store-writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Finish the queued units of work, and close the file."""
        writer, readers = self._writer, self._readers
        if writer is None or readers is None:
            return
        self._writer = self._readers = None
        self._jobs.put(None)
        await blocking(writer.join)
        await blocking(readers.shutdown)
        while self._opened:
            await self._opened.pop().finish("ROLLBACK")

    async def read(self, work: UnitOfWork[T]) -> T:
        if self._readers is None:
            raise self._closed()
        context = contextvars.copy_context()
        return await self._as_request(wait(self._readers.submit(context.run, lambda: drive(self._read_here(work)))))

    async def read_briefly(self, work: UnitOfWork[T]) -> T:
        """Run the unit of work in this thread, unless it takes long: it is begun anew in another thread then."""
        if self._readers is None:
            raise self._closed()
        try:
            return drive(self._read_briefly_here(work))
        except (Interrupted, StoreBusy):  # another process creates or recovers the file
            return await self.read(work)

    async def write(self, work: UnitOfWork[T], durable: bool = True) -> T:
        return await self._as_request(self._write(work, durable))

    async def write_briefly(self, work: UnitOfWork[T]) -> T:
        """Run and commit the unit of work in this thread if it is alone and the disk is fast, else in the writer's."""
        return await self._as_request(self._write_briefly(work))

    async def write_in_background(self, work: UnitOfWork[T], brief: bool = False) -> T:
        """Run one such unit at a time, while none is under way that requests wait for.

        The writer runs Python code, which keeps others from running theirs.
        """
        async with self._background:
            await self._defer()
            if brief and self._may_write_here(requests=0):
                with suppress(Interrupted, StoreBusy):  # it takes long, or another thread or process writes
                    return drive(self._write_here(work, durable=False))
            return await self._write(work, durable=False)

    async def _defer(self) -> None:
        """Wait until no request waits for the database, for some time at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(MAX_DEFERRAL_SECONDS):
                while self._requests:
                    self._has_no_requests.clear()
                    await self._has_no_requests.wait()

    async def _as_request(self, unit: Awaitable[T]) -> T:
        """Count a unit of work that a request waits for, which is in the event loop: others are not counted."""
        if is_driven():
            return await unit
        self._requests += 1
        try:
            return await unit
        finally:
            self._requests -= 1
            if not self._requests:
                self._has_no_requests.set()

    async def _write_briefly(self, work: UnitOfWork[T]) -> T:
        if not is_driven():
            await asyncio.sleep(0)  # other requests that have arrived are counted, and share a commit
            if self._may_write_here(requests=1):
                with suppress(Interrupted, StoreBusy):  # it takes long, or another thread or process writes
                    return drive(self._write_here(work, durable=True))
        return await self._write(work, durable=True)

    def _may_write_here(self, requests: int) -> bool:
        """Return whether a unit may keep this thread: there are just so many requests, and the disk is fast."""
        self._brief_writes += 1
        is_alone, is_disk_fast = self._requests == requests, self._commit_seconds < MAX_COMMIT_IN_PLACE_SECONDS
        return is_alone and is_disk_fast and self._brief_writes % COMMITS_IN_PLACE != 0

    async def _write_here(self, work: UnitOfWork[T], durable: bool) -> T:
        """Run a unit of work in this thread and commit it."""
        if self._writer is None:
            raise self._closed()
        connection = self._connection("writing", NO_WAITING, "PRAGMA wal_autocheckpoint = 0")
        connection.notifications = []
        connection.set_durability(durable)
        connection.set_deadline(IN_PLACE_SECONDS)
        connection.run_now("BEGIN IMMEDIATE")
        try:
            outcome = await work(connection)
            self._commit(connection, durable)
        except BaseException:
            self._discard_connection()
            raise
        self._notify_listeners(connection.notifications)
        return outcome

    def _commit(self, connection: ThreadTransaction, durable: bool) -> None:
        connection.clear_deadline()
        begun = time.monotonic()
        connection.run_now("COMMIT")
        if durable:  # the others do not wait for the disk
            self._commit_seconds = time.monotonic() - begun

    async def _write(self, work: UnitOfWork[T], durable: bool) -> T:
        if self._writer is None:
            raise self._closed()
        if self._writer is threading.current_thread() or self._is_writing_here():
            raise RuntimeError("A unit of work cannot begin another, which would wait for it: do both in one.")
        loop = None if is_driven() else asyncio.get_running_loop()
        job = _Job(work, durable, loop)
        self._jobs.put(job)
        return job.future.result() if loop is None else await job.future

    def _is_writing_here(self) -> bool:
        connection = getattr(self._thread_local, "writing", None)
        return connection is not None and connection.in_transaction

    @property
    def depth(self) -> int:
        """The number of queued units of work."""
        return self._jobs.qsize() + (self._held_back is not None)

    def _closed(self) -> StoreUnavailable:
        return StoreUnavailable(f"The local store {str(self.path)!r} is closed: the server stops.")

    async def _read_here(self, work: UnitOfWork[T]) -> T:
        connection = self._connection("reading", READ_ONLY)
        try:
            connection.run_now("BEGIN")
            return await work(connection)
        finally:
            await connection.roll_back()

    async def _read_briefly_here(self, work: UnitOfWork[T]) -> T:
        # Hot path: without a transaction, each query is one of its own.
        connection = self._connection("reading", READ_ONLY, NO_WAITING)
        connection.set_deadline(IN_PLACE_SECONDS)
        return await work(connection)

    def _connection(self, name: str, *setup: str) -> ThreadTransaction:
        """Return a connection of this thread, which has run the statements of `setup` when it was opened."""
        connection = getattr(self._thread_local, name, None)
        if connection is None:
            raw = self._open()
            connection = ThreadTransaction(raw, self.path, self.memory, lambda raw: raw.close())
            for statement in (f"PRAGMA cache_size = -{CONNECTION_CACHE_KIB}", *setup):
                connection.run_now(statement)
            setattr(self._thread_local, name, connection)
            self._opened.append(connection)
        return connection

    def _run_writer(self) -> None:
        while (job := self._held_back or self._jobs.get()) is not None or not self._jobs.empty():
            self._held_back = None
            if job is None:  # units are queued behind the end
                self._jobs.put(None)
                continue
            begun = time.monotonic()
            self._commit_batch(job)
            if time.monotonic() - begun > MAX_TRANSACTION_SECONDS:
                time.sleep(WRITER_PAUSE_SECONDS)

    def _commit_batch(self, first: _Job, alone: bool = False) -> None:
        """Run a unit of work, and those queued behind it unless `alone`, in one transaction."""
        done: list[_Job] = []
        try:
            connection = self._connection("writing", NO_WAITING, f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            connection.notifications = []
            connection.set_durability(first.durable)
            drive(self._take_write_lock(connection))
            job: _Job | None = first
            until = time.monotonic() + MAX_TRANSACTION_SECONDS
            while job is not None:
                done.append(job)
                job.context.run(drive, self._attempt(connection, job, is_first=len(done) == 1))
                ended = not connection.in_transaction
                job = (
                    None
                    if ended or alone or len(done) == MAX_UNITS_PER_COMMIT or time.monotonic() > until
                    else self._take_next(first.durable)
                )
            if connection.in_transaction:
                self._commit(connection, first.durable)
        except BaseException as error:
            self._discard_connection()
            if len(done) > 1:  # one of them may be the cause
                for job in done:
                    self._commit_batch(job, alone=True)
                return
            failed = done or [first, *self._take_overdue()]
            for job in failed:
                job.error = job.error or error
            _settle(failed)
            return
        # First the listeners: from the moment that an event loop is woken, the threads take turns.
        self._notify_listeners(connection.notifications)
        _settle(done)

    def _take_overdue(self) -> Iterator[_Job]:
        """Take the units that have waited longer than the timeout."""
        while job := self._take_next():
            if time.monotonic() - job.enqueued_at < self.write_timeout:
                self._jobs.put(job)
                return
            yield job

    def _take_next(self, durable: bool = True) -> _Job | None:
        """Return the next queued unit; None when there is none, or the database is closing.

        A unit whose commit must be durable is held back from a transaction whose commit is not.
        """
        try:
            job = self._held_back or self._jobs.get_nowait()
        except queue.Empty:
            return None
        self._held_back = None
        if job is None:
            self._jobs.put(None)
        elif job.durable and not durable:
            self._held_back = job
            return None
        return job

    async def _attempt(self, connection: ThreadTransaction, job: _Job, is_first: bool) -> None:
        """Run a unit of work; when it fails, only the changes of this unit are rolled back.

        The first unit of a transaction needs no savepoint for that: the transaction ends with it.
        """
        count = len(connection.notifications)
        job.error = None
        if not is_first:
            await connection.run(Sql("SAVEPOINT unit"))
        try:
            job.outcome = await job.work(connection)
        except BaseException as error:
            job.error = error
            del connection.notifications[count:]
            await (connection.roll_back() if is_first else connection.run(Sql("ROLLBACK TO unit")))
        if not is_first:
            await connection.run(Sql("RELEASE unit"))

    def _discard_connection(self) -> None:
        """Close the connection by which this thread writes, with its transaction; the next one opens another."""
        connection = getattr(self._thread_local, "writing", None)
        if connection is not None:
            self._thread_local.writing = None
            self._opened.remove(connection)
            try:
                drive(connection.finish("ROLLBACK"))
            except Exception:  # the first error is the one to report
                pass
