"""The bus: committed transactions tell it what changed, and it wakes whoever waits for that.

An item says only that something changed and which: its reader asks the store for it. With PostgreSQL the servers hear
of each other's transactions; a SQLite file has one server. Nobody is waited for: a subscriber that falls behind, or all
of them while the database could not be heard, are told that they missed something, and look into the store.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect.server.db.interface import Database, Notifications

MAX_WAITING_ITEMS = 10_000
"""Items that may wait for a subscriber; one that falls further behind misses some."""

MAX_CACHED_READS = 16
"""Items of which it is remembered what was read, for the subscribers that come to them later."""


class Subscription:
    """What a subscriber has been told and has not taken yet."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._has_items = asyncio.Event()
        self._has_missed = False

    @property
    def depth(self) -> int:
        """How many items wait."""
        return len(self._items)

    def put(self, item: Any) -> None:
        """Tell it something."""
        if len(self._items) >= MAX_WAITING_ITEMS:
            self.mark_missed()
        else:
            self._items.append(item)
            self._has_items.set()

    def mark_missed(self) -> None:
        """Tell it that there may have been more than it was told."""
        self._has_missed = True
        self._has_items.set()

    async def take(self) -> list[Any]:
        """All items that wait, as soon as there is one or some were missed."""
        await self._has_items.wait()
        self._has_items.clear()
        items, self._items = self._items, []
        return items

    def take_missed(self) -> bool:
        """Whether something was missed since this was asked last: whoever needs all must look into the store."""
        missed, self._has_missed = self._has_missed, False
        return missed


class Bus:
    """Where subscribers of this server hear of what any server committed."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscription]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reads: dict[Any, asyncio.Task[Any]] = {}

    def start(self, database: Database) -> None:
        """Begin to hear from a database that is open."""
        self._loop = asyncio.get_running_loop()
        database.listen(self._receive)

    def _receive(self, told: Notifications) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.deliver, told)

    def deliver(self, told: Notifications) -> None:
        """Give items to their subscribers; without any, say that some may have been missed."""
        for topic, item in told:
            for subscription in self._subscribers.get(topic, ()):
                subscription.put(item)
        if not told:
            for subscription in {each for subscribers in self._subscribers.values() for each in subscribers}:
                subscription.mark_missed()

    @property
    def depth(self) -> int:
        """How many items wait for subscribers."""
        return sum(subscription.depth for those in self._subscribers.values() for subscription in those)

    def has_subscribers(self, topic: str) -> bool:
        """Whether anybody here listens."""
        return bool(self._subscribers.get(topic))

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """A subscription to topics, for as long as the block runs."""
        subscription = Subscription()
        for topic in topics:
            self._subscribers[topic].add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscribers[topic].discard(subscription)

    async def read_once(self, item: Any, read: Callable[[], Awaitable[Any]]) -> Any:
        """What `read` finds for an item, read once for all subscribers that were told of it."""
        task = self._reads.get(item)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._reads[item] = asyncio.ensure_future(read())  # pyright: ignore[reportArgumentType]  # coroutines
            while len(self._reads) > MAX_CACHED_READS:
                del self._reads[next(iter(self._reads))]
        return await asyncio.shield(task)
