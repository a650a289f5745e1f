"""SQLite through the standard library's driver, with a connection a transaction, so that nothing survives a fork.

Connections are idle between transactions (`idle_connections`).

It blocks in the driver: in place when driven; under an event loop a unit of work runs in a worker thread.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import _forks
from prefect._io import blocking, drive, sleep
from prefect._lazy import lazy
from prefect.server.db.dialect import MATCH_FUNCTION, SqliteDialect
from prefect.server.db.errors import (
    Duplicate,
    Interrupted,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreUnavailable,
    Unstorable,
)
from prefect.server.db.interface import KEY_FILE, Notifications, Transaction, UnitOfWork
from prefect.server.db.savepoints import SavepointTransaction
from prefect.server.db.schema import versions
from prefect.server.db.schema.tables import Table
from prefect.server.db.sql import Sql
from prefect.server.db.sqlite.idle_connections import idle_connections
from prefect.server.principals import LOCAL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from prefect.values import linear_patterns
else:
    sqlite3 = lazy("sqlite3")
    linear_patterns = lazy("prefect.values.linear_patterns")

T = TypeVar("T")

STORE_FILE_NAME = "pluperfect.db"
"""The file of the local store in its home directory."""

KEY_FILE_NAME = "encryption.key"
"""The file beside it with the key that encrypts its secrets, so that a copy of the store alone reveals none."""

WRITE_TIMEOUT_SECONDS = 60.0
"""Seconds to wait for the write lock; transactions are cut to take a fraction of one."""

STATEMENT_TIMEOUT_SECONDS = 5.0
"""Seconds that a statement may wait in the driver, while another process creates or recovers the file."""

MAX_LOCK_POLL_SECONDS = 0.025
"""The longest pause between two attempts to take the write lock: a busy writer leaves short gaps."""

NO_WAITING = "PRAGMA busy_timeout = 0"
"""Makes a statement fail immediately, without waiting in the driver, while another connection holds its lock."""

READ_ONLY = "PRAGMA query_only = ON"
"""Keeps read-only transactions from writing, which would be rolled back silently."""

DURABLE, RELAXED = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"
"""Whether a commit is on the disk when it returns, or may be lost when the machine fails; a dead process loses none."""

READING_SETUP = (READ_ONLY, f"PRAGMA busy_timeout = {STATEMENT_TIMEOUT_SECONDS * 1000:.0f}")
WRITING_SETUP = ("PRAGMA query_only = OFF", NO_WAITING, DURABLE)
RELAXED_WRITING_SETUP = ("PRAGMA query_only = OFF", NO_WAITING, RELAXED)
"""Statements that a connection runs before a transaction. A writer waits for the lock outside of the driver."""


class SqliteTransaction(SavepointTransaction):
    """A transaction on a SQLite file."""

    dialect = SqliteDialect()

    def __init__(
        self, raw: sqlite3.Connection, path: Path, memory: dict[str, Any], close: Callable[[sqlite3.Connection], None]
    ) -> None:
        self._raw = raw
        self._close = close
        self._path = path
        # A cancelled caller may leave a statement running in a worker thread: closing must wait for it.
        self._busy = threading.Lock()
        self._is_finished = False
        self.principal = LOCAL
        self.memory = memory
        self.notifications: Notifications = []

    async def fetch(self, sql: Sql) -> list[tuple[Any, ...]]:
        text, values = self.dialect.statement(sql)
        return await self._call(lambda: self._raw.execute(text, values).fetchall())

    async def run(self, sql: Sql) -> int:
        text, values = self.dialect.statement(sql)
        return await self._call(lambda: self._raw.execute(text, values).rowcount)

    async def insert(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        return await self._run_many(_insert_statement(table.name, tuple(names)), rows)

    async def insert_and_ask(
        self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]], question: str
    ) -> tuple[int, Any]:
        inserted = await self.insert(table, names, rows)
        return inserted, (await self.fetch(Sql(f"SELECT {question}")))[0][0]

    async def update(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        return await self._run_many(_update_statement(table.name, tuple(names), table.key), rows)

    async def _run_many(self, text: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement for each row of values and return how many rows of the table it affected."""
        return await self._call(lambda: self._raw.executemany(text, rows).rowcount)

    def notify(self, topic: str, item: Any = None) -> None:
        self.notifications.append((topic, item))

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._raw.in_transaction

    async def roll_back(self) -> None:
        """Roll back, unless SQLite itself has already."""
        if self.in_transaction:
            await self.run(Sql("ROLLBACK"))

    async def finish(self, statement: str) -> None:
        """End the transaction with COMMIT or ROLLBACK, unless it has ended; its connection is not used any more."""
        await blocking(self._finish, statement)

    def _finish(self, statement: str) -> None:
        with self._busy:
            if self._is_finished:
                return
            try:
                if self._raw.in_transaction:
                    self._raw.execute(statement)
            except sqlite3.Error as error:
                self._is_finished = True
                self._raw.close()
                raise explain_error(error, self._path) from error
            except BaseException:
                self._is_finished = True
                self._raw.close()
                raise
            self._is_finished = True
            self._close(self._raw)

    async def _call(self, fn: Callable[[], T]) -> T:
        return await blocking(self._guarded, fn)

    def _guarded(self, fn: Callable[[], T]) -> T:
        """Call a function that uses the driver, and translate its errors into errors of the store."""
        with self._busy:
            try:
                return fn()
            except (sqlite3.Error, *ENCODING_ERRORS) as error:
                raise explain_error(error, self._path) from error


@lru_cache(500)
def _insert_statement(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"


@lru_cache(500)
def _update_statement(table: str, columns: tuple[str, ...], key: str) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in columns)} WHERE {key} = ?"


class SqliteDatabase:
    """A SQLite file, created and brought to the current schema when it is first used.

    Args:
        path: The file. Its directory is made when it is missing.
        write_timeout: Seconds to wait for the write lock.
        migrate: Whether a file of an older release is migrated, or refused.
    """

    def __init__(self, path: Path, write_timeout: float = WRITE_TIMEOUT_SECONDS, migrate: bool = True) -> None:
        self.path = path
        self.write_timeout = write_timeout
        self.migrate = migrate
        self._prepared = False
        self._writer_turn = _forks.create_lock()
        self.memory: dict[str, Any] = {KEY_FILE: path.with_name(KEY_FILE_NAME)}
        self._listeners: list[Callable[[Notifications], None]] = []

    @property
    def depth(self) -> int:
        return 0

    async def open(self) -> None:
        async with self.reading():
            pass

    async def close(self) -> None:
        pass

    def listen(self, listener: Callable[[Notifications], None]) -> None:
        self._listeners.append(listener)

    async def await_listening(self) -> None:
        """Return immediately: a file has one server."""

    async def read(self, work: UnitOfWork[T]) -> T:
        return await blocking(lambda: drive(self._read(work)))

    async def read_briefly(self, work: UnitOfWork[T]) -> T:
        return await self.read(work)

    async def write_briefly(self, work: UnitOfWork[T]) -> T:
        return await self.write(work)

    async def write_in_background(self, work: UnitOfWork[T], brief: bool = False) -> T:
        return await self.write(work, durable=False)

    async def write(self, work: UnitOfWork[T], durable: bool = True) -> T:
        return await blocking(lambda: drive(self._write(work, durable)))

    async def _read(self, work: UnitOfWork[T]) -> T:
        async with self.reading() as tx:
            return await work(tx)

    async def _write(self, work: UnitOfWork[T], durable: bool) -> T:
        # Threads of one process take turns here: if hundreds tried to lock the file, its holder would get no time. Only
        # `with` is sure to release a lock: an interrupt may follow an `acquire` before any `try`.
        with self._writer_turn:
            writing = self.writing(durable)
            try:
                async with writing as tx:
                    return await work(tx)
            except BaseException:
                # An interrupt between the block and its end, too, must not leave the write lock with a traceback.
                await writing.gen.aclose()
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        connection = await blocking(self._take_connection, READING_SETUP)
        try:
            await connection.run(Sql("BEGIN"))
            yield connection
        finally:
            await connection.finish("ROLLBACK")

    @asynccontextmanager
    async def writing(self, durable: bool = True) -> AsyncIterator[Transaction]:
        # A durable commit is on disk when it returns: the journal's records are discarded after it.
        connection = await blocking(self._take_connection, WRITING_SETUP if durable else RELAXED_WRITING_SETUP)
        try:
            await self._take_write_lock(connection)
            yield connection
            await connection.finish("COMMIT")
        except BaseException:
            # Also after an interrupt within COMMIT: the traceback would keep the connection, and it the write lock.
            await connection.finish("ROLLBACK")
            raise
        self._notify_listeners(connection.notifications)

    def _notify_listeners(self, notifications: Notifications) -> None:
        if notifications:
            for listener in self._listeners:
                listener(notifications)

    async def _take_write_lock(self, connection: SqliteTransaction) -> None:
        """Begin a transaction that writes, as soon as no other one does.

        It waits here and not in the driver: under an event loop each waiting transaction would hold a thread there,
        and none might be left for the one that holds the lock.
        """
        deadline = time.monotonic() + self.write_timeout
        pause = 0.001
        while True:
            try:
                await connection.run(Sql("BEGIN IMMEDIATE"))
                return
            except StoreBusy:
                if time.monotonic() >= deadline:
                    raise
            # Jitter, so that waiting processes do not retry in step.
            await sleep(pause * random.random())
            pause = min(pause * 2, MAX_LOCK_POLL_SECONDS)

    def _take_connection(self, setup: Sequence[str]) -> SqliteTransaction:
        """Return an idle connection, or a new one, for one transaction, for which it has run the statements `setup`."""
        found = idle_connections.take(self.path, setup) if self._prepared else None
        raw, is_set_up = found or (self._open(), False)
        try:
            for statement in () if is_set_up else setup:
                raw.execute(statement)
        except sqlite3.Error as error:
            raw.close()
            raise explain_error(error, self.path) from error
        return SqliteTransaction(raw, self.path, self.memory, partial(idle_connections.put, self.path, setup))

    def _open(self) -> sqlite3.Connection:
        if not (self._prepared and self.path.exists()):
            _make_home(self.path.parent)
        try:
            raw = sqlite3.connect(
                self.path, timeout=STATEMENT_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise explain_error(error, self.path) from error
        try:
            if not (self._prepared and self.path.stat().st_size):
                versions.prepare_sqlite(raw, self.path, SqliteDialect(), self.migrate)
                self._prepared = True
            raw.create_function(MATCH_FUNCTION, 2, _occurs, deterministic=True)
            raw.execute(DURABLE)
            raw.execute("PRAGMA cache_size = -16000")
        except sqlite3.Error as error:
            raw.close()
            raise explain_error(error, self.path) from error
        except BaseException:
            raw.close()
            raise
        return raw


def open_home(home: Path) -> SqliteDatabase:
    """Return the local store of a home directory; one object a path, so that the schema is checked once a process."""
    path = home / STORE_FILE_NAME
    database = _opened.get(path)
    if database is None:
        database = _opened[path] = SqliteDatabase(path)
    return database


_opened: dict[Path, SqliteDatabase] = {}


def _occurs(pattern: str, text: str) -> bool:
    return linear_patterns.is_match(pattern, text, ignore_case=True)


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreUnavailable(
            f"PREFECT_HOME is {str(home)!r}, which is not a directory: move that file away, or set PREFECT_HOME "
            "to a directory."
        ) from error
    except OSError as error:
        raise StoreUnavailable(
            f"PREFECT_HOME {str(home)!r} cannot be made ({error.strerror}): set PREFECT_HOME to a directory that can "
            "be written."
        ) from error


ENCODING_ERRORS = (OverflowError, UnicodeEncodeError)
"""The exceptions of the driver for values that it cannot store."""


def explain_error(error: Exception, path: Path) -> StoreError:
    """Return an error of the driver as an error of the store, with a remedy in the message."""
    text = str(error)
    if isinstance(error, ENCODING_ERRORS):
        return Unstorable(f"A value cannot be stored: {text}.")
    if "UNIQUE constraint" in text:
        return Duplicate(f"The store holds such a row already: {text}.")
    if text == "interrupted":
        return Interrupted(f"A query of the local store {str(path)!r} took too long.")
    if "locked" in text or "busy" in text:
        return StoreBusy(
            f"The local store {str(path)!r} is locked by another process ({text}): try again when that one is done."
        )
    if any(sign in text for sign in ("unable to open", "readonly", "disk I/O", "full", "permission")):
        return StoreUnavailable(
            f"The local store {str(path)!r} cannot be opened or written ({text}): check the rights and the free space "
            "of its directory, or set PREFECT_HOME to another."
        )
    if any(sign in text for sign in ("not a database", "malformed", "corrupt")):
        return StoreDamaged(
            f"The local store {str(path)!r} is damaged ({text}): restore it from a copy, or move it away and a new one "
            "is begun at the next command; nothing was deleted."
        )
    return StoreError(f"The local store {str(path)!r} refused a statement: {text}.")
