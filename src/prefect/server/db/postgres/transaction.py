"""A transaction on PostgreSQL, and the statements that change rows of a table.

An exchange with the database takes a fifteenth of a request's CPU, so a statement that changes rows returns all that
is to be known: how many it changed, the answer to a question, and the identity of the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from prefect.server.db.interface import Notifications
from prefect.server.db.postgres.dialect import PostgresDialect
from prefect.server.db.savepoints import SavepointTransaction
from prefect.server.db.schema.tables import Table
from prefect.server.db.sql import Sql
from prefect.server.principals import LOCAL


class TransactionIdentity(NamedTuple):
    """The identity of a transaction, by which its commit is found when the response to COMMIT was lost.

    Attributes:
        number: Its id; None while it has changed nothing.
        history: A time that differs before and after a crash, after which ids are used again.
    """

    number: str | None
    history: Any


_IDENTITY = "pg_current_xact_id_if_assigned()::text, pg_stat_get_bgwriter_stat_reset_time()"

IDENTITY_QUERY = f"SELECT {_IDENTITY}"
"""Returns the identity of a transaction."""


class PostgresTransaction(SavepointTransaction):
    """A transaction on a PostgreSQL database.

    Args:
        raw: Its connection.
        memory: The memory of its database.
    """

    dialect = PostgresDialect()

    def __init__(self, raw: Any, memory: dict[str, Any]) -> None:
        self.raw = raw
        self.principal = LOCAL
        self.memory = memory
        self.notifications: Notifications = []
        self.identity: TransactionIdentity | None = None
        """Its identity, once `insert` or `update` has changed something."""

    async def fetch(self, sql: Sql) -> list[tuple[Any, ...]]:
        text, values = self.dialect.statement(sql)
        return await self.raw.fetch(text, *values)

    async def run(self, sql: Sql) -> int:
        text, values = self.dialect.statement(sql)
        status: str = await self.raw.execute(text, *values)
        count = status.rpartition(" ")[2]  # of a status such as `DELETE 3`
        return int(count) if count.isdigit() else 0  # SAVEPOINT, RELEASE

    async def insert(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        return (await self.insert_and_ask(table, names, rows, "NULL"))[0]

    async def insert_and_ask(
        self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]], question: str
    ) -> tuple[int, Any]:
        return await self._change(_insert_statements(table, tuple(names), question), rows)

    async def update(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        return (await self._change(_update_statements(table, tuple(names)), rows))[0]

    def notify(self, topic: str, item: Any = None) -> None:
        self.notifications.append((topic, item))

    async def _change(self, statements: _Statements, rows: Iterable[Sequence[Any]]) -> tuple[int, Any]:
        rows = list(rows)
        text, values = (statements.one, rows[0]) if len(rows) == 1 else (statements.many, zip(*rows, strict=True))
        changed, answer, number, history = await self.raw.fetchrow(text, *values)
        if number is not None:
            self.identity = TransactionIdentity(number, history)
        return changed, answer


class _Statements(NamedTuple):
    """A statement for a row of values, and the same for several.

    Attributes:
        one: Takes the values of the row.
        many: Takes an array for each column, so that it serves any number of rows.
    """

    one: str
    many: str


@lru_cache(500)
def _insert_statements(table: Table, names: tuple[str, ...], question: str) -> _Statements:
    insert = f"INSERT INTO {table.name} ({', '.join(names)})"
    marks = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    return _Statements(
        one=_with_answers(f"{insert} VALUES ({marks}) ON CONFLICT DO NOTHING", question),
        many=_with_answers(f"{insert} SELECT * FROM {_unnest(table, names)} ON CONFLICT DO NOTHING", question),
    )


@lru_cache(500)
def _update_statements(table: Table, names: tuple[str, ...]) -> _Statements:
    update, key, columns = f"UPDATE {table.name} SET", f"{table.name}.{table.key}", (*names, table.key)
    values = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, 1))
    new_values = ", ".join(f"{name} = new.{name}" for name in names)
    new = f"{_unnest(table, columns)} AS new ({', '.join(columns)})"
    return _Statements(
        one=_with_answers(f"{update} {values} WHERE {key} = ${len(columns)}", "NULL"),
        many=_with_answers(f"{update} {new_values} FROM {new} WHERE {key} = new.{table.key}", "NULL"),
    )


def _unnest(table: Table, names: Sequence[str]) -> str:
    """Return rows as one array per column."""
    types = (PostgresTransaction.dialect.column_type(table.kinds[name]) for name in names)
    return f"unnest({', '.join(f'${number}::{kind}[]' for number, kind in enumerate(types, 1))})"


def _with_answers(statement: str, question: str) -> str:
    return f"WITH changed AS ({statement} RETURNING 1) SELECT count(*), {question}, {_IDENTITY} FROM changed"
