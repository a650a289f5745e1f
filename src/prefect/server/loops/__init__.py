"""Loops: background work that the server repeats at an interval.

A `Loop` is a name, an interval and a function that does one round of the work. Of several servers on one database, only
the leader of a loop with `leader_only` runs it. The leader claims the loop in the store for some time ahead; when it
dies, another server takes over after that time. A round that fails is logged and repeated after the interval: a loop
never ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from prefect.server.bus import Bus
from prefect.server.db.errors import StoreBusy, StoreError, StoreUnavailable
from prefect.server.db.interface import Database, Transaction
from prefect.server.services.upkeep import leadership
from prefect.types import new_id

if TYPE_CHECKING:
    from prefect.settings import Settings

logger = logging.getLogger("prefect.server.loops")

MODULES: tuple[str, ...] = (
    "journal",
    "scheduler",
    "sweeps",
    "zombies",
    "retention",
    "automations",
    "bulk_jobs",
)
"""The modules of this package that declare loops, each in `loops(settings)`."""


RESIGN_TIMEOUT_SECONDS = 2.0
"""Seconds in which a server that stops gives up its leadership; otherwise it expires."""


@dataclass(frozen=True)
class Environment:
    """The database, the bus and the settings that a round of a loop uses."""

    database: Database
    bus: Bus
    settings: Settings


@dataclass(frozen=True)
class Loop:
    """Work that the server repeats.

    Attributes:
        name: The name of the loop.
        run_once: The function that does one round.
        interval_seconds: The pause between two rounds.
        enabled: Whether the settings enable it.
        leader_only: Whether only one server at a time runs it.
        topic: The topic of notifications that start a round before the interval has passed.
        summary: A sentence for users about what it does.
        close: Called when the loop is stopped, to end what its rounds began.
    """

    name: str
    run_once: Callable[[Environment], Awaitable[None]]
    interval_seconds: float
    enabled: bool = True
    leader_only: bool = True
    topic: str | None = None
    summary: str = ""
    close: Callable[[], Awaitable[None]] | None = None


def all_loops(settings: Settings) -> list[Loop]:
    """Return every loop, configured by the settings."""
    return [loop for name in MODULES for loop in import_module(f"{__name__}.{name}").loops(settings)]


async def drain(environment: Environment, sweep: Callable[[Transaction], Awaitable[int]], batch_size: int) -> None:
    """Repeat a sweep, each time in a new transaction, until nothing is left.

    Args:
        environment: Where the database is.
        sweep: Handles a batch of rows and returns how many there were.
        batch_size: The number of rows in a full batch, after which there may be more.
    """
    while await environment.database.write(sweep) >= batch_size:
        pass


Observer = Callable[[str, float, bool], None]
"""Called after each round with the loop's name, how many seconds late the round began, and whether it succeeded."""


class Loops:
    """Runs the loops of a server, from `start` to `stop`."""

    def __init__(self, database: Database, bus: Bus, settings: Settings, observer: Observer | None = None) -> None:
        self.environment = Environment(database, bus, settings)
        self.owner = leadership.describe_owner(new_id())
        self._observer = observer
        self._tasks: list[asyncio.Task[None]] = []
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._leads_until: dict[str, float] = {}

    def start(self, loops: Iterable[Loop] | None = None) -> None:
        """Start the enabled loops."""
        chosen = [loop for loop in (all_loops(self.environment.settings) if loops is None else loops) if loop.enabled]
        self._closers = [loop.close for loop in chosen if loop.close is not None]
        self._tasks = [asyncio.create_task(self._run(loop), name=loop.name) for loop in chosen]

    async def stop(self) -> None:
        """Stop the loops, and give up their leadership so that other servers take over immediately."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for close in self._closers:
            await close()
        try:
            async with asyncio.timeout(RESIGN_TIMEOUT_SECONDS):
                await self.environment.database.write(lambda tx: leadership.resign_leadership(tx, self.owner))
        except (TimeoutError, StoreError):
            logger.warning("The leadership of the loops could not be released: other servers take over when it expires")

    async def _run(self, loop: Loop) -> None:
        with self.environment.bus.subscribe(*([loop.topic] if loop.topic else [])) as news:
            due = time.monotonic()
            while True:
                started = time.monotonic()
                succeeded = await self._attempt(loop)
                if self._observer is not None:
                    self._observer(loop.name, started - due, succeeded)
                # Jitter, so that servers do not run in step.
                pause = loop.interval_seconds * (0.95 + 0.1 * random.random())
                due = time.monotonic() + pause
                try:
                    async with asyncio.timeout(pause):
                        await news.take()
                    due = time.monotonic()
                except TimeoutError:
                    pass

    async def _attempt(self, loop: Loop) -> bool:
        try:
            if not loop.leader_only or await self._is_leader(loop):
                await loop.run_once(self.environment)
            return True
        except (StoreBusy, StoreUnavailable) as error:  # its message is enough, without a traceback
            logger.error(
                "A round of the loop %s failed; it is tried again in %g s. %s", loop.name, loop.interval_seconds, error
            )
            return False
        except Exception:
            logger.exception(
                "A round of the loop %s failed; it is tried again in %g s", loop.name, loop.interval_seconds
            )
            return False

    async def _is_leader(self, loop: Loop) -> bool:
        duration = max(3 * loop.interval_seconds, 15.0)
        at = time.monotonic()
        if self._leads_until.get(loop.name, at) - at > duration / 2:
            return True  # rounds that notifications start may be many a second

        async def claim(tx: Transaction) -> bool:
            return await leadership.claim_leadership(tx, loop.name, self.owner, timedelta(seconds=duration))

        leads = await self.environment.database.write(claim)
        if leads:
            self._leads_until[loop.name] = at + duration
        else:
            self._leads_until.pop(loop.name, None)
        return leads
