"""The bus: who is told what, and what happens to those who do not keep up."""

from __future__ import annotations

import asyncio

import pytest

from prefect.server import bus
from prefect.server.bus import Bus


async def test_subscription_receives_its_topics_in_order() -> None:
    told = Bus()
    with told.subscribe("a", "b") as news:
        told.deliver([("a", 1), ("c", 2), ("b", 3), ("a", 4)])
        assert await news.take() == [1, 3, 4]
        assert not news.take_missed()
        assert told.has_subscribers("a") and not told.has_subscribers("c")
        waiting = asyncio.create_task(news.take())
        await asyncio.sleep(0)
        told.deliver([("b", 5)])
        assert await waiting == [5]
    assert not told.has_subscribers("a")


async def test_slow_subscription_is_marked_missed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "MAX_WAITING_ITEMS", 2)
    told = Bus()
    with told.subscribe("a") as slow, told.subscribe("a") as quick:
        told.deliver([("a", 1), ("a", 2)])
        assert await quick.take() == [1, 2]
        told.deliver([("a", 3)])
        assert await quick.take() == [3] and not quick.take_missed()
        assert await slow.take() == [1, 2]
        assert slow.take_missed() and not slow.take_missed()


async def test_empty_notification_marks_all_subscriptions_missed() -> None:
    told = Bus()
    with told.subscribe("a") as one, told.subscribe("b", "c") as other:
        told.deliver([])
        for news in (one, other):
            assert await news.take() == [] and news.take_missed()


async def test_read_once_shares_one_read() -> None:
    told = Bus()
    reads = 0
    may_end = asyncio.Event()

    async def read() -> int:
        nonlocal reads
        reads += 1
        await may_end.wait()
        return reads

    first, second = (asyncio.create_task(told.read_once("item", read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    may_end.set()
    assert await second == 1
    assert await told.read_once("item", read) == 1
    for number in range(bus.MAX_CACHED_READS):
        await told.read_once(number, read)
    assert await told.read_once("item", read) == reads > bus.MAX_CACHED_READS


async def test_read_once_retries_after_a_failure() -> None:
    told = Bus()

    async def fails() -> None:
        raise ValueError

    async def succeeds() -> int:
        return 1

    with pytest.raises(ValueError):
        await told.read_once("item", fails)
    assert await told.read_once("item", succeeds) == 1
