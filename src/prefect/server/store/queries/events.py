"""Queries about many events at once: how many there are, by what they say, of what, or when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from prefect.server.db import tables
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql
from prefect.server.store.collection import Row
from prefect.server.store.filters.events import KIND, NAME, restore_name


async def count_by_name(tx: Transaction, where: Sql) -> list[Row]:
    """For each name of events: `event`, `count`, and when the `first` and the `last` occurred."""
    text = f"SELECT {NAME} AS name, count(*), min(occurred), max(occurred) FROM event WHERE {where.text} GROUP BY name"
    rows = await tx.fetch(Sql(text, where.values))
    return [_with_times(tx, {"event": name, "count": count}, first, last) for name, count, first, last in rows]


async def count_by_resource(tx: Transaction, where: Sql) -> list[Row]:
    """For each resource, the row of its last event, with `count` and when the `first` and the `last` occurred."""
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
    found = {
        (restore_name(event["event"], event["resource"])[1], event["resource_id"]): (event, row)
        for event, row in zip(events, rows, strict=True)
    }
    return [
        _with_times(tx, {**event, "count": row[size]}, row[size + 1], row[size + 2]) for event, row in found.values()
    ]


async def count_by_bucket(tx: Transaction, where: Sql, start: datetime, length: timedelta) -> dict[int, int]:
    """How many events there are in each span of time that has any; the span that begins at `start` is 0."""
    span = tx.dialect.bucket("event.occurred", start, length)
    text = f"SELECT {span.text} AS span, count(*) FROM event WHERE {where.text} GROUP BY span"
    return dict(await tx.fetch(Sql(text, (*span.values, *where.values))))


def keys(tx: Transaction, found: Sequence[tuple[datetime, Any]]) -> Sql:
    """A condition: the event is one of those with these times and ids."""
    return tx.dialect.rows_in(("event.occurred", "event.id"), found)


def _with_times(tx: Transaction, row: Row, first: Any, last: Any) -> Row:
    return row | {"first": tx.dialect.decode("time", first), "last": tx.dialect.decode("time", last)}
