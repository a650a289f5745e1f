"""The bus: which subscribers receive which items, and what happens to slow ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from prefect.server import bus
from prefect.server.bus import Bus
from prefect.server.db.interface import Transaction
from prefect.server.db.sqlite.writer import SqliteWriterDatabase


async def test_subscription_receives_its_topics_in_order() -> None:
    shared_bus = Bus()
    with shared_bus.subscribe("a", "b") as news:
        shared_bus.deliver([("a", 1), ("c", 2), ("b", 3), ("a", 4)])
        assert await news.take() == [1, 3, 4]
        assert not news.take_missed()
        assert shared_bus.has_subscribers("a") and not shared_bus.has_subscribers("c")
        waiting = asyncio.create_task(news.take())
        await asyncio.sleep(0)
        shared_bus.deliver([("b", 5)])
        assert await waiting == [5]
    assert not shared_bus.has_subscribers("a")


async def test_slow_subscription_is_marked_missed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "MAX_WAITING_ITEMS", 2)
    shared_bus = Bus()
    with shared_bus.subscribe("a") as slow, shared_bus.subscribe("a") as quick:
        shared_bus.deliver([("a", 1), ("a", 2)])
        assert await quick.take() == [1, 2]
        shared_bus.deliver([("a", 3)])
        assert await quick.take() == [3] and not quick.take_missed()
        assert await slow.take() == [1, 2]
        assert slow.take_missed() and not slow.take_missed()


async def test_empty_notification_marks_all_subscriptions_missed() -> None:
    shared_bus = Bus()
    with shared_bus.subscribe("a") as one, shared_bus.subscribe("b", "c") as other:
        shared_bus.deliver([])
        for news in (one, other):
            assert await news.take() == [] and news.take_missed()


async def test_commit_wakes_the_event_loop_only_for_topics_with_subscribers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = SqliteWriterDatabase(tmp_path / "store.db")
    await database.open()
    shared_bus = Bus()
    shared_bus.start(database)
    delivered: list[Any] = []
    monkeypatch.setattr(shared_bus, "deliver", delivered.append)

    async def write(tx: Transaction) -> None:
        tx.notify("a", 1)
        tx.notify("b", 2)

    await database.write(write)
    with shared_bus.subscribe("b"):
        await database.write(write)
    await database.close()
    assert delivered == [[("b", 2)]]


async def test_read_once_shares_one_read() -> None:
    shared_bus = Bus()
    reads = 0
    may_end = asyncio.Event()

    async def read() -> int:
        nonlocal reads
        reads += 1
        await may_end.wait()
        return reads

    first, second = (asyncio.create_task(shared_bus.read_once("item", read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    may_end.set()
    assert await second == 1
    assert await shared_bus.read_once("item", read) == 1
    for number in range(bus.MAX_CACHED_READS):
        await shared_bus.read_once(number, read)
    assert await shared_bus.read_once("item", read) == reads > bus.MAX_CACHED_READS


async def test_read_once_retries_after_a_failure() -> None:
    shared_bus = Bus()

    async def fails() -> None:
        raise ValueError

    async def succeeds() -> int:
        return 1

    with pytest.raises(ValueError):
        await shared_bus.read_once("item", fails)
    assert await shared_bus.read_once("item", succeeds) == 1
