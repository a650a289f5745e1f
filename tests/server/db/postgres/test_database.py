"""PostgreSQL and what can go wrong with it: units of work outlive it, and are done once."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from prefect.server import store
from prefect.server.db.errors import StoreBusy, StoreError, StoreUnavailable
from prefect.server.db.interface import Notifications, Transaction
from prefect.server.db.postgres import database as module
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.db.postgres.transaction import TransactionIdentity
from prefect.server.db.sql import Many, Sql, one_of
from tests.postgres import Postgres, need

ADD = Sql("INSERT INTO meta (key, value) SELECT ?, coalesce(max(value::int), 0) + 1 FROM meta")


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    """An open database of the test's own."""
    database = PostgresDatabase(postgres_url, connections=5, retry_timeout=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server of the test's own, that survives a crash."""
    need()
    server = Postgres(durable=True)
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def keys(database: PostgresDatabase) -> list[str]:
    rows = await database.read(lambda tx: store.meta.find(tx, order=store.meta.order("key")))
    return [row["key"] for row in rows]


async def pid(tx: Transaction) -> int:
    return (await tx.fetch(Sql("SELECT pg_backend_pid()")))[0][0]


async def kill(database: PostgresDatabase, number: int) -> None:
    """End a connection from the server's side, and wait until it is gone."""
    other = await database.connect()
    try:
        await other.execute("SELECT pg_terminate_backend($1)", number)
        while await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", number):
            await asyncio.sleep(0.01)
    finally:
        await other.close()


async def test_brief_read_begins_no_transaction(database: PostgresDatabase) -> None:
    async def is_in_transaction(tx: Any) -> bool:
        return tx.raw.is_in_transaction()

    assert not await database.read_briefly(is_in_transaction)
    assert await database.read(is_in_transaction)


# --- lost connections ------------------------------------------------------------------------------------------------


async def test_brief_read_is_retried_when_its_connection_is_lost(database: PostgresDatabase) -> None:
    attempts: list[int] = []

    async def work(tx: Transaction) -> int:
        attempts.append(await pid(tx))
        if len(attempts) == 1:
            await kill(database, attempts[0])
        return await pid(tx)

    assert await database.read_briefly(work) == attempts[1] != attempts[0]


async def test_unit_is_retried_when_its_connection_is_lost(database: PostgresDatabase) -> None:
    attempts: list[int] = []

    async def work(tx: Transaction) -> str:
        attempts.append(await pid(tx))
        await store.meta.add(tx, [{"key": str(len(attempts)), "value": "x"}])
        if len(attempts) == 1:
            await kill(database, attempts[0])
        await store.meta.add(tx, [{"key": "end", "value": "x"}])
        return "done"

    assert await database.write(work) == "done"
    assert (len(attempts), await keys(database)) == (2, ["2", "end"])


class LosesCommit:
    """Has the connection of a COMMIT end before or after the server got it, once."""

    def __init__(self, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
        self._database = database
        self._after = after
        self._execute = asyncpg.Connection.execute
        self.lost = 0
        monkeypatch.setattr(asyncpg.Connection, "execute", lambda raw, *statement: self.execute(raw, *statement))

    async def execute(self, raw: Any, *statement: Any) -> str:
        if self.lost or statement != ("COMMIT",):
            return await self._execute(raw, *statement)
        self.lost = raw.get_server_pid()
        if self._after:
            await self._execute(raw, *statement)
        await kill(self._database, self.lost)
        raise ConnectionResetError("the answer to COMMIT was lost")


@pytest.mark.parametrize("after", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("by_verb", [True, False], ids=["verb", "statement"])
async def test_commit_is_applied_once_when_its_response_is_lost(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, after: bool, by_verb: bool
) -> None:
    loses = LosesCommit(database, monkeypatch, after)
    attempts: list[int] = []

    async def work(tx: Transaction) -> int:
        attempts.append(await pid(tx))
        await store.meta.change(tx, [{"key": "missing", "value": ""}], ["value"])  # which changes nothing
        if by_verb:
            await store.meta.add(tx, [{"key": str(len(attempts)), "value": ""}])
        else:
            await tx.run(Sql("INSERT INTO meta (key, value) VALUES (?, '')", (str(len(attempts)),)))
        return len(attempts)

    outcome = await database.write(work)
    assert loses.lost == attempts[0]
    assert await keys(database) == [str(outcome)]
    assert outcome == (1 if after else 2)


async def test_reused_transaction_id_after_a_crash_is_not_taken_for_a_commit(own: Postgres) -> None:
    database = PostgresDatabase(own.create("test"), retry_timeout=10)
    await database.open()

    async def find_identity(tx: Any) -> TransactionIdentity:
        await store.meta.put(tx, {"key": "a", "value": "x"})
        return tx.identity

    identity = await database.write(find_identity)
    assert identity.number is not None
    assert await database._was_committed(identity)
    await asyncio.to_thread(own.stop)  # an orderly end loses nothing, and what was said stays true
    await asyncio.to_thread(own.start)
    assert await database._retry(lambda: database._was_committed(identity))
    await asyncio.to_thread(own.stop, signal.SIGQUIT)
    await asyncio.to_thread(own.start)
    with pytest.raises(StoreUnavailable, match="crashed during a commit, and it is not known"):
        await database._retry(lambda: database._was_committed(identity))
    await database.close()


async def test_restart_under_load_raises_for_no_caller(own: Postgres) -> None:
    database = PostgresDatabase(own.create("test"), connections=4)
    await database.open()
    done: list[str] = []
    stop = asyncio.Event()

    async def caller(name: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            key = f"{name}-{number}"

            async def work(tx: Transaction, key: str = key) -> None:
                await tx.run(Sql("INSERT INTO meta (key, value) VALUES (?, '')", (key,)))

            await database.write(work)
            done.append(key)
            assert await database.read(lambda tx, key=key: store.meta.get(tx, key))

    callers = [asyncio.create_task(caller(name)) for name in range(8)]

    async def until(count: int) -> None:
        async with asyncio.timeout(60):
            while len(done) < count and not any(task.done() for task in callers):
                await asyncio.sleep(0.01)

    for how in (signal.SIGINT, signal.SIGINT):
        await until(len(done) + 200)
        await asyncio.to_thread(own.stop, how)
        await asyncio.to_thread(own.start)
    await until(len(done) + 200)
    stop.set()
    await asyncio.gather(*callers)
    assert sorted(done) == sorted(await keys(database))
    await database.close()


async def test_unreachable_server_is_reported_after_the_retry_timeout(own: Postgres) -> None:
    database = PostgresDatabase(own.create("test"), retry_timeout=0.3)
    await database.open()
    await asyncio.to_thread(own.stop)
    for transact in (database.read, database.write):
        with pytest.raises(StoreUnavailable, match=r"'127.0.0.1:\d+/test' cannot be reached .*: check that"):
            await transact(lambda tx: store.meta.count(tx))
    await database.close()


# --- others in the way -----------------------------------------------------------------------------------------------


async def test_deadlocked_units_are_both_committed(database: PostgresDatabase) -> None:
    await database.write(lambda tx: store.meta.add(tx, [{"key": key, "value": "0"} for key in "ab"]))
    both = asyncio.Barrier(2)
    attempts: list[str] = []

    def crossing(order: str) -> Any:
        async def work(tx: Transaction) -> None:
            attempts.append(order)
            await tx.run(Sql("UPDATE meta SET value = value || 'x' WHERE key = ?", (order[0],)))
            if len(attempts) <= 2:
                await both.wait()
            await tx.run(Sql("UPDATE meta SET value = value || 'x' WHERE key = ?", (order[1],)))

        return work

    await asyncio.gather(database.write(crossing("ab")), database.write(crossing("ba")))
    rows = await database.read(lambda tx: store.meta.find(tx))
    assert {row["value"] for row in rows} == {"0xx"}
    assert len(attempts) == 3


async def test_lock_timeout_is_reported_as_busy(database: PostgresDatabase, postgres_url: str) -> None:
    hasty = PostgresDatabase(postgres_url, retry_timeout=0.2, options={"server_settings": {"lock_timeout": "50ms"}})
    await hasty.open()
    await database.write(lambda tx: store.meta.add(tx, [{"key": "a", "value": "0"}]))
    async with database.writing() as tx:
        await store.meta.get(tx, "a", lock=True)
        with pytest.raises(StoreBusy, match=r"busy .*lock timeout"):
            await hasty.write(lambda tx: store.meta.get(tx, "a", lock=True))
    assert await hasty.write(lambda tx: store.meta.get(tx, "a", lock=True))
    await hasty.close()


async def test_statement_timeout_of_the_server_is_reported_as_busy(
    database: PostgresDatabase, postgres_url: str
) -> None:
    hasty = PostgresDatabase(postgres_url, options={"server_settings": {"statement_timeout": "500ms"}})
    await hasty.open()
    with pytest.raises(StoreBusy, match="took too long"):
        await hasty.read(lambda tx: tx.fetch(Sql("SELECT pg_sleep(10)")))
    assert await hasty.read(lambda tx: store.meta.count(tx)) == 0
    await hasty.close()


async def test_command_timeout_of_the_client_is_reported_as_busy(database: PostgresDatabase, postgres_url: str) -> None:
    hasty = PostgresDatabase(postgres_url, options={"command_timeout": 0.5})
    await hasty.open()
    with pytest.raises(StoreBusy, match="took too long"):
        await hasty.write(lambda tx: tx.fetch(Sql("SELECT pg_sleep(10)")))
    assert await hasty.write(lambda tx: store.meta.count(tx)) == 0
    await hasty.close()


async def test_concurrent_use_of_a_transaction_raises_immediately(
    database: PostgresDatabase,
) -> None:
    async def work(tx: Transaction) -> None:
        await asyncio.gather(tx.fetch(Sql("SELECT pg_sleep(0.01)")), tx.fetch(Sql("SELECT 1")))

    with pytest.raises(asyncpg.InterfaceError, match="another operation is in progress"):
        await database.read(work)


async def test_pool_is_complete_after_a_cancelled_commit(database: PostgresDatabase) -> None:
    for turn in range(40):
        task = asyncio.create_task(
            database.write(lambda tx, turn=turn: store.meta.add(tx, [{"key": f"{turn:02}", "value": "x"}]))
        )
        for _ in range(turn):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(*(database.write(lambda tx: store.meta.count(tx)) for _ in range(20)))
    assert (len(database._used), database._free._value if database._free else 0) == (0, 5)
    assert not any(raw.is_closed() or raw.is_in_transaction() for _, raw in database._idle)


async def test_pool_timeout_is_reported_as_busy(postgres_url: str) -> None:
    hasty = PostgresDatabase(postgres_url, connections=1, retry_timeout=0.1)
    await hasty.open()
    async with hasty.reading():
        with pytest.raises(StoreBusy, match="All 1 connections"):
            await hasty.read(lambda tx: store.meta.count(tx))
    assert await hasty.read(lambda tx: store.meta.count(tx)) == 0
    await hasty.close()


async def test_idle_connections_are_closed(database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.gather(*(database.read(lambda tx: tx.fetch(Sql("SELECT pg_sleep(0.01)"))) for _ in range(5)))
    assert len(database._idle) == 5
    monkeypatch.setattr(module, "MAX_IDLE_SECONDS", 0)
    await database.read(lambda tx: store.meta.count(tx))
    assert len(database._idle) == 1


async def test_ignored_error_of_a_statement_is_not_taken_for_a_commit(database: PostgresDatabase) -> None:
    async def work(tx: Transaction) -> None:
        await store.meta.add(tx, [{"key": "a", "value": "x"}])
        with suppress(asyncpg.UndefinedTableError):
            await tx.fetch(Sql("SELECT * FROM missing"))

    with pytest.raises(StoreError, match="one of its statements had failed"):
        await database.write(work)
    assert await keys(database) == []


# --- statements ------------------------------------------------------------------------------------------------------


async def test_unit_that_changes_rows_makes_no_exchange_besides_its_statements(database: PostgresDatabase) -> None:
    statements: list[str] = []

    async def work(tx: Any) -> None:
        tx.raw.add_query_logger(lambda record: statements.append(record.query))
        await store.meta.add(tx, [{"key": "a", "value": "x"}])
        await store.meta.change(tx, [{"key": "a", "value": "y"}], ["value"])

    await database.write(work)
    before_commit = [statement for statement in statements if statement != "COMMIT"]
    assert [re.findall("INSERT|UPDATE", statement) for statement in before_commit] == [["INSERT"], ["UPDATE"]]


async def test_lists_of_any_length_share_a_prepared_statement(database: PostgresDatabase) -> None:
    await database.write(lambda tx: store.meta.add(tx, [{"key": str(number), "value": "x"} for number in range(300)]))

    async def work(tx: Transaction) -> int:
        for count in range(2, 300):
            found = await store.meta.find(tx, one_of("meta.key", [str(number) for number in range(count)]))
            assert len(found) == count
        text = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ANY%' AND statement NOT LIKE '%pg_%'"
        return (await tx.fetch(Sql(text)))[0][0]

    assert await database.read(work) == 1


async def test_prepared_statement_survives_a_schema_change(database: PostgresDatabase) -> None:
    await database.read(lambda tx: tx.fetch(Sql("SELECT * FROM meta")))
    other = await database.connect()
    await other.execute("ALTER TABLE meta ADD COLUMN more TEXT")
    await other.close()
    assert await database.read(lambda tx: tx.fetch(Sql("SELECT * FROM meta"))) == []
    assert await database.write(lambda tx: tx.run(Sql("DELETE FROM meta WHERE key IN (?*)", (Many("ab"),)))) == 0


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_notice_of_an_item_that_is_too_large_reports_that_items_were_missed() -> None:
    small, large = ("topic", "x" * 100), ("topic", "x" * 8000)
    payloads = list(module._split_notices("me", [small, large, small, *[("topic", "y" * 3000)] * 3]))
    assert all(len(payload) < 8000 for payload in payloads)
    items = [json.loads(payload)[1] for payload in payloads]
    assert [] in items
    assert sorted(text for sent in items for _, text in sent) == ["x" * 100] * 2 + ["y" * 3000] * 3


async def test_large_item_does_not_lose_the_others(database: PostgresDatabase, postgres_url: str) -> None:
    other = PostgresDatabase(postgres_url)
    await other.open()
    received: list[Notifications] = []
    complete = asyncio.Event()

    def listen(sent: Notifications) -> None:
        received.append(sent)
        if ("topic", "last") in sent:
            complete.set()

    async def notify(tx: Transaction) -> None:
        for item in ("first", "x" * 9000, "last"):
            tx.notify("topic", item)

    try:
        other.listen(listen)
        await other.await_listening()
        assert received == [[]]
        received.clear()
        await database.write(notify)
        await asyncio.wait_for(complete.wait(), 60)
        assert [item for sent in received for item in sent] == [("topic", "first"), ("topic", "last")]
        assert [] in received
    finally:
        await other.close()


async def test_listening_is_not_awaited_from_a_database_that_is_away() -> None:
    away = PostgresDatabase("postgresql://user@127.0.0.1:1/ours")
    away.listen(lambda _: None)
    async with asyncio.timeout(60):
        await away.await_listening()
    await away.close()


async def test_servers_notify_each_other_and_report_missed_notifications(
    database: PostgresDatabase, postgres_url: str
) -> None:
    other = PostgresDatabase(postgres_url)
    await other.open()
    received: list[Notifications] = []
    news = asyncio.Event()

    def listen(sent: Notifications) -> None:
        received.append(sent)
        news.set()

    async def next_one() -> Notifications:
        async with asyncio.timeout(60):
            while not received:
                news.clear()
                await news.wait()
        return received.pop(0)

    async def notify_probe(tx: Transaction, item: str) -> None:
        tx.notify("topic", item)

    other.listen(listen)
    assert await next_one() == []  # it listens: something may have been sent before
    await database.write(lambda tx: notify_probe(tx, "first"))
    assert await next_one() == [("topic", "first")]
    rows = await database.read(
        lambda tx: tx.fetch(
            Sql("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
        )
    )
    await kill(database, rows[0][0])
    await database.write(lambda tx: notify_probe(tx, "missed"))
    assert await next_one() == []
    await database.write(lambda tx: notify_probe(tx, "second"))
    assert await next_one() == [("topic", "second")]
    await other.write(lambda tx: notify_probe(tx, "own"))
    assert await next_one() == [("topic", "own")]
    items = [f"{number}-{'x' * 900}" for number in range(50)]

    async def notify_many(tx: Transaction) -> None:
        for item in items:
            tx.notify("topic", item)

    await database.write(notify_many)
    sent: Notifications = []
    while len(sent) < len(items):
        sent += await next_one()
    assert sent == [("topic", item) for item in items]  # in order, and its own but once
    await other.close()


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+asyncpg://a:p%40ss@h:5/n", "postgresql://a:p%40ss@h:5/n"),
        ("postgres://a@h/n", "postgresql://a@h/n"),
        ("postgresql+asyncpg://a@h/n?ssl=require", "postgresql://a@h/n?sslmode=require"),
        (
            "postgresql+asyncpg://a@/n?host=/run/pg&prepared_statement_cache_size=0",
            "postgresql://a@/n?host=%2Frun%2Fpg",
        ),
    ],
)
def test_sqlalchemy_urls_are_accepted(url: str, expected: str) -> None:
    assert module._asyncpg_url(url) == expected


def test_url_of_an_unsupported_database_is_refused() -> None:
    with pytest.raises(StoreUnavailable, match=r"begins with 'mysql\+aiomysql': name a database of"):
        PostgresDatabase("mysql+aiomysql://a@h/n")


async def test_missing_database_is_named(postgres: Postgres) -> None:
    with pytest.raises(StoreUnavailable, match='database "nowhere" does not exist'):
        await PostgresDatabase(postgres.url("nowhere")).open()
    with pytest.raises(StoreError, match="cannot be reached"):
        await PostgresDatabase("postgresql+asyncpg://a@127.0.0.1:x/n").open()
