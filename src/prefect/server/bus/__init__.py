"""The bus: committed transactions tell it what changed, and it wakes whoever waits for that.

An item says only that something changed and which: its reader asks the store for it. With PostgreSQL the servers hear
of each other's transactions; a SQLite file has one server.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.server.db.connection import Database, Told

WAITING = 10_000
"""Items that may wait for a subscriber; one that falls further behind loses them and is told so."""


class Subscription:
    """What a subscriber has been told and has not taken yet."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._news = asyncio.Event()
        self.lost = False
        """Some items were dropped or missed: whoever needs all of them must look into the store."""

    def put(self, item: Any) -> None:
        if len(self._items) >= WAITING:
            self.lost = True
        else:
            self._items.append(item)
        self._news.set()

    def miss(self) -> None:
        """Have it look into the store, as items may have been missed."""
        self.lost = True
        self._news.set()

    async def take(self) -> list[Any]:
        """All items that wait, as soon as there is one."""
        await self._news.wait()
        self._news.clear()
        items, self._items = self._items, []
        return items


class Bus:
    """Where subscribers of this server hear of what any server committed."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscription]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, database: Database) -> None:
        """Begin to hear from a database that is open."""
        self._loop = asyncio.get_running_loop()
        database.listen(self._hear)

    def _hear(self, told: Told) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.deliver, told)

    def deliver(self, told: Told) -> None:
        """Give items to their subscribers; none at all says that some may have been missed."""
        if not told:
            for subscription in {one for those in self._subscribers.values() for one in those}:
                subscription.miss()
        for topic, item in told:
            for subscription in self._subscribers.get(topic, ()):
                subscription.put(item)

    def wanted(self, topic: str) -> bool:
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
