"""Creates flow runs ahead of time, from the schedules of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.deployments import scheduling
from prefect.server.services.deployments.horizon import Horizon

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """Return the scheduler. A changed deployment starts a round, so the interval may be long."""
    scheduler = settings.server.services.scheduler
    return [
        Loop(
            "scheduler",
            create_scheduled_runs,
            scheduler.loop_seconds,
            scheduler.enabled,
            topic=scheduling.DEPLOYMENTS_TOPIC,
            summary="Creates flow runs ahead of time, from the schedules of deployments.",
        )
    ]


async def create_scheduled_runs(environment: Environment) -> None:
    """Create the runs of every schedule that is due for a check, for a batch of deployments in a transaction."""
    scheduler = environment.settings.server.services.scheduler
    horizon = Horizon.from_settings(environment.settings)
    plans = scheduling.Plans()
    ids = await environment.database.read(scheduling.find_due_deployments)
    for start in range(0, len(ids), scheduler.deployment_batch_size):
        batch = ids[start : start + scheduler.deployment_batch_size]
        await environment.database.write_in_background(
            lambda tx, batch=batch: scheduling.create_scheduled_runs(
                tx, batch, horizon, scheduler.insert_batch_size, plans=plans
            )
        )
