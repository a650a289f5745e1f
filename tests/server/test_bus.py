"""The bus: who is told what, and what happens to those who do not keep up."""

from __future__ import annotations

import asyncio

import pytest

from prefect.server import bus
from prefect.server.bus import Bus


async def test_a_subscriber_is_told_of_its_topics_in_order() -> None:
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


async def test_one_who_falls_behind_is_told_once_that_something_was_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "MAX_WAITING_ITEMS", 2)
    told = Bus()
    with told.subscribe("a") as slow, told.subscribe("a") as quick:
        told.deliver([("a", 1), ("a", 2)])
        assert await quick.take() == [1, 2]
        told.deliver([("a", 3)])
        assert await quick.take() == [3] and not quick.take_missed()
        assert await slow.take() == [1, 2]
        assert slow.take_missed() and not slow.take_missed()


async def test_all_are_woken_when_the_database_could_not_be_heard() -> None:
    told = Bus()
    with told.subscribe("a") as one, told.subscribe("b", "c") as other:
        told.deliver([])
        for news in (one, other):
            assert await news.take() == [] and news.take_missed()


async def test_what_is_read_for_an_item_is_read_once() -> None:
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


async def test_a_read_that_failed_is_tried_again() -> None:
    told = Bus()

    async def fails() -> None:
        raise ValueError

    async def succeeds() -> int:
        return 1

    with pytest.raises(ValueError):
        await told.read_once("item", fails)
    assert await told.read_once("item", succeeds) == 1
