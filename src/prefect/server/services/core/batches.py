"""Rows that a loop changes, some at a time."""

from __future__ import annotations

from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.store import Collection, Row


async def lock_batch(tx: Transaction, collection: Collection, where: Sql, limit: int) -> list[Row]:
    """So many of the objects that satisfy a condition, which nobody else may change until the transaction ends.

    They are looked for first and locked in the order of their keys then: an order would have the database walk
    along the key, past the index that is made for the condition.
    """
    key = f"{collection.table.name}.{collection.table.key}"
    found = await collection.find(tx, where, limit=limit, columns=[collection.table.key])
    ids = [row[collection.table.key] for row in found]
    if not ids:
        return []
    return await collection.find(tx, all_of([one_of(key, ids), where]), key, lock=True)
