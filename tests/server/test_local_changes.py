"""Waiting for changes of a local store: who is woken, and who looks into the file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect._io import drive
from prefect.server import local_changes, store
from prefect.server.db.interface import Transaction
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.local_changes import LocalChanges
from prefect.server.routes.core.operation import Waiting

SECONDS = 60.0


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    return SqliteDatabase(tmp_path / "store.db")


@pytest.fixture
def changes(database: SqliteDatabase) -> LocalChanges:
    async def never(tx: Transaction) -> bool:
        return False

    async def nothing() -> None:
        raise AssertionError

    async def one(tx: Transaction) -> int:
        return 1

    return LocalChanges(database, database.path, never, nothing, one)


class Waiter:
    """A thread that waits until a row is there, and how often it has looked."""

    def __init__(self, changes: LocalChanges, key: str, is_woken: bool) -> None:
        self.looked = threading.Semaphore(0)
        self.key = key
        waiting = Waiting(f"topic:{key}", SECONDS, self.is_ready, self.pass_on, self.pass_on, is_woken=is_woken)
        self.thread = threading.Thread(target=lambda: drive(changes.wait(waiting)))
        self.thread.start()
        self.looked.acquire(timeout=SECONDS)  # it waits now

    async def is_ready(self, tx: Transaction) -> bool:
        self.looked.release()
        return await store.meta.get(tx, self.key) is not None

    async def pass_on(self, tx: Transaction) -> None:
        raise AssertionError

    @property
    def waits(self) -> bool:
        self.thread.join(0)
        return self.thread.is_alive()


@pytest.fixture
def waiters(changes: LocalChanges, database: SqliteDatabase) -> Iterator[dict[str, Waiter]]:
    waiters = {key: Waiter(changes, key, is_woken=True) for key in ("a", "b")}
    yield waiters
    for waiter in waiters.values():
        drive(database.write(lambda tx, key=waiter.key: notify(tx, f"topic:{key}")))
        waiter.thread.join(SECONDS)


async def notify(tx: Transaction, topic: str) -> None:
    tx.notify(topic)


async def put(tx: Transaction, key: str) -> None:
    await store.meta.put(tx, {"key": key, "value": ""})


def test_notification_wakes_only_waiters_of_its_topic(waiters: dict[str, Waiter], database: SqliteDatabase) -> None:
    drive(database.write(lambda tx: notify(tx, "topic:a")))
    waiters["a"].thread.join(SECONDS)
    assert not waiters["a"].waits
    assert waiters["b"].waits


def test_change_of_another_process_is_noticed_without_a_wakeup(
    waiters: dict[str, Waiter], database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_changes, "WOKEN_POLL_INTERVAL_SECONDS", 0.05)
    drive(database.write(lambda tx: put(tx, "b")))  # as another process would: it notifies nobody here
    waiters["b"].thread.join(SECONDS)
    assert not waiters["b"].waits
    assert waiters["a"].waits


def test_waiter_reads_when_the_file_has_changed(changes: LocalChanges, database: SqliteDatabase) -> None:
    waiter = Waiter(changes, "c", is_woken=False)
    drive(database.write(lambda tx: put(tx, "c")))
    waiter.thread.join(SECONDS)
    assert not waiter.waits


def test_threads_take_turns_to_lock_the_file(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    take, inside, most = SqliteDatabase._take_write_lock, [0], [0]

    async def count(self: SqliteDatabase, connection: object) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        await take(self, connection)  # pyright: ignore[reportArgumentType]
        inside[0] -= 1

    monkeypatch.setattr(SqliteDatabase, "_take_write_lock", count)
    threads = [
        threading.Thread(target=lambda n=n: drive(database.write(lambda tx: put(tx, str(n))))) for n in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert most == [1]
    assert drive(database.read(lambda tx: store.meta.count(tx))) == 40
