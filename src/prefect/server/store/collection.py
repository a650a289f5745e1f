"""The six verbs on a table: get, find, count, add, change, remove."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NewType, TypeAlias

from prefect.server.db.interface import Transaction
from prefect.server.db.schema.tables import Table
from prefect.server.db.sql import TRUE, Sql, all_of, chunks, one_of

Row = dict[str, Any]
"""An object as the store knows it: a Python value for each column."""

Condition: TypeAlias = Sql
"""A condition on the rows of a table. Only this package makes one; everybody else passes it on."""

Where: TypeAlias = Condition | Mapping[str, Any]
"""A condition, or the values that columns must have: a single one, None for null, or a list of allowed ones."""

Order = NewType("Order", str)
"""What follows ORDER BY. Only this package makes one: from a sort's name, or by `Collection.order`."""

UNORDERED = Order("")


def sort_expression(expression: str, descending: bool, required: bool) -> str:
    """Return the text that sorts by an expression, in which nulls come before all values."""
    direction = "DESC" if descending else "ASC"
    if required:
        return f"{expression} {direction}"
    return f"{expression} {direction} NULLS {'LAST' if descending else 'FIRST'}"


class Collection:
    """The rows of one table.

    Args:
        table: Its declaration in `db.schema.tables`.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.by_key = self.order(table.key)
        self._select_all = self._select(table.names)

    def order(self, *columns: str) -> Order:
        """Return the order by some columns, of which one with a `-` before its name descends."""
        terms: list[str] = []
        for column in columns:
            name = column.removeprefix("-")
            if name not in self.table.kinds:
                raise ValueError(f"The table {self.table.name} has no column {name!r}.")
            descending = column.startswith("-")
            terms.append(sort_expression(f"{self.table.name}.{name}", descending, name in self.table.required))
        return Order(", ".join(terms))

    async def get(self, tx: Transaction, key: Any, lock: bool = False) -> Row | None:
        """Return the object with a key, or None; `lock` as in `find`."""
        rows = await self.find(tx, one_of(f"{self.table.name}.{self.table.key}", [key]), lock=lock)
        return rows[0] if rows else None

    async def get_many(
        self, tx: Transaction, keys: Sequence[Any], lock: bool = False, columns: Sequence[str] | None = None
    ) -> dict[Any, Row]:
        """Return those objects of some keys that exist, by key.

        Args:
            tx: The transaction.
            keys: The keys.
            lock: As in `find`.
            columns: As in `find`; the key must be among them.
        """
        found: dict[Any, Row] = {}
        # In order, so that two transactions that lock the same objects do not deadlock.
        key = f"{self.table.name}.{self.table.key}"
        order = self.by_key if lock else UNORDERED
        for some in chunks(sorted(keys) if lock else keys):
            for row in await self.find(tx, one_of(key, some), order=order, lock=lock, columns=columns):
                found[row[self.table.key]] = row
        return found

    async def find(
        self,
        tx: Transaction,
        where: Where = TRUE,
        order: Order = UNORDERED,
        limit: int | None = None,
        offset: int = 0,
        columns: Sequence[str] | None = None,
        lock: bool = False,
    ) -> list[Row]:
        """Return the objects that satisfy a condition.

        Args:
            tx: The transaction.
            where: The condition, on columns qualified with the table's name, or the values of columns.
            order: The order; without one it is not defined.
            limit: How many at most; None for all.
            offset: How many to skip first.
            columns: The columns wanted; None for all.
            lock: Whether to lock them until the transaction ends, because they are to be changed.
        """
        names = columns or self.table.names
        where = self.where(where)
        text = f"{self._select(columns) if columns else self._select_all} WHERE {where.text}"
        values = where.values
        if order:
            text += f" ORDER BY {order}"
        if limit is not None or offset:
            page = tx.dialect.limit_clause(limit, offset)
            text += page.text
            values = (*values, *page.values)
        if lock:
            text += tx.dialect.lock_clause
        return tx.dialect.decode_rows(self.table, names, await tx.fetch(Sql(text, values)))

    def _select(self, names: Sequence[str]) -> str:
        columns = ", ".join(f"{self.table.name}.{name}" for name in names)
        return f"SELECT {columns} FROM {self.table.name}"

    async def count(self, tx: Transaction, where: Where = TRUE) -> int:
        """Return how many objects satisfy a condition."""
        where = self.where(where)
        rows = await tx.fetch(Sql(f"SELECT count(*) FROM {self.table.name} WHERE {where.text}", where.values))
        return rows[0][0]

    async def add(
        self, tx: Transaction, objects: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None
    ) -> int:
        """Add objects; an object whose key exists stays unchanged. A missing column is null.

        Args:
            tx: The transaction.
            objects: The objects.
            columns: The columns that are not null in all of them; all columns if None.

        Returns:
            How many were new.
        """
        names = columns or self.table.names
        rows = tx.dialect.encode_rows(self.table, names, objects)
        if not rows:
            return 0
        return await tx.insert(self.table, names, rows)

    async def put(self, tx: Transaction, item: Mapping[str, Any]) -> None:
        """Add an object, or, if its key exists already, set the columns that `item` contains."""
        names = [name for name in item if name != self.table.key]
        if not await self.change(tx, [item], names) and not await self.add(tx, [item]):
            await self.change(tx, [item], names)  # another transaction has added it since

    async def change(self, tx: Transaction, objects: Iterable[Mapping[str, Any]], names: Sequence[str]) -> int:
        """Set the named columns of existing objects to the values in `objects`.

        Returns:
            How many existed.
        """
        key = self.table.key
        rows = tx.dialect.encode_rows(self.table, [*names, key], objects)
        if not rows:
            return 0
        return await tx.update(self.table, names, rows)

    async def remove(self, tx: Transaction, where: Where) -> int:
        """Remove the objects that satisfy a condition and return how many they were."""
        where = self.where(where)
        return await tx.run(Sql(f"DELETE FROM {self.table.name} WHERE {where.text}", where.values))

    def where(self, *conditions: Where) -> Condition:
        """Return a condition that holds when all of these do."""
        if len(conditions) == 1 and isinstance(conditions[0], Sql):
            return conditions[0]
        return all_of(
            part
            for condition in conditions
            for part in ([condition] if isinstance(condition, Sql) else self._equal(condition))
        )

    def _equal(self, values: Mapping[str, Any]) -> Iterable[Sql]:
        for name, value in values.items():
            if name not in self.table.kinds:
                raise ValueError(f"The table {self.table.name} has no column {name!r}.")
            column = f"{self.table.name}.{name}"
            if value is None:
                yield Sql(f"{column} IS NULL")
            elif isinstance(value, (list, tuple, set, frozenset)):
                yield one_of(column, list(value))
            else:
                yield one_of(column, [value])
