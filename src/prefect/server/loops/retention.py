"""What is old is removed: events and logs, and, where the settings want it, flow runs that ended long ago."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from prefect.server.db.interface import Transaction
from prefect.server.loops import Environment, Loop
from prefect.server.services.upkeep import retention

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """The loops that remove what is old, each where the settings want it."""
    told = settings.server.services.db_vacuum
    kinds = told.enabled_vacuum_types
    return [
        Loop(
            "EventRetention",
            remove_events,
            told.loop_seconds,
            "events" in kinds,
            summary="Removes events that are older than events.retention_period",
        ),
        Loop(
            "LogRetention",
            remove_logs,
            told.loop_seconds,
            "events" in kinds,
            summary="Removes logs that are older than db_vacuum.retention_period",
        ),
        Loop(
            "FlowRunRetention",
            remove_flow_runs,
            told.loop_seconds,
            "flow_runs" in kinds,
            summary="Removes flow runs that ended longer ago than db_vacuum.retention_period",
        ),
        Loop(
            "Orphans",
            remove_orphans,
            told.orphan_cleanup_loop_seconds,
            "orphans" in kinds,
            summary="Removes logs, inputs and task runs whose flow run was removed",
        ),
    ]


async def remove_events(environment: Environment) -> None:
    """Remove all events that are too old."""
    told = environment.settings.server
    vacuum, period = told.services.db_vacuum, told.events.retention_period
    after = None
    while True:
        after = await environment.database.write(
            lambda tx, after=after: retention.remove_events(
                tx, vacuum.batch_size, period, vacuum.event_retention_overrides, after
            )
        )
        if after is None:
            return


async def remove_logs(environment: Environment) -> None:
    """Remove all logs that are too old."""
    period = environment.settings.server.services.db_vacuum.retention_period
    await _until_none_is_left(environment, lambda tx, limit: retention.remove_logs(tx, limit, period))


async def remove_flow_runs(environment: Environment) -> None:
    """Remove all flow runs that ended too long ago."""
    period = environment.settings.server.services.db_vacuum.retention_period
    await _until_none_is_left(environment, lambda tx, limit: retention.remove_flow_runs(tx, limit, period))


async def remove_orphans(environment: Environment) -> None:
    """Remove all that belongs to flow runs which do not exist any more."""
    await _until_none_is_left(environment, retention.remove_orphans)


async def _until_none_is_left(environment: Environment, remove: Callable[[Transaction, int], Awaitable[int]]) -> None:
    limit = environment.settings.server.services.db_vacuum.batch_size
    while await environment.database.write(lambda tx: remove(tx, limit)):
        pass
