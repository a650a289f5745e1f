"""A SQLite file that one process serves for long: its connections stay open, and writers that meet share a commit.

One thread writes. It takes the units of work that wait, does each within a savepoint of one transaction, and commits
them together, so that a disk's flush is paid once for all who came meanwhile; each is answered only after that. Some
threads read, each on a connection of its own.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from prefect._io import drive, wait
from prefect.server.db.connection import Work
from prefect.server.db.sql import Sql
from prefect.server.db.sqlite import PATIENCE, SqliteConnection, SqliteDatabase

T = TypeVar("T")

READERS = 4
"""Threads that read."""

TOGETHER = 500
"""Units of work that share a commit at most."""

BRIEF = 0.02
"""Seconds after which no further unit joins a transaction: other processes want their turn to write, too."""


class _Job:
    """A unit of work, the context it was given in, and the future of its outcome."""

    __slots__ = ("context", "error", "future", "outcome", "work")

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.context = contextvars.copy_context()
        self.future: Future[Any] = Future()
        self.outcome: Any = None
        self.error: BaseException | None = None

    def settle(self, error: BaseException | None = None) -> None:
        error = self.error or error
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.outcome)


class ResidentSqlite(SqliteDatabase):
    """A SQLite file with connections that stay open, from `open` to `close`."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        super().__init__(path, patience)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._opened: list[SqliteConnection] = []

    async def open(self) -> None:
        await super().open()
        self._readers = ThreadPoolExecutor(READERS, "prefect-store-reader")
        self._writer = threading.Thread(target=self._serve, name="prefect-store-writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        if self._writer is None or self._readers is None:
            return
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown()
        for connection in self._opened:
            await connection.finish("ROLLBACK")
        self._writer = self._readers = None

    async def read(self, work: Work[T]) -> T:
        assert self._readers is not None, "the database is not open"
        context = contextvars.copy_context()
        return await wait(self._readers.submit(context.run, lambda: drive(self._read_here(work))))

    async def write(self, work: Work[T]) -> T:
        job = _Job(work)
        self._jobs.put(job)
        return await wait(job.future)

    async def _read_here(self, work: Work[T]) -> T:
        connection = self._connection()
        await connection.run(Sql("BEGIN"))
        try:
            return await work(connection)
        finally:
            await connection.run(Sql("ROLLBACK"))

    def _connection(self) -> SqliteConnection:
        """This thread's connection."""
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._open()
            self._opened.append(connection)
        return connection

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._together(job):
                return

    def _together(self, first: _Job) -> bool:
        """Do a unit of work and those that wait behind it in one transaction; False when the last has come."""
        done: list[_Job] = []
        more = True
        try:
            connection = self._connection()
            connection.told = []
            drive(self._take_turn(connection))
            job: _Job | None = first
            until = time.monotonic() + BRIEF
            while job is not None:
                done.append(job)
                job.context.run(drive, self._attempt(connection, job))
                job, more = self._next() if len(done) < TOGETHER and time.monotonic() < until else (None, True)
            drive(connection.run(Sql("COMMIT")))
        except BaseException as error:
            self._abandon()
            for job in done or [first]:
                job.settle(error)
            return more
        for job in done:
            job.settle()
        self._announce(connection.told)
        return more

    def _next(self) -> tuple[_Job | None, bool]:
        try:
            job = self._jobs.get_nowait()
        except queue.Empty:
            return None, True
        return job, job is not None

    async def _attempt(self, connection: SqliteConnection, job: _Job) -> None:
        """Do a unit of work; what it did is taken back alone when it fails."""
        told = len(connection.told)
        await connection.run(Sql("SAVEPOINT unit"))
        try:
            job.outcome = await job.work(connection)
        except BaseException as error:
            job.error = error
            del connection.told[told:]
            await connection.run(Sql("ROLLBACK TO unit"))
        await connection.run(Sql("RELEASE unit"))

    def _abandon(self) -> None:
        """Give up a transaction with its connection; the next one gets another."""
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            self._own.connection = None
            self._opened.remove(connection)
            try:
                drive(connection.finish("ROLLBACK"))
            except Exception:  # what went wrong first is what is told
                pass
