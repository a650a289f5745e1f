"""The bus: passes the notifications of committed transactions to their subscribers.

An item only names what changed: its subscriber reads it from the store. With PostgreSQL the servers get each other's
notifications; a SQLite file has one server. The bus never waits: a subscriber that falls behind, or all of them after a
lost connection, are marked as having missed items, and read the store.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect.server.db.interface import Database, Notifications

MAX_WAITING_ITEMS = 10_000
"""How many items may be queued for a subscriber; one that falls further behind misses some."""

MAX_CACHED_READS = 16
"""How many results of `read_once` are cached for subscribers that get to an item later."""


class Subscription:
    """The items that are queued for a subscriber."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._has_items = asyncio.Event()
        self._has_missed = False

    @property
    def depth(self) -> int:
        """The number of queued items."""
        return len(self._items)

    def put(self, item: Any) -> None:
        """Queue an item."""
        if len(self._items) >= MAX_WAITING_ITEMS:
            self.mark_missed()
        else:
            self._items.append(item)
            self._has_items.set()

    def mark_missed(self) -> None:
        """Mark that items may have been missed."""
        self._has_missed = True
        self._has_items.set()

    async def take(self) -> list[Any]:
        """Return all queued items, as soon as there is one or some were missed."""
        await self._has_items.wait()
        self._has_items.clear()
        items, self._items = self._items, []
        return items

    def take_missed(self) -> bool:
        """Return whether items were missed since the last call; then the store must be read."""
        missed, self._has_missed = self._has_missed, False
        return missed


class Bus:
    """The subscriptions of this server to the notifications of all servers."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[Subscription]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reads: dict[Any, asyncio.Task[Any]] = {}

    def start(self, database: Database) -> None:
        """Start listening to an open database."""
        self._loop = asyncio.get_running_loop()
        database.listen(self._receive)

    def _receive(self, notifications: Notifications) -> None:
        if notifications:
            # Whoever subscribes after this has yet to read the store, which has the change already.
            notifications = [each for each in notifications if each[0] in self._subscribers]
            if not notifications:
                return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.deliver, notifications)

    def deliver(self, notifications: Notifications) -> None:
        """Pass items to their subscribers; an empty list marks that some may have been missed."""
        for topic, item in notifications:
            for subscription in self._subscribers.get(topic, ()):
                subscription.put(item)
        if not notifications:
            for subscription in {each for subscribers in self._subscribers.values() for each in subscribers}:
                subscription.mark_missed()

    @property
    def depth(self) -> int:
        """The number of items that are queued for all subscribers."""
        return sum(subscription.depth for those in self._subscribers.values() for subscription in those)

    def has_subscribers(self, topic: str) -> bool:
        """Return whether a topic has subscribers here."""
        return bool(self._subscribers.get(topic))

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """Subscribe to topics for the duration of the block."""
        subscription = Subscription()
        for topic in topics:
            self._subscribers[topic].add(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._subscribers[topic].discard(subscription)
                if not self._subscribers[topic]:
                    del self._subscribers[topic]

    async def read_once(self, item: Any, read: Callable[[], Awaitable[Any]]) -> Any:
        """Return the result of `read` for an item; it is called once for all subscribers of the item."""
        task = self._reads.get(item)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._reads[item] = asyncio.ensure_future(read())  # pyright: ignore[reportArgumentType]  # coroutines
            while len(self._reads) > MAX_CACHED_READS:
                del self._reads[next(iter(self._reads))]
        return await asyncio.shield(task)
