"""The resident SQLite file: shared commits, others that lock it, a full disk, and two processes on one file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from prefect._io import drive
from prefect.server import store
from prefect.server.db.errors import StoreBusy, StoreUnavailable
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql
from prefect.server.db.sqlite import writer
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.db.sqlite.writer import SqliteWriterDatabase

NORMAL, FULL = 1, 2
"""Values of SQLite's `synchronous`."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteWriterDatabase]:
    database = SqliteWriterDatabase(tmp_path / "store.db")
    await database.open()
    yield database
    await database.close()


async def put(database: SqliteDatabase, key: str, value: str = "x") -> None:
    await database.write(lambda tx: store.meta.put(tx, {"key": key, "value": value}))


async def count(database: SqliteDatabase) -> int:
    return await database.read(lambda tx: store.meta.count(tx))


async def test_queued_units_share_a_commit(database: SqliteWriterDatabase) -> None:
    commits: list[str] = []
    await put(database, "first")
    for connection in database._opened:
        connection._raw.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    await asyncio.gather(*(put(database, str(number)) for number in range(300)))
    assert await count(database) == 301
    assert len(commits) < 30


async def read_synchronous(tx: Transaction) -> int:
    return (await tx.fetch(Sql("PRAGMA synchronous")))[0][0]


@pytest.mark.parametrize("kind", [SqliteDatabase, SqliteWriterDatabase])
async def test_only_durable_units_have_the_disk_flushed(tmp_path: Path, kind: type[SqliteDatabase]) -> None:
    database = kind(tmp_path / "store.db")
    await database.open()
    units = [database.write(read_synchronous, durable=number % 3 == 0) for number in range(60)]
    levels = await asyncio.gather(*units)
    assert set(levels[::3]) == {FULL}
    assert [await database.write(read_synchronous, durable) for durable in (False, True, False)] == [
        NORMAL,
        FULL,
        NORMAL,
    ]
    await database.close()


async def test_writer_waits_for_the_lock_of_another_process(database: SqliteWriterDatabase) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        queued = [asyncio.ensure_future(put(database, str(number))) for number in range(50)]
        await asyncio.sleep(0)
        assert await count(database) == 0  # whoever reads does not wait
        release = threading.Timer(1.0, other.execute, ("COMMIT",))
        release.start()
        await asyncio.gather(*queued)
        release.join()
    assert await count(database) == 50


async def test_all_queued_units_fail_after_the_write_timeout(tmp_path: Path) -> None:
    database = SqliteWriterDatabase(tmp_path / "store.db", write_timeout=0.2)
    await database.open()
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes = await asyncio.gather(*(put(database, str(number)) for number in range(50)), return_exceptions=True)
        other.execute("ROLLBACK")
    assert {type(outcome) for outcome in outcomes} == {StoreBusy}
    await put(database, "a")
    assert await count(database) == 1
    await database.close()


def limit_disk(database: SqliteWriterDatabase) -> None:
    """Leave room for three more pages."""
    for connection in database._opened:
        pages = connection._raw.execute("PRAGMA page_count").fetchone()[0]
        connection._raw.execute(f"PRAGMA max_page_count = {pages + 3}")


async def fill(tx: Transaction) -> None:
    """Write more than three pages."""
    await store.meta.add(tx, [{"key": f"big-{number}", "value": "x" * 4000} for number in range(50)])


async def test_full_disk_fails_only_the_unit_that_fills_it(database: SqliteWriterDatabase) -> None:
    await put(database, "first")
    limit_disk(database)

    async def small(tx: Transaction) -> None:
        await store.meta.add(tx, [{"key": "small", "value": "x"}])

    large, little = await asyncio.gather(database.write(fill), database.write(small), return_exceptions=True)
    assert isinstance(large, StoreUnavailable) and "full" in str(large)
    assert little is None
    assert await count(database) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
async def test_read_only_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await put(SqliteDatabase(path), "a")
    path.chmod(0o400)
    database = SqliteWriterDatabase(path)
    await database.open()
    with pytest.raises(StoreUnavailable, match="readonly"):
        await put(database, "b")
    assert await count(database) == 1
    await database.close()


PROGRAM = """
import asyncio, sys
from pathlib import Path
from prefect.server import store
from prefect.server.db.sqlite.writer import SqliteWriterDatabase

async def main(path, name):
    database = SqliteWriterDatabase(Path(path))
    await database.open()
    print("open", flush=True)
    sys.stdin.readline()

    async def add_one(tx):
        found = await store.meta.get(tx, "count", lock=True)
        await store.meta.put(tx, {"key": "count", "value": str(int(found["value"] if found else 0) + 1)})

    for _ in range(20):
        await asyncio.gather(*(database.write(add_one) for _ in range(10)))
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_two_processes_share_a_file(database: SqliteWriterDatabase) -> None:
    command = [sys.executable, "-c", PROGRAM, str(database.path)]
    started = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    for process in started:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "open\n"
    for process in started:
        process.communicate("go\n", timeout=50)
        assert process.returncode == 0
    found = await database.read(lambda tx: store.meta.get(tx, "count"))
    assert found is not None and found["value"] == "400"


async def test_local_program_writes_next_to_a_busy_server(database: SqliteWriterDatabase) -> None:
    stop = asyncio.Event()

    async def load() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            await put(database, "busy", str(number))
        return number

    callers = [asyncio.create_task(load()) for _ in range(20)]
    concurrent_work = SqliteDatabase(database.path)
    for number in range(20):
        await put(concurrent_work, f"beside-{number}")
    stop.set()
    assert min(await asyncio.gather(*callers)) > 0
    assert await count(database) == 21


async def test_writer_survives_a_closed_event_loop(tmp_path: Path) -> None:
    database = SqliteWriterDatabase(tmp_path / "store.db")
    await database.open()
    reached = threading.Event()
    go = threading.Event()

    async def slow(tx: Transaction) -> None:
        await store.meta.put(tx, {"key": "slow", "value": "x"})
        reached.set()
        go.wait(10)

    def in_a_loop_of_its_own() -> None:
        loop = asyncio.new_event_loop()
        task = loop.create_task(database.write(slow))
        while not reached.is_set():
            loop.run_until_complete(asyncio.sleep(0.001))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=in_a_loop_of_its_own)
    thread.start()
    await asyncio.to_thread(thread.join)
    go.set()
    await put(database, "after")
    assert await count(database) == 2
    await database.close()


async def read_in(database: SqliteWriterDatabase, rows: int) -> list[threading.Thread]:
    """Read so many rows, which are made up, and return the threads in which that was begun."""
    threads: list[threading.Thread] = []

    async def read(tx: Transaction) -> int:
        threads.append(threading.current_thread())
        numbers = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
        return (await tx.fetch(Sql(f"{numbers} SELECT count(*) FROM number", (rows,))))[0][0]

    assert await database.read_briefly(read) == rows
    return threads


async def test_brief_read_stays_in_the_thread_of_its_caller(
    database: SqliteWriterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IN_PLACE_SECONDS", 60.0)
    assert await read_in(database, 10) == [threading.current_thread()]


async def test_brief_read_that_takes_long_is_begun_anew_in_another_thread(
    database: SqliteWriterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IN_PLACE_SECONDS", -1.0)
    here, there = await read_in(database, 20_000)
    assert here is threading.current_thread() and there is not here
    monkeypatch.setattr(writer, "IN_PLACE_SECONDS", 60.0)
    assert await read_in(database, 20_000) == [here]


async def put_briefly(database: SqliteWriterDatabase, key: str = "a") -> list[threading.Thread]:
    """Add a row, and return the threads in which that was begun."""
    threads: list[threading.Thread] = []

    async def work(tx: Transaction) -> None:
        threads.append(threading.current_thread())
        assert await read_synchronous(tx) == FULL
        await store.meta.add(tx, [{"key": key, "value": "x"}])
        numbers = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20000)"
        await tx.fetch(Sql(f"{numbers} SELECT count(*) FROM number"))
        tx.notify("added", key)

    await database.write_briefly(work)
    return threads


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is done in the thread of the event loop take as long as it does on a busy machine."""
    monkeypatch.setattr(writer, "IN_PLACE_SECONDS", 60.0)
    monkeypatch.setattr(writer, "MAX_COMMIT_IN_PLACE_SECONDS", 60.0)


@pytest.mark.usefixtures("unhurried")
async def test_brief_write_that_is_alone_stays_in_the_thread_of_its_caller(database: SqliteWriterDatabase) -> None:
    notified: list[object] = []
    database.listen(notified.extend)
    assert await put_briefly(database, "a") == await put_briefly(database, "b") == [threading.current_thread()]
    assert notified == [("added", "a"), ("added", "b")]
    with closing(sqlite3.connect(database.path)) as other:
        assert other.execute("SELECT count(*) FROM meta").fetchone() == (2,)


@pytest.mark.usefixtures("unhurried")
async def test_brief_writes_at_the_same_time_share_a_commit(database: SqliteWriterDatabase) -> None:
    threads = await asyncio.gather(*(put_briefly(database, str(number)) for number in range(50)))
    assert await count(database) == 50
    assert {thread for begun in threads for thread in begun} == {database._writer}


@pytest.mark.usefixtures("unhurried")
async def test_brief_write_that_takes_long_is_begun_anew_in_the_writer_thread(
    database: SqliteWriterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IN_PLACE_SECONDS", -1.0)
    assert await put_briefly(database) == [threading.current_thread(), database._writer]
    assert await count(database) == 1


async def test_brief_write_goes_to_the_writer_thread_when_the_disk_is_slow(
    database: SqliteWriterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_COMMIT_IN_PLACE_SECONDS", 0.0)
    assert await put_briefly(database) == [database._writer]


@pytest.mark.parametrize("brief", [True, False])
async def test_brief_background_work_is_done_in_the_thread_of_the_event_loop(
    database: SqliteWriterDatabase, brief: bool
) -> None:
    threads: list[threading.Thread | None] = []

    async def write(tx: Transaction) -> None:
        threads.append(threading.current_thread())
        await store.meta.put(tx, {"key": "a", "value": "x"})

    await database.write_in_background(write, brief)
    assert threads == [threading.current_thread() if brief else database._writer]
    assert await count(database) == 1


async def test_durability_is_set_for_each_commit_in_the_thread_of_the_event_loop(
    database: SqliteWriterDatabase,
) -> None:
    async def read_pragma(tx: Transaction) -> int:
        return (await tx.fetch(Sql("PRAGMA synchronous")))[0][0]

    full, normal = 2, 1
    for _ in range(2):
        assert await database.write_in_background(read_pragma, brief=True) == normal
        assert await database.write_briefly(read_pragma) == full


async def test_commit_that_does_not_wait_for_the_disk_does_not_say_that_it_is_fast(
    database: SqliteWriterDatabase,
) -> None:
    database._commit_seconds = 1.0
    await database.write_in_background(lambda tx: tx.run(Sql("DELETE FROM variable")))
    assert await put_briefly(database) == [database._writer]


@pytest.mark.usefixtures("unhurried")
async def test_brief_write_waits_for_the_lock_of_another_process_in_the_writer_thread(
    database: SqliteWriterDatabase,
) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(put_briefly(database))
        while not database._requests:
            await asyncio.sleep(0)
        assert await count(database) == 0  # whoever reads does not wait
        other.execute("COMMIT")
    assert await writing == [database._writer]


@pytest.mark.usefixtures("unhurried")
async def test_brief_write_that_fails_leaves_nothing(database: SqliteWriterDatabase) -> None:
    async def fail(tx: Transaction) -> None:
        await store.meta.add(tx, [{"key": "a", "value": "x"}])
        raise LookupError("a")

    with pytest.raises(LookupError):
        await database.write_briefly(fail)
    assert await count(database) == 0
    assert await put_briefly(database) == [threading.current_thread()]


@pytest.mark.usefixtures("unhurried")
async def test_brief_write_is_refused_when_the_disk_is_full(database: SqliteWriterDatabase) -> None:
    await put_briefly(database, "first")
    limit_disk(database)
    with pytest.raises(StoreUnavailable, match="full"):
        await database.write_briefly(fill)
    assert await count(database) == 1
    await put_briefly(database, "second")
    assert await count(database) == 2


@pytest.mark.usefixtures("unhurried")
async def test_long_log_is_copied_into_the_file_when_all_writes_are_brief(
    database: SqliteWriterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(writer, "COMMITS_IN_PLACE", 10)
    log = database.path.with_name("store.db-wal")
    sizes: list[int] = []
    for number in range(100):
        await put_briefly(database, str(number))
        sizes.append(log.stat().st_size)
    assert sizes[-1] == sizes[len(sizes) // 2]


@pytest.mark.parametrize("brief", [False, True])
@pytest.mark.usefixtures("unhurried")
async def test_nested_unit_is_refused(database: SqliteWriterDatabase, brief: bool) -> None:
    async def outer(tx: Transaction) -> None:
        await put(database, "inner")

    with pytest.raises(RuntimeError, match="cannot begin another"):
        await (database.write_briefly(outer) if brief else database.write(outer))
    assert await count(database) == 0


def test_writer_serves_code_without_an_event_loop(tmp_path: Path) -> None:
    database = SqliteWriterDatabase(tmp_path / "store.db")
    drive(database.open())
    drive(put(database, "a"))
    assert drive(count(database)) == 1
    drive(database.close())


async def test_background_work_lets_requests_go_first(
    database: SqliteWriterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    async def read(tx: Transaction) -> None:
        begun.set()
        go_on.wait()
        order.append("request")

    async def write(tx: Transaction) -> None:
        order.append("background")

    monkeypatch.setattr(writer, "MAX_DEFERRAL_SECONDS", 60.0)
    reading = asyncio.create_task(database.read(read))
    await asyncio.to_thread(begun.wait)
    writing = asyncio.create_task(database.write_in_background(write))
    await put(database, "other")  # a request that writes does not wait for it
    go_on.set()
    await asyncio.gather(reading, writing)
    assert order == ["request", "background"]


async def test_background_work_has_its_turn_on_a_busy_server(
    database: SqliteWriterDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def read(tx: Transaction) -> None:
        begun.set()
        go_on.wait()

    monkeypatch.setattr(writer, "MAX_DEFERRAL_SECONDS", 0.0)
    reading = asyncio.create_task(database.read(read))
    await asyncio.to_thread(begun.wait)
    await database.write_in_background(lambda tx: store.meta.put(tx, {"key": "a", "value": "x"}))
    go_on.set()
    await reading
    assert await count(database) == 1
