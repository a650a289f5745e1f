"""Flow runs have crashed whose process fell silent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.runs import heartbeats, zombies
from prefect.types import now

if TYPE_CHECKING:
    from prefect.settings import Settings


SWEEP_INTERVAL_SECONDS = 10.0
"""Seconds between two rounds."""

MAX_ROUND_GAP = timedelta(seconds=3 * SWEEP_INTERVAL_SECONDS)
"""So long without a round means that no server ran, or its database was away."""


def loops(settings: Settings) -> list[Loop]:
    """The loop that looks for runs without a process."""
    summary = "Gives a Crashed state to flow runs whose process fell silent"
    return [Loop("Zombies", ZombieWatch().run_once, SWEEP_INTERVAL_SECONDS, summary=summary)]


class ZombieWatch:
    """Finds silent runs once it has listened for so long that whoever is alive has said so.

    Leases also run out while no heartbeat can be heard.
    """

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._last: datetime | None = None

    async def run_once(self, environment: Environment) -> None:
        """Crash silent runs, unless it has not listened for long enough to know of any."""
        at = now()
        if self._since is None or self._last is None or at - self._last > MAX_ROUND_GAP:
            self._since = at
        self._last = at
        if at - self._since > heartbeats.default_interval() + MAX_ROUND_GAP:
            await crash_zombies(environment)


async def crash_zombies(environment: Environment) -> None:
    """Crash all runs whose lease ran out."""
    while await environment.database.write(zombies.crash_zombies) >= zombies.SWEEP_BATCH_SIZE:
        pass
