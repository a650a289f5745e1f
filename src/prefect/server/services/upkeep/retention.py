"""Removing what is old, some of it at a time: each function removes a batch and says how many that were.

Batches keep transactions short, so that whoever writes meanwhile gets a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from prefect._lazy import lazy
from prefect.server import store
from prefect.server.db.dialect import to_micros
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.sql import Sql, all_of, any_of, none_of, one_of
from prefect.server.services.events.event_store import EventKey
from prefect.server.store.filters.events import NAME
from prefect.server.store.queries import events as event_queries
from prefect.settings import get_current_settings
from prefect.types import now

if TYPE_CHECKING:
    from prefect.schemas import filters
    from prefect.server.services.runs import deletion
else:
    filters = lazy("prefect.schemas.filters")
    deletion = lazy("prefect.server.services.runs.deletion")

ORPHAN_MIN_AGE = timedelta(days=1)
"""What belongs to nothing may belong to a run that is yet to come; not any more when it is as old as this."""

_FINAL_STATES = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


async def remove_events(
    tx: Transaction, limit: int, period: timedelta, own_periods: Mapping[str, timedelta], after: EventKey | None = None
) -> EventKey | None:
    """Remove old events.

    Args:
        tx: The transaction.
        limit: How many at most.
        period: How long events are kept.
        own_periods: How long those of certain names are kept instead.
        after: What an earlier batch returned.

    Returns:
        Where the next batch begins; None when there is nothing more to remove.
    """
    at = now()
    old = any_of(
        [
            all_of([Sql("event.occurred < ?", (at - period,)), none_of(NAME, list(own_periods))]),
            *(Sql(f"(event.occurred < ? AND {NAME} = ?)", (at - kept, name)) for name, kept in own_periods.items()),
        ]
    )
    # Says less, but so that only the rows before a time are looked at.
    where = [old, Sql("event.occurred < ?", (at - min([period, *own_periods.values()]),))]
    if after is not None:
        where.append(Sql("(event.occurred, event.id) > (?, ?)", after))
    rows = await store.events.find(tx, all_of(where), "event.occurred, event.id", limit, columns=("occurred", "id"))
    keys: list[EventKey] = [(row["occurred"], row["id"]) for row in rows]
    if keys:
        await store.events.remove(tx, event_queries.keys(tx, keys))
    return keys[-1] if len(keys) == limit else None


LOCAL_PRUNE_BATCH_SIZE = 5000
"""Events that are removed at once where no server does it."""


async def prune_local_events(database: Database) -> None:
    """Remove some old events from a store that no server may ever open."""
    told = get_current_settings().server
    period, own_periods = told.events.retention_period, told.services.db_vacuum.event_retention_overrides
    old = Sql("event.occurred < ?", (now() - min([period, *own_periods.values()]),))
    if await database.read(lambda tx: store.events.find(tx, old, limit=1, columns=["id"])):
        await database.write(lambda tx: remove_events(tx, LOCAL_PRUNE_BATCH_SIZE, period, own_periods))


async def remove_logs(tx: Transaction, limit: int, period: timedelta) -> int:
    """Remove logs that are older than a period."""
    return await _remove(tx, store.logs, _made_before(store.logs, now() - period), limit)


async def remove_flow_runs(tx: Transaction, limit: int, period: timedelta) -> int:
    """Remove flow runs that ended longer ago than a period, with what belongs to them."""
    over = {"state": {"type": {"any_": _FINAL_STATES}}, "end_time": {"before_": now() - period}}
    return len(await deletion.remove_flow_runs(tx, limit, flow_runs=filters.FlowRunFilter.model_validate(over)))


async def remove_orphans(tx: Transaction, limit: int) -> int:
    """Remove logs, inputs and task runs of flow runs that do not exist any more."""
    removed = 0
    for collection in (store.logs, store.flow_run_inputs, store.task_runs):
        name = collection.table.name
        alone = Sql(
            f"{name}.flow_run_id IS NOT NULL"
            f" AND NOT EXISTS (SELECT 1 FROM flow_run WHERE flow_run.id = {name}.flow_run_id)"
        )
        removed += await _remove(
            tx, collection, all_of([alone, _made_before(collection, now() - ORPHAN_MIN_AGE)]), limit
        )
    return removed


def _made_before(collection: store.Collection, time: datetime) -> Sql:
    """Rows that are older than a time; their ids say so, which are indexed."""
    return Sql(f"{collection.table.name}.id < ?", (UUID(int=(to_micros(time) // 1000) << 80),))


async def _remove(tx: Transaction, collection: store.Collection, where: Sql, limit: int) -> int:
    id_ = f"{collection.table.name}.id"
    rows = await collection.find(tx, where, id_, limit, columns=["id"])
    return await collection.remove(tx, one_of(id_, [row["id"] for row in rows])) if rows else 0
