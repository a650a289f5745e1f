"""Set workers without heartbeats offline, and pools, queues and deployments that no worker polls not ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.work import liveness

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """Return the loop of the setting `server.services.foreman`."""
    foreman = settings.server.services.foreman
    summary = "Sets workers without heartbeats offline, and work pools, queues and deployments without polls not ready."
    return [Loop("foreman", mark_silent, foreman.loop_seconds, foreman.enabled, summary=summary)]


async def mark_silent(environment: Environment) -> None:
    """Update the status of all workers, work pools, work queues and deployments."""
    foreman = environment.settings.server.services.foreman
    await environment.database.write(lambda tx: liveness.mark_silent_workers(tx, foreman))
    for sweep in (liveness.mark_silent_queues, liveness.mark_silent_deployments):
        await drain(environment, lambda tx, sweep=sweep: sweep(tx, foreman), liveness.SWEEP_BATCH_SIZE)
