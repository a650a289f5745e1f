"""The port of the database: `Database`, which begins transactions, and `Transaction`, which runs statements.

These two protocols are all that the layers above may use: statements in, rows out, within a transaction. They are
implemented by `sqlite.database`, `sqlite.writer` and `postgres.database`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from prefect.server.db.dialect import Dialect
from prefect.server.db.schema.tables import Table
from prefect.server.db.sql import Sql
from prefect.server.principals import Principal

T = TypeVar("T")

Notifications: TypeAlias = list[tuple[str, Any]]
"""Notifications of transactions: pairs of a topic and a JSON value."""


class Transaction(Protocol):
    """One transaction on the database."""

    principal: Principal
    """The principal of the transaction; code of this process unless an operation is executed for a caller."""

    @property
    def memory(self) -> dict[str, Any]:
        """Cached facts about the database between transactions, which may be lost any time."""
        ...

    @property
    def dialect(self) -> Dialect: ...

    async def fetch(self, sql: Sql) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows, in the driver's values."""
        ...

    async def run(self, sql: Sql) -> int:
        """Run a statement and return how many rows it affected."""
        ...

    async def insert(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows of the driver's values; one that conflicts with an existing row is left out.

        Returns:
            How many were inserted.
        """
        ...

    async def insert_and_ask(
        self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]], question: str
    ) -> tuple[int, Any]:
        """Insert rows as `insert` does, and return how many were inserted, and the value of an SQL expression."""
        ...

    async def update(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Set the named columns by the table's key: each row holds their driver's values, and the key last.

        Returns:
            How many existed.
        """
        ...

    def notify(self, topic: str, item: Any = None) -> None:
        """Notify the listeners of all servers once the transaction is committed."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what the block changed when it raises; the transaction continues."""
        ...


KEY_FILE = "key_file"
"""In the memory of a database of this machine: the path of the file with the key that encrypts its secrets."""

UnitOfWork: TypeAlias = Callable[[Transaction], Awaitable[T]]
"""A unit of work: the function that uses one transaction. It may be called again when the transaction could not be
committed, so it must change nothing else."""


class Database(Protocol):
    """A database, which begins transactions."""

    memory: dict[str, Any]
    """The memory of its transactions."""

    @property
    def depth(self) -> int:
        """The number of queued units of work."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a read-only transaction on a snapshot of the database."""
        ...

    def writing(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that is committed at the end, or rolled back when the body raises."""
        ...

    async def read(self, work: UnitOfWork[T]) -> T:
        """Run a unit of work in a read-only transaction."""
        ...

    async def read_briefly(self, work: UnitOfWork[T]) -> T:
        """Run a unit of work that only reads, and usually takes a moment. It may be begun twice.

        It needs no snapshot: each of its statements may see what was committed when that statement began.
        """
        ...

    async def write(self, work: UnitOfWork[T], durable: bool = True) -> T:
        """Run a unit of work in a transaction and commit it.

        Args:
            work: The unit of work.
            durable: Whether the commit must survive a failure of the machine; others are faster with some databases.
        """
        ...

    async def write_briefly(self, work: UnitOfWork[T]) -> T:
        """Run a unit of work that usually takes a moment, and commit it durably. It may be begun twice."""
        ...

    async def write_in_background(self, work: UnitOfWork[T], brief: bool = False) -> T:
        """Run a unit of work that no request waits for, in a transaction whose commit need not be durable.

        Where it would delay requests, those that are under way go first.

        Args:
            work: The unit of work.
            brief: Whether it usually takes a moment. It may be begun twice then.
        """
        ...

    async def open(self) -> None:
        """Prepare the database: create or migrate the schema, connect."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...

    def listen(self, listener: Callable[[Notifications], None]) -> None:
        """Register a function to be called, in any thread, with notifications of transactions; after `open`.

        It is called with an empty list when notifications may have been missed, for instance after a lost connection.
        """
        ...

    async def await_listening(self) -> None:
        """Wait until listeners are called with what other servers change, or the first attempt at that has failed."""
        ...
