"""PostgreSQL through asyncpg: a pool of connections, and units of work that survive a restart of the server.

A unit that meets a deadlock, or whose connection is lost, is run again until it is committed or the timeout passes.
When the response to COMMIT is lost, the status of the transaction is queried by its id.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from prefect._lazy import lazy
from prefect.server.db.errors import Duplicate, StoreBusy, StoreError, StoreUnavailable, Unstorable
from prefect.server.db.interface import Notifications, Transaction, UnitOfWork
from prefect.server.db.postgres.dialect import PostgresDialect
from prefect.server.db.postgres.transaction import IDENTITY_QUERY, PostgresTransaction, TransactionIdentity
from prefect.server.db.schema import versions
from prefect.types import new_id

if TYPE_CHECKING:
    import asyncpg
else:
    asyncpg = lazy("asyncpg")

logger = logging.getLogger("prefect.server.db")

T = TypeVar("T")
R = TypeVar("R")

RETRY_TIMEOUT_SECONDS = 30.0
"""Seconds for which a unit of work is retried while the server cannot be reached or other transactions conflict."""

MAX_IDLE_SECONDS = 60.0
"""Seconds after which an unused connection is closed."""

CLOSE_TIMEOUT_SECONDS = 5.0
"""Seconds that running units of work have to end when the database is closed."""

NOTIFY_CHANNEL = "prefect"
"""The channel of LISTEN and NOTIFY."""

MAX_NOTICE_BYTES = 7500
"""The largest payload of a NOTIFY: PostgreSQL takes less than 8000."""


class PostgresDatabase:
    """A PostgreSQL database.

    Args:
        url: Its address: `postgresql+asyncpg://user:password@host:port/name`.
        connections: How many connections to hold at most.
        retry_timeout: Seconds for which a unit of work is retried.
        options: Further arguments of `asyncpg.connect`.
        migrate: Whether `open` migrates an older schema, or refuses it.
    """

    def __init__(
        self,
        url: str,
        connections: int = 15,
        retry_timeout: float = RETRY_TIMEOUT_SECONDS,
        options: dict[str, Any] | None = None,
        migrate: bool = True,
    ) -> None:
        self.retry_timeout = retry_timeout
        self.place = url.rpartition("@")[2].partition("?")[0]
        self._address = _asyncpg_url(url)
        self._connections = connections
        self._options = options or {}
        self._migrate = migrate
        self._free: asyncio.Semaphore | None = None
        self._idle: list[tuple[float, Any]] = []
        self._used: set[Any] = set()
        self._listener_task: asyncio.Task[None] | None = None
        self._is_listening = asyncio.Event()
        self.memory: dict[str, Any] = {}
        self._listeners: list[Callable[[Notifications], None]] = []
        self._name = str(new_id())
        self._unsent: Notifications = []
        self._sender: asyncio.Task[None] | None = None
        self.depth = 0
        """How many units of work wait for a connection."""

    async def open(self) -> None:
        """Migrate the schema to the current revision.

        Raises:
            StoreUnavailable: The database cannot be reached.
            StoreVersionError: A newer release made its schema.
        """
        try:
            await versions.prepare_postgres(self.connect, self.place, PostgresDialect(), self._migrate)
        except (ValueError, *_connection_errors(), *_rejection_errors()) as error:
            raise self._unreachable_error(error) from error
        except asyncpg.PostgresError as error:
            raise _explain_error(error) from error
        self._free = asyncio.Semaphore(self._connections)

    async def connect(self, **options: Any) -> Any:
        """Return a connection of asyncpg's that belongs to the caller and has no command timeout."""
        try:
            return await asyncpg.connect(self._address, **{**self._options, "command_timeout": None, **options})
        except TimeoutError as error:
            raise ConnectionError("there was no answer in time") from error

    async def close(self) -> None:
        """Wait some seconds for running units of work, and close all connections."""
        if self._listener_task is not None:
            self._listener_task.cancel()
            await asyncio.gather(self._listener_task, return_exceptions=True)
            self._listener_task = None
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=CLOSE_TIMEOUT_SECONDS)
        free, self._free = self._free, None
        if free is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                for _ in range(self._connections):
                    await free.acquire()
        except TimeoutError:
            for raw in self._used:
                raw.terminate()
        while self._idle:
            await _close_connection(self._idle.pop()[1])

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        async with self._connection() as raw, raw.transaction(isolation="repeatable_read", readonly=True):
            yield PostgresTransaction(raw, self.memory)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        async with self._connection() as raw, raw.transaction():
            tx = PostgresTransaction(raw, self.memory)
            yield tx
        self._notify_all(tx.notifications)

    async def read(self, work: UnitOfWork[T]) -> T:
        return await self._retry(lambda: self._read(work))

    async def read_briefly(self, work: UnitOfWork[T]) -> T:
        return await self._retry(lambda: self._read_briefly(work))

    async def write_briefly(self, work: UnitOfWork[T]) -> T:
        return await self.write(work)

    async def write_in_background(self, work: UnitOfWork[T], brief: bool = False) -> T:
        return await self.write(work, durable=False)

    async def write(self, work: UnitOfWork[T], durable: bool = True) -> T:
        return await self._retry(lambda: self._write(work, durable))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Borrow a connection of the pool for one transaction."""
        free = self._free
        if free is None:
            raise self._closed_error()
        self.depth += 1
        try:
            # Hot path: a timeout costs a timer, and one that is free needs none.
            async with asyncio.timeout(self.retry_timeout) if free.locked() else nullcontext():
                await free.acquire()
        except TimeoutError:
            raise StoreBusy(f"All {self._connections} connections to the database are in use: try again.") from None
        finally:
            self.depth -= 1
        try:
            raw = await self._take_connection()
            self._used.add(raw)
            try:
                yield raw
            except asyncpg.InternalClientError as error:  # the server has closed it, which is not known here yet
                raw.terminate()
                raise ConnectionError(str(error)) from error
            except asyncpg.InterfaceError as error:
                if raw.is_closed():
                    raise ConnectionError(str(error)) from error
                raise
            finally:
                self._used.discard(raw)
                if raw.is_closed() or raw.is_in_transaction():
                    raw.terminate()
                else:
                    self._idle.append((time.monotonic(), raw))
        finally:
            free.release()

    async def _take_connection(self) -> Any:
        """Return the connection that was used last, or a new one; those that were idle too long are closed."""
        while self._idle and self._idle[0][0] < time.monotonic() - MAX_IDLE_SECONDS:
            await _close_connection(self._idle.pop(0)[1])
        while self._idle:
            raw = self._idle.pop()[1]
            if not raw.is_closed():
                return raw
        return await self.connect(command_timeout=self._options.get("command_timeout"))

    async def _read(self, work: UnitOfWork[T]) -> T:
        async with self.reading() as tx:
            return await work(tx)

    async def _read_briefly(self, work: UnitOfWork[T]) -> T:
        # Hot path: to begin and end a transaction takes two more exchanges with the database than one statement does.
        async with self._connection() as raw:
            return await work(PostgresTransaction(raw, self.memory))

    async def _write(self, work: UnitOfWork[T], durable: bool) -> T:
        async with self._connection() as raw:
            await raw.execute("BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit = off")
            tx = PostgresTransaction(raw, self.memory)
            try:
                outcome = await work(tx)
                identity = tx.identity or TransactionIdentity(*await raw.fetchrow(IDENTITY_QUERY))
            except BaseException:
                if not raw.is_closed():
                    await raw.execute("ROLLBACK")
                raise
            lost: BaseException | None = None
            try:
                ended = await raw.execute("COMMIT")
            except (*_connection_errors(), asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                lost = error
            else:
                if ended != "COMMIT":  # a statement had failed, whose error the unit of work ignored
                    raise StoreError("A transaction was rolled back because one of its statements had failed.")
        unsure = lost is not None and identity.number is not None
        if unsure and not await self._retry(lambda: self._was_committed(identity)):
            raise ConnectionError(str(lost)) from lost
        self._notify_all(tx.notifications)
        return outcome

    async def _was_committed(self, identity: TransactionIdentity) -> bool:
        """Return whether a transaction was committed, when the response to COMMIT was lost.

        After a crash, ids of transactions that were undone are used again: "committed" may be true of another one.
        """
        query = "SELECT pg_xact_status($1::text::xid8), pg_stat_get_bgwriter_stat_reset_time()"
        async with self._connection() as raw:
            status, history = await raw.fetchrow(query, identity.number)
        if status == "in progress" and history == identity.history:
            raise _CommitInProgress
        if status == "committed" and history != identity.history:
            raise StoreUnavailable(
                f"The database at {self.place!r} crashed during a commit, and it is not known whether that was done: "
                "look at what it holds before you try again."
            )
        return status == "committed"

    async def _retry(self, attempt: Callable[[], Awaitable[R]]) -> R:
        deadline = time.monotonic() + self.retry_timeout
        pause = 0.01
        while True:
            try:
                return await attempt()
            except (_CommitInProgress, *_transient_errors()) as error:
                if time.monotonic() >= deadline:
                    raise StoreBusy(f"The database is busy ({error}): try again.") from error
            except TimeoutError as error:
                raise StoreBusy("The database took too long for a statement: try again.") from error
            except _connection_errors() as error:
                if time.monotonic() >= deadline:
                    raise self._unreachable_error(error) from error
            except asyncpg.PostgresError as error:
                raise _explain_error(error) from error
            # Jitter, so that waiting transactions do not retry in step.
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2, 0.5)

    def listen(self, listener: Callable[[Notifications], None]) -> None:
        self._listeners.append(listener)
        if self._listener_task is None:
            self._listener_task = asyncio.get_running_loop().create_task(self._listen_forever())

    async def await_listening(self) -> None:
        await self._is_listening.wait()

    async def _listen_forever(self) -> None:
        """Listen for notifications on a dedicated connection, which is replaced when it is lost."""
        while True:
            try:
                raw = await self.connect()
                try:
                    ended = asyncio.Event()
                    raw.add_termination_listener(lambda _, ended=ended: ended.set())
                    await raw.add_listener(NOTIFY_CHANNEL, self._receive_notice)
                    self._notify_listeners([])  # notifications may have been missed before
                    self._is_listening.set()
                    await ended.wait()
                finally:
                    raw.terminate()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass
            finally:
                self._is_listening.set()
            await asyncio.sleep(0.5)

    def _receive_notice(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        name, notifications = json.loads(payload)
        if name != self._name:
            self._notify_listeners([(topic, item) for topic, item in notifications])

    def _notify_all(self, notifications: Notifications) -> None:
        """Notify the listeners of this process immediately, and the listeners of other servers soon.

        The latter in a separate transaction: PostgreSQL commits transactions that notify one at a time.
        """
        if notifications:
            self._notify_listeners(notifications)
            self._unsent += notifications
            if self._sender is None:
                self._sender = asyncio.get_running_loop().create_task(self._send_notices())

    async def _send_notices(self) -> None:
        query = "SELECT count(pg_notify($1, notice)) FROM unnest($2::text[]) AS notice"
        try:
            while self._unsent:
                notifications, self._unsent = self._unsent, []
                notices = list(_split_notices(self._name, notifications))
                await self._retry(lambda notices=notices: self._execute(query, NOTIFY_CHANNEL, notices))
        except StoreError as error:
            # Servers that cannot be reached now read the store when they can again.
            logger.warning("Other servers could not be notified: %s", error)
        finally:
            self._sender = None

    async def _execute(self, text: str, *values: Any) -> None:
        async with self._connection() as raw:
            await raw.execute(text, *values)

    def _notify_listeners(self, notifications: Notifications) -> None:
        for listener in self._listeners:
            listener(notifications)

    def _closed_error(self) -> StoreUnavailable:
        return StoreUnavailable(f"The database at {self.place!r} is closed: the server stops.")

    def _unreachable_error(self, error: BaseException) -> StoreUnavailable:
        return StoreUnavailable(
            f"The database at {self.place!r} cannot be reached ({error or type(error).__name__}): check that "
            "PostgreSQL runs, and PREFECT_SERVER_DATABASE_CONNECTION_URL."
        )


async def _close_connection(raw: Any) -> None:
    try:
        await raw.close(timeout=CLOSE_TIMEOUT_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        raw.terminate()


def _asyncpg_url(url: str) -> str:
    """Return a URL of SQLAlchemy's as asyncpg reads it."""
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise StoreUnavailable(
            f"PREFECT_SERVER_DATABASE_CONNECTION_URL begins with {scheme!r}: name a database of SQLite "
            "(sqlite+aiosqlite:///path) or PostgreSQL (postgresql+asyncpg://user:password@host/name)."
        )
    place, _, query = rest.partition("?")
    options = [("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(query)]
    kept = urlencode([pair for pair in options if pair[0] != "prepared_statement_cache_size"])
    return f"postgresql://{place}{'?' if kept else ''}{kept}"


def _split_notices(name: str, notifications: Notifications) -> Iterator[str]:
    """Split notifications into payloads of NOTIFY.

    In place of an item that no payload can hold there is an empty list, which says that items were missed.
    """
    notice: list[str] = []
    size = 0
    for pair in notifications:
        text = json.dumps(pair, separators=(",", ":"), default=str)
        if len(text) > MAX_NOTICE_BYTES:
            yield f'["{name}",[]]'
            continue
        if notice and size + len(text) > MAX_NOTICE_BYTES:
            yield f'["{name}",[{",".join(notice)}]]'
            notice, size = [], 0
        notice.append(text)
        size += len(text) + 1
    if notice:
        yield f'["{name}",[{",".join(notice)}]]'


class _CommitInProgress(Exception):
    """A commit whose response was lost is still running."""


def _transient_errors() -> tuple[type[BaseException], ...]:
    return (
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
        asyncpg.LockNotAvailableError,
        asyncpg.TooManyConnectionsError,
        asyncpg.InvalidCachedStatementError,
    )


def _connection_errors() -> tuple[type[BaseException], ...]:
    return (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.CannotConnectNowError,
    )


def _rejection_errors() -> tuple[type[BaseException], ...]:
    return (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.TooManyConnectionsError,
    )


def _explain_error(error: BaseException) -> StoreError:
    """Return an error of PostgreSQL as one of the store."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Duplicate(f"The database holds such a row already: {error}.")
    if isinstance(error, asyncpg.DataError):
        return Unstorable(f"A value cannot be stored: {error}.")
    if isinstance(error, asyncpg.QueryCanceledError):
        return StoreBusy(f"The database took too long ({error}): try again.")
    if isinstance(error, asyncpg.InsufficientResourcesError):
        return StoreUnavailable(f"The database cannot do more ({error}): check its free space and memory.")
    return StoreError(f"The database refused a statement: {error}.")
