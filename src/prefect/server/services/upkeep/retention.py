"""Remove what is old, a batch a call: each function returns how much it removed, or where the next batch begins.

Batches keep transactions short, so that other writers get their turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from prefect._lazy import lazy_from
from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.store.queries import automations, upkeep
from prefect.server.store.queries import events as event_queries
from prefect.server.store.queries.events import EventKey
from prefect.settings import get_current_settings
from prefect.types import now

if TYPE_CHECKING:
    from prefect.schemas import filters
    from prefect.server.services.runs.lifecycle import deletion
else:
    deletion, filters = lazy_from("prefect", "server.services.runs.lifecycle.deletion", "schemas.filters")

ORPHAN_MIN_AGE = timedelta(days=1)
"""The flow run of a row may arrive after it; when the row is this old it never will."""

LOCAL_PRUNE_BATCH_SIZE = 5000
"""Events, and dead letters, that are removed in one transaction from a store that no server opens."""

_RUN_COLLECTIONS = (store.task_runs, store.logs, store.artifacts, store.flow_run_inputs)

_FINAL_STATES = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


async def remove_events(
    tx: Transaction, limit: int, period: timedelta, own_periods: Mapping[str, timedelta], after: EventKey | None = None
) -> EventKey | None:
    """Remove a batch of old events.

    Args:
        tx: The transaction.
        limit: How many at most.
        period: How long events are kept.
        own_periods: How long those of certain names are kept instead.
        after: The result of the batch before.

    Returns:
        Where the next batch begins; None when there is nothing more to remove.
    """
    at = now()
    own_ends = {name: at - own_period for name, own_period in own_periods.items()}
    removed = await event_queries.remove_expired(tx, at - period, own_ends, after, limit)
    return removed[-1] if len(removed) == limit else None


async def prune_local_store(database: Database) -> None:
    """Remove a batch of old events, dead letters and firings from a store that no server may ever open."""
    server = get_current_settings().server
    vacuum, period = server.services.db_vacuum, server.events.retention_period
    own_periods = vacuum.event_retention_overrides
    end = now() - min([period, *own_periods.values()])
    if await database.read(lambda tx: event_queries.has_events_before(tx, end)):
        await database.write(lambda tx: remove_events(tx, LOCAL_PRUNE_BATCH_SIZE, period, own_periods))
    if await database.read(lambda tx: upkeep.has_older(tx, store.dead_letters, now() - vacuum.retention_period)):
        await database.write(lambda tx: remove_dead_letters(tx, LOCAL_PRUNE_BATCH_SIZE, vacuum.retention_period))
    if await database.read(lambda tx: upkeep.has_older(tx, store.event_queue, now() - period)):
        await database.write(lambda tx: remove_firings(tx, LOCAL_PRUNE_BATCH_SIZE, period))


async def remove_logs(tx: Transaction, limit: int, period: timedelta) -> int:
    """Remove logs that are older than a period."""
    return await upkeep.remove_older(tx, store.logs, now() - period, limit)


async def remove_dead_letters(tx: Transaction, limit: int, period: timedelta) -> int:
    """Remove dead letters that are older than a period: what they waited for has not come, or never could."""
    return await upkeep.remove_older(tx, store.dead_letters, now() - period, limit)


async def remove_firings(tx: Transaction, limit: int, period: timedelta) -> int:
    """Remove firings that are older than a period, and events that no server has evaluated for as long."""
    waiting = await upkeep.remove_older(tx, store.event_queue, now() - period, limit)
    return max(waiting, await automations.remove_old_firings(tx, now() - period, limit))


async def remove_flow_runs(tx: Transaction, limit: int, period: timedelta) -> int:
    """Remove flow runs that ended longer ago than a period, with what belongs to them."""
    ended = {"state": {"type": {"any_": _FINAL_STATES}}, "end_time": {"before_": now() - period}}
    return len(await deletion.remove_flow_runs(tx, limit, flow_runs=filters.FlowRunFilter.model_validate(ended)))


async def remove_lone_task_runs(tx: Transaction, limit: int, period: timedelta) -> int:
    """Remove task runs without a flow run that ended longer ago than a period, with what belongs to them."""
    return await deletion.remove_lone_task_runs(tx, now() - period, limit)


async def remove_orphans(tx: Transaction, limit: int) -> int:
    """Remove logs, artifacts, inputs and task runs whose run, or worker, does not exist any more."""
    end = now() - ORPHAN_MIN_AGE
    return sum([await upkeep.remove_orphans(tx, collection, end, limit) for collection in _RUN_COLLECTIONS])
