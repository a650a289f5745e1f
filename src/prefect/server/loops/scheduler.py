"""Makes flow runs ahead of their time, from the schedules of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.deployments import scheduling
from prefect.server.services.deployments.horizon import Horizon

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """The scheduler. A deployment that changes wakes it, so it need not look often."""
    told = settings.server.services.scheduler
    return [
        Loop(
            "scheduler",
            create_scheduled_runs,
            told.loop_seconds,
            told.enabled,
            topic=scheduling.DEPLOYMENTS_TOPIC,
            summary="Makes flow runs ahead of their time, from the schedules of deployments.",
        )
    ]


async def create_scheduled_runs(environment: Environment) -> None:
    """Look once at every schedule that must be looked at, those of some deployments in a transaction."""
    told = environment.settings.server.services.scheduler
    horizon = Horizon.from_settings(environment.settings)
    ids = await environment.database.read(scheduling.find_due_deployments)
    for start in range(0, len(ids), told.deployment_batch_size):
        some = ids[start : start + told.deployment_batch_size]
        await environment.database.write(
            lambda tx, some=some: scheduling.create_scheduled_runs(tx, some, horizon, told.insert_batch_size)
        )
