"""Queries about automations: which are enabled, events to evaluate, windows that are over, and jobs that are due."""

from __future__ import annotations

from collections.abc import Collection as Values
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from prefect.server import store
from prefect.server.db.dialect import Dialect
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, none_of
from prefect.server.db.times import to_micros
from prefect.server.store.collection import Row

_ENABLED = Sql("automation.enabled")
"""The same text as the condition of the partial index."""


def enabled_revision(dialect: Dialect) -> str:
    """Return the expression of a text that is another one when other automations are enabled, or one has changed.

    It is null when there are none, and that of no automations while events are held for others, whichever these are.
    """
    return f"""
        CASE WHEN EXISTS (SELECT 1 FROM held_event) THEN 'events are held'
        ELSE (SELECT count(*) || ' ' || max({dialect.micros("updated")}) FROM automation WHERE {_ENABLED.text}) END"""


async def find_versions(tx: Transaction) -> dict[UUID, datetime]:
    """Return when each enabled automation was changed, by id."""
    rows = await store.automations.find(tx, _ENABLED, columns=["id", "updated"])
    return {row["id"]: row["updated"] for row in rows}


def describe_revision(versions: Mapping[UUID, datetime]) -> str | None:
    """Return the revision of automations that were changed at these times, if no events are held."""
    return f"{len(versions)} {to_micros(max(versions.values()))}" if versions else None


async def lock_queued_events(tx: Transaction, limit: int) -> list[Row]:
    """Return the next rows of the queue of events, locked."""
    return await store.event_queue.find(tx, order=store.event_queue.by_key, limit=limit, lock=True)


async def lock_held_events(tx: Transaction, limit: int) -> list[Row]:
    """Return events that wait for the one that they follow, oldest first, locked."""
    return await store.held_events.find(tx, order=store.held_events.order("occurred", "id"), limit=limit, lock=True)


async def lock_due_buckets(tx: Transaction, at: datetime, limit: int) -> list[Row]:
    """Return buckets that are due, longest due first, locked."""
    order = store.buckets.order("due", "id")
    return await store.buckets.find(tx, Sql("bucket.due <= ?", (at,)), order, limit, lock=True)


async def find_open_windows(tx: Transaction, at: datetime) -> list[Row]:
    """Return the buckets whose windows end after a time, locked."""
    where = Sql("bucket.due > ? AND bucket.until > ?", (at, at))
    return await store.buckets.find(tx, where, store.buckets.by_key, lock=True)


async def find_due_jobs(tx: Transaction, at: datetime, limit: int, without_automations: Values[UUID]) -> list[UUID]:
    """Return the ids of jobs that are due, longest due first.

    Args:
        tx: The transaction.
        at: The present.
        limit: How many at most.
        without_automations: Automations whose jobs are left out.
    """
    where = all_of([Sql("action_job.due <= ?", (at,)), none_of("action_job.automation_id", list(without_automations))])
    order = store.action_jobs.order("due", "id")
    return [row["id"] for row in await store.action_jobs.find(tx, where, order, limit, columns=["id"])]


async def release_jobs(tx: Transaction, owner: str, at: datetime) -> int:
    """Make jobs due that a server had begun which is not `owner`; return how many."""
    text = "UPDATE action_job SET owner = NULL, due = ? WHERE owner IS NOT NULL AND owner <> ?"
    return await tx.run(Sql(text, (at, owner)))


async def remove_old_firings(tx: Transaction, before: datetime, limit: int) -> int:
    """Remove firings from before a time, oldest first; return how many."""
    where, order = Sql("firing.created < ?", (before,)), store.firings.order("created", "id")
    rows = await store.firings.find(tx, where, order, limit, columns=["id"])
    return await store.firings.remove(tx, {"id": [row["id"] for row in rows]}) if rows else 0


async def remove_buckets(tx: Transaction, automation_id: UUID, kept: Values[UUID] = ()) -> None:
    """Remove what an automation remembers, except for some of its triggers."""
    where = all_of([Sql("bucket.automation_id = ?", (automation_id,)), none_of("bucket.trigger_id", list(kept))])
    await store.buckets.remove(tx, where)
