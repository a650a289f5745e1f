"""PostgreSQL through asyncpg: a pool of connections, and units of work that outlive a restart of the server.

A unit that meets a deadlock, or whose connection is lost, is done again until it is committed or patience ends. Whether
a transaction was committed whose answer to COMMIT was lost is asked of the server, which knows it by its number.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from prefect._lazy import lazy
from prefect.server.db import schema
from prefect.server.db.connection import Connection, Told, Work
from prefect.server.db.dialect import PostgresDialect
from prefect.server.db.errors import StoreBusy, StoreError, StoreUnavailable
from prefect.server.db.sql import Sql
from prefect.server.db.tables import Table

if TYPE_CHECKING:
    import asyncpg
else:
    asyncpg = lazy("asyncpg")

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for which a unit of work is tried again while the server cannot be reached or others are in the way."""

CHANNEL = "prefect"
"""Where committed transactions are told of."""

NOTICE = 7500
"""Bytes that a notice may have: PostgreSQL takes less than 8000."""


@lru_cache(2000)
def numbered(text: str) -> str:
    """A statement with `$1`, `$2`, … for the marks `?`."""
    first, *others = text.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))


class PostgresConnection:
    """A transaction on a PostgreSQL database."""

    dialect = PostgresDialect()

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.told: Told = []

    async def fetch(self, sql: Sql) -> list[tuple[Any, ...]]:
        return await self.raw.fetch(numbered(sql.text), *map(self.dialect.encode, sql.values))

    async def run(self, sql: Sql) -> int:
        return _touched(await self.raw.execute(numbered(sql.text), *map(self.dialect.encode, sql.values)))

    async def insert(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        text = f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM {self._given(table, names)}"
        return _touched(await self.raw.execute(f"{text} ON CONFLICT DO NOTHING", *zip(*rows, strict=True)))

    async def update(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        sets = ", ".join(f"{name} = given.{name}" for name in names)
        columns = (*names, table.key)
        given = f"{self._given(table, columns)} AS given ({', '.join(columns)})"
        text = f"UPDATE {table.name} SET {sets} FROM {given} WHERE {table.name}.{table.key} = given.{table.key}"
        return _touched(await self.raw.execute(text, *zip(*rows, strict=True)))

    def tell(self, topic: str, item: Any = None) -> None:
        self.told.append((topic, item))

    def _given(self, table: Table, names: Sequence[str]) -> str:
        """Rows as one array a column: a single statement for however many there are."""
        types = (self.dialect.type_of(table.kinds[name]) for name in names)
        return f"unnest({', '.join(f'${number}::{kind}[]' for number, kind in enumerate(types, 1))})"


def _touched(status: str) -> int:
    """How many rows a statement touched, as its status says: `INSERT 0 3`."""
    return int(status.rpartition(" ")[2])


class PostgresDatabase:
    """A PostgreSQL database.

    Args:
        url: Its address: `postgresql+asyncpg://user:password@host:port/name`.
        connections: How many connections to hold at most.
        patience: Seconds for which a unit of work is tried again.
        options: Further arguments of `asyncpg.connect`.
    """

    def __init__(
        self, url: str, connections: int = 15, patience: float = PATIENCE, options: dict[str, Any] | None = None
    ) -> None:
        self.url = url
        self.patience = patience
        self.place = url.rpartition("@")[2]
        self._address = url.replace("postgresql+asyncpg:", "postgresql:", 1)
        self._connections = connections
        self._options = options or {}
        self._pool: Any = None
        self._listening: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[Told], None]] = []

    async def open(self) -> None:
        """Connect, and bring the schema to the current revision.

        Raises:
            StoreUnavailable: The database cannot be reached.
            StoreVersionError: A newer release made its schema.
        """
        try:
            await schema.prepare_postgres(self.connect, self.place, PostgresDialect())
        except (OSError, asyncpg.PostgresError) as error:
            raise self._unreachable(error) from error
        self._pool = await asyncpg.create_pool(
            self._address, min_size=1, max_size=self._connections, max_inactive_connection_lifetime=60, **self._options
        )

    async def connect(self) -> Any:
        """A connection of asyncpg's that belongs to the caller."""
        return await asyncpg.connect(self._address, **self._options)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._pool is not None:
            self._pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as raw, raw.transaction(isolation="repeatable_read", readonly=True):
            yield PostgresConnection(raw)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as raw, raw.transaction():
            tx = PostgresConnection(raw)
            yield tx
            await _notify(raw, tx.told)

    async def read(self, work: Work[T]) -> T:
        return await self._patiently(lambda: self._read(work))

    async def write(self, work: Work[T]) -> T:
        return await self._patiently(lambda: self._write(work))

    async def _read(self, work: Work[T]) -> T:
        async with self.reading() as tx:
            return await work(tx)

    async def _write(self, work: Work[T]) -> T:
        async with self._pool.acquire() as raw:
            transaction = raw.transaction()
            await transaction.start()
            try:
                tx = PostgresConnection(raw)
                outcome = await work(tx)
                await _notify(raw, tx.told)
                number = await raw.fetchval("SELECT pg_current_xact_id_if_assigned()::text")
            except BaseException:
                if not raw.is_closed():
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except _lost():
                if number is None or not await self._patiently(lambda: self._committed(number)):
                    raise
            return outcome

    async def _committed(self, number: str) -> bool:
        async with self._pool.acquire() as raw:
            return await raw.fetchval("SELECT pg_xact_status($1::text::xid8)", number) == "committed"

    async def _patiently(self, attempt: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + self.patience
        pause = 0.01
        while True:
            try:
                return await attempt()
            except _in_the_way() as error:
                if time.monotonic() >= deadline:
                    raise StoreBusy(f"The database is busy ({error}): try again.") from error
            except _lost() as error:
                if time.monotonic() >= deadline:
                    raise self._unreachable(error) from error
            except asyncpg.PostgresError as error:
                raise StoreError(f"The database refused a statement: {error}.") from error
            # At random, so that those who wait do not keep step.
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2, 0.5)

    def listen(self, listener: Callable[[Told], None]) -> None:
        self._listeners.append(listener)
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._hear())

    async def _hear(self) -> None:
        """Listen for what is told, on a connection of its own that is made anew when it is lost."""
        while True:
            try:
                raw = await self.connect()
                ended = asyncio.Event()
                raw.add_termination_listener(lambda _, ended=ended: ended.set())
                await raw.add_listener(CHANNEL, self._heard)
                try:
                    await ended.wait()
                finally:
                    raw.terminate()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass
            await asyncio.sleep(0.5)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        told = [(topic, item) for topic, item in json.loads(payload)]
        for listener in self._listeners:
            listener(told)

    def _unreachable(self, error: BaseException) -> StoreUnavailable:
        return StoreUnavailable(
            f"The database at {self.place!r} cannot be reached ({error}): check that PostgreSQL runs, and "
            "PREFECT_SERVER_DATABASE_CONNECTION_URL."
        )


async def _notify(raw: Any, told: Told) -> None:
    """Say what was told, in as many notices as it takes; PostgreSQL delivers them when the transaction is committed."""
    notice: list[str] = []
    size = 0
    for pair in told:
        text = json.dumps(pair, separators=(",", ":"))
        if size + len(text) > NOTICE:
            await raw.execute("SELECT pg_notify($1, $2)", CHANNEL, f"[{','.join(notice)}]")
            notice, size = [], 0
        notice.append(text)
        size += len(text) + 1
    if notice:
        await raw.execute("SELECT pg_notify($1, $2)", CHANNEL, f"[{','.join(notice)}]")


def _in_the_way() -> tuple[type[BaseException], ...]:
    return (
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
        asyncpg.LockNotAvailableError,
        asyncpg.TooManyConnectionsError,
    )


def _lost() -> tuple[type[BaseException], ...]:
    return (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InterfaceError,
    )
