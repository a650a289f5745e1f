"""The port that every statement goes through: `Database`, where transactions come from, and `Connection`, one of them.

These two protocols are all that the rooms above may know: rows out, statements in, a transaction around them. SQLite's
implementations are `sqlite` and `sqlite_writer`, PostgreSQL's in `postgres`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from prefect.server.db.dialect import Dialect
from prefect.server.db.sql import Sql
from prefect.server.db.tables import Table
from prefect.server.principals import Principal

T = TypeVar("T")

Notifications: TypeAlias = list[tuple[str, Any]]
"""What transactions told: pairs of a topic and an item that JSON can hold."""


class Transaction(Protocol):
    """One transaction on the database."""

    principal: Principal
    """Who the transaction acts for; code of this process unless an operation is executed for a caller."""

    @property
    def memory(self) -> dict[str, Any]:
        """What this process remembers about the database between transactions: hints, which may be lost any time."""
        ...

    @property
    def dialect(self) -> Dialect: ...

    async def fetch(self, sql: Sql) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows, in the driver's values."""
        ...

    async def run(self, sql: Sql) -> int:
        """Run a statement and return how many rows it touched."""
        ...

    async def insert(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Insert rows of driver's values; one that conflicts with what is there is left out.

        Returns:
            How many were inserted.
        """
        ...

    async def update(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """Set the named columns by the table's key: each row holds their driver's values, and the key last.

        Returns:
            How many existed.
        """
        ...

    def notify(self, topic: str, item: Any = None) -> None:
        """Say something to the listeners of all servers once the transaction is committed."""
        ...


UnitOfWork: TypeAlias = Callable[[Transaction], Awaitable[T]]
"""A unit of work: what is done in one transaction. It may be done again when the transaction could not be committed,
so it must change nothing outside of it."""


class Database(Protocol):
    """Where transactions come from."""

    memory: dict[str, Any]
    """The memory of its transactions."""

    @property
    def depth(self) -> int:
        """How many units of work wait for their turn."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that sees one moment of the database and changes nothing."""
        ...

    def writing(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that is committed at the end, or rolled back when the body raises."""
        ...

    async def read(self, work: UnitOfWork[T]) -> T:
        """Do a unit of work that changes nothing."""
        ...

    async def write(self, work: UnitOfWork[T]) -> T:
        """Do a unit of work and commit it."""
        ...

    async def open(self) -> None:
        """Make it ready to serve: create or migrate the schema, connect."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...

    def listen(self, listener: Callable[[Notifications], None]) -> None:
        """Have a function called, in any thread, with what committed transactions told; after `open`.

        It is called with nothing when something may have been missed, for instance since a connection was lost.
        """
        ...
