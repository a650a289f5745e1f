"""Gives a Crashed state to flow runs whose process sends no heartbeats any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.runs import heartbeats, zombies
from prefect.types import now

if TYPE_CHECKING:
    from prefect.settings import Settings


SWEEP_INTERVAL_SECONDS = 10.0

MAX_ROUND_GAP = timedelta(seconds=3 * SWEEP_INTERVAL_SECONDS)
"""A longer time without a round means that no server ran, or that the database was unavailable."""


def loops(settings: Settings) -> list[Loop]:
    """Return the loop that finds zombies."""
    summary = "Gives a Crashed state to flow runs whose process sends no heartbeats any more"
    return [Loop("Zombies", ZombieWatch().run_once, SWEEP_INTERVAL_SECONDS, summary=summary)]


class ZombieWatch:
    """Finds zombies once the server has received heartbeats for longer than the interval between two of them.

    Leases also expire while no server runs that could receive heartbeats.
    """

    def __init__(self) -> None:
        self._receiving_since: datetime | None = None
        self._last_round: datetime | None = None

    async def run_once(self, environment: Environment) -> None:
        """Crash zombies, unless heartbeats have not been received for long enough."""
        at = now()
        if self._receiving_since is None or self._last_round is None or at - self._last_round > MAX_ROUND_GAP:
            self._receiving_since = at
        self._last_round = at
        if at - self._receiving_since > heartbeats.default_interval() + MAX_ROUND_GAP:
            await crash_zombies(environment)


async def crash_zombies(environment: Environment) -> None:
    """Crash all runs whose lease has expired."""
    await drain(environment, zombies.crash_zombies, zombies.SWEEP_BATCH_SIZE)
