"""Removes old events, logs and dead letters, and, where the settings enable it, flow runs that ended long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.upkeep import retention

if TYPE_CHECKING:
    from prefect.settings import Settings


def loops(settings: Settings) -> list[Loop]:
    """Return the loops that remove old objects."""
    vacuum = settings.server.services.db_vacuum
    kinds = vacuum.enabled_vacuum_types
    return [
        Loop(
            "EventRetention",
            remove_events,
            vacuum.loop_seconds,
            "events" in kinds,
            summary="Removes events that are older than events.retention_period",
        ),
        Loop(
            "FiringRetention",
            remove_firings,
            vacuum.loop_seconds,
            "events" in kinds,
            summary="Removes firings of automations that are older than events.retention_period",
        ),
        Loop(
            "LogRetention",
            remove_logs,
            vacuum.loop_seconds,
            "events" in kinds,
            summary="Removes logs that are older than db_vacuum.retention_period",
        ),
        Loop(
            "DeadLetterRetention",
            remove_dead_letters,
            vacuum.loop_seconds,
            "events" in kinds,
            summary="Removes dead letters that are older than db_vacuum.retention_period",
        ),
        Loop(
            "FlowRunRetention",
            remove_flow_runs,
            vacuum.loop_seconds,
            "flow_runs" in kinds,
            summary="Removes runs that ended longer ago than db_vacuum.retention_period, with all that belongs to them",
        ),
        Loop(
            "Orphans",
            remove_orphans,
            vacuum.orphan_cleanup_loop_seconds,
            "orphans" in kinds,
            summary="Removes logs, artifacts, inputs and task runs whose run or worker was removed",
        ),
    ]


async def remove_events(environment: Environment) -> None:
    """Remove all events that are too old."""
    settings = environment.settings.server
    vacuum, period = settings.services.db_vacuum, settings.events.retention_period
    after = None
    while True:
        after = await environment.database.write(
            lambda tx, after=after: retention.remove_events(
                tx, vacuum.batch_size, period, vacuum.event_retention_overrides, after
            )
        )
        if after is None:
            return


async def remove_firings(environment: Environment) -> None:
    """Remove all firings that are too old."""
    settings = environment.settings.server
    size, period = settings.services.db_vacuum.batch_size, settings.events.retention_period
    await drain(environment, lambda tx: retention.remove_firings(tx, size, period), size)


async def remove_logs(environment: Environment) -> None:
    """Remove all logs that are too old."""
    vacuum = environment.settings.server.services.db_vacuum
    size, period = vacuum.batch_size, vacuum.retention_period
    await drain(environment, lambda tx: retention.remove_logs(tx, size, period), size)


async def remove_dead_letters(environment: Environment) -> None:
    """Remove all dead letters that are too old."""
    vacuum = environment.settings.server.services.db_vacuum
    size, period = vacuum.batch_size, vacuum.retention_period
    await drain(environment, lambda tx: retention.remove_dead_letters(tx, size, period), size)


async def remove_flow_runs(environment: Environment) -> None:
    """Remove all runs that ended too long ago."""
    vacuum = environment.settings.server.services.db_vacuum
    size, period = vacuum.batch_size, vacuum.retention_period
    await drain(environment, lambda tx: retention.remove_flow_runs(tx, size, period), size)
    await drain(environment, lambda tx: retention.remove_lone_task_runs(tx, size, period), size)


async def remove_orphans(environment: Environment) -> None:
    """Remove all objects of flow runs that do not exist any more."""
    size = environment.settings.server.services.db_vacuum.batch_size
    await drain(environment, lambda tx: retention.remove_orphans(tx, size), size)
