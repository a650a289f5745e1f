"""Transactions: all or nothing, one writer, a steady view for readers, and no thread left behind."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prefect._io import drive
from prefect.server import store
from prefect.server.db.errors import StoreBusy, StoreError, StoreUnavailable
from prefect.server.db.sql import Sql
from prefect.server.db.sqlite.database import SqliteDatabase


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    return SqliteDatabase(tmp_path / "store.db", write_timeout=0.0)


async def put(database: SqliteDatabase, key: str, value: str) -> None:
    async with database.writing() as tx:
        await store.meta.put(tx, {"key": key, "value": value})


async def get(database: SqliteDatabase, key: str) -> str | None:
    async with database.reading() as tx:
        row = await store.meta.get(tx, key)
    return row and row["value"]


def test_transaction_commits_at_its_end(database: SqliteDatabase) -> None:
    drive(put(database, "a", "1"))
    drive(put(database, "a", "2"))
    assert drive(get(SqliteDatabase(database.path), "a")) == "2"


def test_transaction_rolls_back_when_its_body_raises(database: SqliteDatabase) -> None:
    async def fail() -> None:
        async with database.writing() as tx:
            await store.meta.put(tx, {"key": "a", "value": "1"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(fail())
    assert drive(get(database, "a")) is None


def test_reader_sees_a_snapshot_and_does_not_block(database: SqliteDatabase) -> None:
    async def go() -> tuple[int, int]:
        async with database.reading() as tx:
            before = await store.meta.count(tx)
            await put(database, "a", "1")
            return before, await store.meta.count(tx)

    assert drive(go()) == (0, 0)
    assert drive(get(database, "a")) == "1"


def test_writer_fails_after_the_write_timeout(database: SqliteDatabase) -> None:
    drive(put(database, "a", "1"))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="locked by another process"):
            drive(put(database, "a", "2"))
        other.execute("ROLLBACK")
    drive(put(database, "a", "2"))


def test_full_disk_error_names_the_file(database: SqliteDatabase) -> None:
    async def fill() -> None:
        async with database.writing() as tx:
            pages = (await tx.fetch(Sql("PRAGMA page_count")))[0][0]
            await tx.run(Sql(f"PRAGMA max_page_count = {pages + 2}"))
            await store.meta.add(tx, [{"key": str(number), "value": "x" * 4000} for number in range(50)])

    with pytest.raises(StoreUnavailable, match="full"):
        drive(fill())
    assert drive(get(database, "1")) is None


def test_a_statement_that_is_wrong_is_no_riddle(database: SqliteDatabase) -> None:
    async def go() -> None:
        async with database.reading() as tx:
            await tx.fetch(Sql("SELECT 1 FROM nowhere"))

    with pytest.raises(StoreError, match="no such table: nowhere"):
        drive(go())


async def test_concurrent_transactions_are_serialized(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.db")

    async def add_one() -> None:
        async with database.writing() as tx:
            row = await store.meta.get(tx, "count")
            await store.meta.put(tx, {"key": "count", "value": str(int(row["value"] if row else 0) + 1)})

    await asyncio.gather(*(add_one() for _ in range(8)))
    assert await get(database, "count") == "8"


async def test_file_is_usable_after_a_cancelled_call(database: SqliteDatabase) -> None:
    started = asyncio.Event()
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i) FROM n"

    async def go() -> None:
        async with database.writing() as tx:
            await store.meta.put(tx, {"key": "a", "value": "1"})
            started.set()
            await tx.fetch(Sql(slow))

    task = asyncio.create_task(go())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await put(database, "b", "2")
    assert (await get(database, "a"), await get(database, "b")) == (None, "2")


@pytest.mark.skipif(os.name != "posix", reason="needs fork")
def test_forked_process_opens_its_own_connection(database: SqliteDatabase) -> None:
    async def go() -> int:
        async with database.writing() as tx:
            await store.meta.put(tx, {"key": "parent", "value": "1"})
        return os.fork()

    child = drive(go())
    if child == 0:
        try:
            drive(put(database, "child", "1"))
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert drive(get(database, "child")) == "1"
