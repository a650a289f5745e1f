"""Queries about events: by their keys, in order, counted by name, resource or time, and those that expired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.schema import tables
from prefect.server.db.sql import Sql, all_of, any_of, chunks, none_of, one_of
from prefect.server.store.collection import Condition, Order, Row
from prefect.server.store.filters.events import FLOW_RUN, KIND, NAME, TASK_RUN, restore_name
from prefect.server.store.queries import automations

EventKey: TypeAlias = tuple[datetime, UUID]
"""When an event occurred, and its id: rows are kept in this order."""


class EventCount(NamedTuple):
    """The number of events with a common value.

    Attributes:
        event: Their name, or the row of the last of them when they have their resource in common.
        number: How many they are.
        first: When the first of them occurred.
        last: When the last of them occurred.
    """

    event: Any
    number: int
    first: datetime
    last: datetime


async def add(tx: Transaction, rows: Sequence[Row]) -> tuple[int, str | None]:
    """Add events, and return how many were new, and the revision of the automations that may react to them.

    Hot path: one statement does both with PostgreSQL.
    """
    table = store.events.table
    encoded = tx.dialect.encode_rows(table, table.names, rows)
    return await tx.insert_and_ask(table, table.names, encoded, automations.enabled_revision(tx.dialect))


async def find_by_keys(tx: Transaction, keys: Sequence[EventKey]) -> list[Row]:
    """Return the events with these keys, in order."""
    rows = [row for some in chunks(keys) for row in await store.events.find(tx, _with_keys(tx, some))]
    return sorted(rows, key=lambda row: (row["occurred"], row["id"]))


async def find_times(tx: Transaction, ids: Sequence[UUID], since: datetime, until: datetime) -> dict[UUID, datetime]:
    """Return the times of the stored events among these that occurred between two times, by id."""
    found: dict[UUID, datetime] = {}
    for some in chunks(ids):
        where = all_of([Sql("event.occurred BETWEEN ? AND ?", (since, until)), one_of("event.id", some)])
        found |= {row["id"]: row["occurred"] for row in await store.events.find(tx, where, columns=["id", "occurred"])}
    return found


async def find_failed_actions(tx: Transaction, since: datetime, limit: int) -> list[Row]:
    """Return the events of actions that failed since a time, the latest first."""
    where = Sql(f"event.{tables.ACTION_FAILED} AND event.occurred >= ?", (since,))
    return await store.events.find(tx, where, Order("event.occurred DESC, event.id DESC"), limit)


async def find_after(
    tx: Transaction, where: Condition, after: EventKey | None, limit: int, *, descending: bool = False
) -> list[Row]:
    """Return the next events that satisfy a condition, in order.

    Args:
        tx: The transaction.
        where: The condition.
        after: The last key of what was read before; None to begin.
        limit: How many at most.
        descending: Order from the newest event to the oldest.
    """
    direction, sign = ("DESC", "<") if descending else ("ASC", ">")
    if after is not None:
        where = all_of([where, Sql(f"(event.occurred, event.id) {sign} (?, ?)", after)])
    return await store.events.find(tx, where, Order(f"event.occurred {direction}, event.id {direction}"), limit)


# --- counting --------------------------------------------------------------------------------------------------------


async def count(tx: Transaction, where: Condition) -> int:
    """Count the events that satisfy a condition."""
    return await store.events.count(tx, where)


async def count_by_name(tx: Transaction, where: Condition) -> list[EventCount]:
    """Count the events that satisfy a condition, by name."""
    text = f"SELECT {NAME} AS name, count(*), min(occurred), max(occurred) FROM event WHERE {where.text} GROUP BY name"
    rows = await tx.fetch(Sql(text, where.values))
    return [EventCount(name, count, *_decode_times(tx, first, last)) for name, count, first, last in rows]


async def count_by_resource(tx: Transaction, where: Condition) -> list[EventCount]:
    """Count the events that satisfy a condition, by resource."""
    names = tables.EVENT.names
    groups = (
        f"SELECT {KIND} AS kind, resource_id, count(*) AS count, min(occurred) AS first, max(occurred) AS last"
        f" FROM event WHERE {where.text} GROUP BY kind, resource_id"
    )
    text = (
        f"SELECT {', '.join(f'event.{name}' for name in names)}, found.count, found.first, found.last"
        f" FROM ({groups}) AS found JOIN event ON event.occurred = found.last AND {KIND} = found.kind"
        " AND event.resource_id IS NOT DISTINCT FROM found.resource_id"
    )
    rows = await tx.fetch(Sql(text, where.values))
    events = tx.dialect.decode_rows(tables.EVENT, names, (tuple(row)[: len(names)] for row in rows))
    size = len(names)
    # Two events of a resource may have occurred last.
    by_resource = {
        (restore_name(event["event"], event["resource"])[1], event["resource_id"]): (event, row)
        for event, row in zip(events, rows, strict=True)
    }
    return [
        EventCount(event, row[size], *_decode_times(tx, row[size + 1], row[size + 2]))
        for event, row in by_resource.values()
    ]


async def count_by_bucket(tx: Transaction, where: Condition, start: datetime, width: timedelta) -> dict[int, int]:
    """Count the events that satisfy a condition, by bucket of time; the one that begins at `start` is 0."""
    bucket = tx.dialect.bucket("event.occurred", start, width)
    text = f"SELECT {bucket.text} AS bucket, count(*) FROM event WHERE {where.text} GROUP BY bucket"
    return dict(await tx.fetch(Sql(text, (*bucket.values, *where.values))))


# --- retention -------------------------------------------------------------------------------------------------------


async def has_events_before(tx: Transaction, time: datetime) -> bool:
    """Return whether an event occurred before a time."""
    return bool(await store.events.find(tx, Sql("event.occurred < ?", (time,)), limit=1, columns=["id"]))


async def remove_expired(
    tx: Transaction, before: datetime, before_by_name: Mapping[str, datetime], after: EventKey | None, limit: int
) -> list[EventKey]:
    """Remove the next events that expired, oldest first, and return their keys.

    Args:
        tx: The transaction.
        before: Events that occurred earlier have expired.
        before_by_name: The same for events of certain names.
        after: The last key of the batch before; None to begin.
        limit: How many at most.
    """
    expired = any_of(
        [
            all_of([Sql("event.occurred < ?", (before,)), none_of(NAME, list(before_by_name))]),
            *(Sql(f"(event.occurred < ? AND {NAME} = ?)", (time, name)) for name, time in before_by_name.items()),
        ]
    )
    # Implied by the other condition, so that only the rows before a time are read.
    parts = [expired, Sql("event.occurred < ?", (max([before, *before_by_name.values()]),))]
    if after is not None:
        parts.append(Sql("(event.occurred, event.id) > (?, ?)", after))
    rows = await store.events.find(
        tx, all_of(parts), store.events.order("occurred", "id"), limit, columns=("occurred", "id")
    )
    keys: list[EventKey] = [(row["occurred"], row["id"]) for row in rows]
    if keys:
        await store.events.remove(tx, _with_keys(tx, keys))
    return keys


def _with_keys(tx: Transaction, keys: Sequence[EventKey]) -> Condition:
    return tx.dialect.rows_in(("event.occurred", "event.id"), keys)


def _decode_times(tx: Transaction, first: Any, last: Any) -> tuple[datetime, datetime]:
    return tx.dialect.decode("time", first), tx.dialect.decode("time", last)


async def find_run_events(tx: Transaction, keys: Sequence[EventKey]) -> list[Row]:
    """Return what rows of events say of runs, in the order of their times."""
    columns = ["occurred", "id", "event", "resource", "resource_id", "flow_run_id", "follows", "body"]
    found: list[Row] = []
    for some in chunks(keys):
        found += await store.events.find(tx, _with_keys(tx, some), columns=columns)
    return sorted(found, key=lambda row: (row["occurred"], row["id"]))


async def find_marks(tx: Transaction, flow_run_id: UUID, limit: int) -> list[Row]:
    """Return the newest events about a flow run that are not states or heartbeats of runs, oldest first."""
    own = Sql("event.event NOT LIKE ? AND event.event NOT LIKE ?", (f"{FLOW_RUN}.%", f"{TASK_RUN}.%"))
    where = all_of([Sql("event.flow_run_id = ? AND event.resource <> ''", (flow_run_id,)), own])
    columns = ["occurred", "id", "event", "resource"]
    return (await store.events.find(tx, where, store.events.order("-occurred", "-id"), limit, columns=columns))[::-1]
