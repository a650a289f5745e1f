"""Sets the state Crashed on flow runs whose process sends no heartbeats any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prefect.schemas import liveness
from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.runs.liveness import heartbeat_intervals, zombies
from prefect.types import now

if TYPE_CHECKING:
    from prefect.settings import Settings


MAX_ROUND_GAP = timedelta(seconds=3 * liveness.SWEEP_INTERVAL_SECONDS)
"""A longer time without a round means that no server ran, or that the database was unavailable."""


def loops(settings: Settings) -> list[Loop]:
    """Return the loop that finds zombies."""
    summary = "Gives a Crashed state to flow runs whose process sends no heartbeats any more"
    return [Loop("Zombies", ZombieWatch().run_once, liveness.SWEEP_INTERVAL_SECONDS, summary=summary)]


class ZombieWatch:
    """Finds zombies once living processes have had time to send the heartbeats that no server has received.

    Leases also expire while no server runs.
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
        received_for = at - self._receiving_since - MAX_ROUND_GAP
        if received_for.total_seconds() <= liveness.CLIENT_RETRY_SECONDS:
            return
        # Clients that send events do not send them again, so that one may come as late as the next interval.
        if received_for > heartbeat_intervals.event_interval() or not await environment.database.read(
            heartbeat_intervals.expects_event_heartbeats
        ):
            await crash_zombies(environment)


async def crash_zombies(environment: Environment) -> None:
    """Crash all runs whose lease has expired."""
    await drain(environment, zombies.crash_zombies, zombies.SWEEP_BATCH_SIZE)
