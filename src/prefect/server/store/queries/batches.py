"""Locked batches of rows, for the loops that change them."""

from __future__ import annotations

from prefect.server.db.interface import Transaction
from prefect.server.store.collection import Collection, Row, Where


async def lock_batch(tx: Transaction, collection: Collection, where: Where, limit: int) -> list[Row]:
    """Return at most `limit` of the rows that satisfy a condition, locked in the order of their keys.

    They are searched for first and locked afterwards: with an order the database would walk along the key, past the
    partial index that serves the condition.
    """
    key = collection.table.key
    keys = [row[key] for row in await collection.find(tx, where, limit=limit, columns=[key])]
    if not keys:
        return []
    return await collection.find(tx, collection.where({key: keys}, where), collection.by_key, lock=True)
