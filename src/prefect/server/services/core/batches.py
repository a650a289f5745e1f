"""Lock rows for a loop that changes them batch by batch."""

from __future__ import annotations

from prefect.server.db.interface import Transaction
from prefect.server.store import Collection, Row, Where


async def lock_batch(tx: Transaction, collection: Collection, where: Where, limit: int) -> list[Row]:
    """Return some of the rows that satisfy a condition, locked until the transaction ends.

    They are found first and then locked in the order of their keys: an order in the first query would have the
    database walk along the key, past the index that serves the condition.
    """
    key = collection.table.key
    ids = [row[key] for row in await collection.find(tx, where, limit=limit, columns=[key])]
    if not ids:
        return []
    return await collection.find(tx, collection.all_of({key: ids}, where), f"{collection.table.name}.{key}", lock=True)
