"""Notices which workers fell silent, and which pools, queues and deployments nobody serves any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.work import liveness

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """The foreman."""
    told = settings.server.services.foreman
    return [
        Loop(
            "foreman",
            mark_silent,
            told.loop_seconds,
            told.enabled,
            summary="Notices which workers fell silent, and what nobody serves any more.",
        )
    ]


async def mark_silent(environment: Environment) -> None:
    """Look at all of them, some in a transaction."""
    told = environment.settings.server.services.foreman
    write = environment.database.write
    await write(lambda tx: liveness.mark_silent_workers(tx, told))
    for look in (liveness.mark_silent_queues, liveness.mark_silent_deployments):
        while await write(lambda tx, look=look: look(tx, told)) == liveness.SWEEP_BATCH_SIZE:
            pass
