"""The loops: work that the server does by itself, again and again.

A `Loop` is a name, a pause and a function that does one round of its work. With several servers on one database, a loop
with `alone` is done by one of them at a time, which says so in the store until some time ahead; when it dies another
takes over then. A round that fails is logged and tried again after the pause: a loop never ends by itself.
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
    "scheduler",
    "foreman",
    "repossessor",
    "late_runs",
    "pauses",
    "cancellation",
    "zombies",
    "waiting_records",
    "retention",
)
"""The modules of this package that declare loops, each in `loops(settings)`."""


RESIGN_TIMEOUT_SECONDS = 2.0
"""Seconds in which a server that stops gives up its lead, or lets it run out."""


@dataclass(frozen=True)
class Environment:
    """What a round of a loop may use."""

    database: Database
    bus: Bus
    settings: Settings


@dataclass(frozen=True)
class Loop:
    """Something that is done again and again.

    Attributes:
        name: What it is called.
        round: Does it once.
        seconds: The pause between two rounds.
        enabled: Whether the settings want it.
        alone: Whether only one server does it at a time.
        topic: What is told on the bus when there is something to do before the pause is over.
        summary: What it is for, in a sentence.
    """

    name: str
    run_once: Callable[[Environment], Awaitable[None]]
    interval_seconds: float
    enabled: bool = True
    leader_only: bool = True
    topic: str | None = None
    summary: str = ""


def all_loops(settings: Settings) -> list[Loop]:
    """Every loop, as the settings have it."""
    return [loop for name in MODULES for loop in import_module(f"{__name__}.{name}").loops(settings)]


Observer = Callable[[str, float, bool], None]
"""Told after each round: the loop's name, how many seconds late it began, and whether it succeeded."""


class Loops:
    """The loops of a server, from `start` to `stop`."""

    def __init__(self, database: Database, bus: Bus, settings: Settings, observer: Observer | None = None) -> None:
        self.environment = Environment(database, bus, settings)
        self.owner = str(new_id())
        self._observer = observer
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, loops: Iterable[Loop] | None = None) -> None:
        """Begin the loops that the settings want."""
        chosen = all_loops(self.environment.settings) if loops is None else loops
        self._tasks = [asyncio.create_task(self._run(loop), name=loop.name) for loop in chosen if loop.enabled]

    async def stop(self) -> None:
        """End them, and let other servers take over at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(RESIGN_TIMEOUT_SECONDS):
                await self.environment.database.write(lambda tx: leadership.resign_leadership(tx, self.owner))
        except (TimeoutError, StoreError):
            logger.warning("The loops' lead could not be given up: others take over when it runs out")

    async def _run(self, loop: Loop) -> None:
        with self.environment.bus.subscribe(*([loop.topic] if loop.topic else [])) as news:
            due = time.monotonic()
            while True:
                begun = time.monotonic()
                succeeded = await self._attempt(loop)
                if self._observer is not None:
                    self._observer(loop.name, begun - due, succeeded)
                # Not quite regular, so that servers do not keep step.
                pause = loop.interval_seconds * (0.95 + 0.1 * random.random())
                due = time.monotonic() + pause
                try:
                    await asyncio.wait_for(news.take(), pause)
                    due = time.monotonic()
                except TimeoutError:
                    pass

    async def _attempt(self, loop: Loop) -> bool:
        try:
            if not loop.leader_only or await self._leads(loop):
                await loop.run_once(self.environment)
            return True
        except (StoreBusy, StoreUnavailable) as error:  # which says what is wrong, and needs no traceback
            logger.error(
                "A round of the loop %s failed; it is tried again in %g s. %s", loop.name, loop.interval_seconds, error
            )
            return False
        except Exception:
            logger.exception(
                "A round of the loop %s failed; it is tried again in %g s", loop.name, loop.interval_seconds
            )
            return False

    async def _leads(self, loop: Loop) -> bool:
        length = timedelta(seconds=max(3 * loop.interval_seconds, 15))

        async def claim(tx: Transaction) -> bool:
            return await leadership.claim_leadership(tx, loop.name, self.owner, length)

        return await self.environment.database.write(claim)
