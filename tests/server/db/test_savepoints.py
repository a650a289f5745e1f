"""Savepoints: a part of a transaction is undone by itself, on each database."""

from __future__ import annotations

import pytest

from prefect.server import store
from prefect.server.db.interface import Database, Transaction


async def put(tx: Transaction, key: str) -> None:
    await store.meta.put(tx, {"key": key, "value": "1"})
    tx.notify("put", key)


async def test_savepoint_undoes_its_block_when_that_raises(database: Database) -> None:
    received: list[str] = []
    database.listen(lambda notifications: received.extend(item for topic, item in notifications if topic == "put"))

    async def work(tx: Transaction) -> list[str]:
        await put(tx, "before")
        with pytest.raises(ValueError, match="no"):
            async with tx.savepoint():
                await put(tx, "undone")
                raise ValueError("no")
        async with tx.savepoint():
            await put(tx, "kept")
        return [row["key"] for row in await store.meta.find(tx, {"key": ["before", "undone", "kept"]})]

    assert sorted(await database.write(work)) == ["before", "kept"]
    assert "undone" not in received
