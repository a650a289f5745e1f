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
            notice,
            told.loop_seconds,
            told.enabled,
            summary="Notices which workers fell silent, and what nobody serves any more.",
        )
    ]


async def notice(environment: Environment) -> None:
    """Look at all of them, some in a transaction."""
    told = environment.settings.server.services.foreman
    write = environment.database.write
    await write(lambda tx: liveness.notice_workers(tx, told))
    for look in (liveness.notice_queues, liveness.notice_deployments):
        while await write(lambda tx, look=look: look(tx, told)) == liveness.AT_ONCE:
            pass
