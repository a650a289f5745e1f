"""Artifacts: what runs leave for people to look at. The newest of a key is that key's collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, chunks, none_of, one_of
from prefect.server.services.core import paging, presenters, reading
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting, event_store
from prefect.server.store import Row
from prefect.types import named_id, new_id, now

_LATEST = Sql(
    "artifact.key IS NOT NULL AND artifact.id = (SELECT newer.id FROM artifact AS newer WHERE newer.key = artifact.key"
    " ORDER BY newer.created DESC, newer.id DESC LIMIT 1)"
)
"""The newest artifact of its key."""

_NEWEST_FIRST = "artifact.created DESC, artifact.id DESC"


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create an artifact."""
    at = now()
    row: Row = {**dict.fromkeys(store.artifacts.table.names), **values, "id": new_id(), "created": at, "updated": at}
    await add_many(tx, [row])
    return row


async def add_many(tx: Transaction, rows: Sequence[Row]) -> None:
    """Add artifacts and say what they make of the collections of their keys; doing it again changes nothing."""
    keyed = [row for row in rows if row.get("key") is not None]
    known = await _find_known_keys(tx, keyed)
    events: list[event_store.Event] = []
    for row in sorted(keyed, key=lambda row: row["created"]):
        event = _build_collection_event("updated" if row["key"] in known else "created", row)
        # The same artifact has the same event, however often it is told of.
        events.append({**event, "id": named_id("artifact-event", str(row["id"])), "occurred": row["created"]})
        known.add(row["key"])
    await store.artifacts.add(tx, rows)
    if events:
        await event_store.add_events(tx, events)


async def get(tx: Transaction, id_: UUID) -> Answer:
    """An artifact, or `Missing`."""
    return await reading.get_row(tx, store.artifacts, id_)


async def get_latest(tx: Transaction, key: str) -> Answer:
    """The newest artifact of a key, or `Missing`."""
    row = await _find_latest_of_key(tx, key)
    if row is None:
        raise NotFound("artifact", key)
    return row


async def find(tx: Transaction, sort: Any, limit: int | None, offset: int, **criteria: Any) -> list[Answer]:
    """The artifacts that satisfy filters."""
    return await paging.find_page(
        tx, store.artifacts, sort, limit, offset, reading.compile_criteria(tx, store.artifacts, **criteria)
    )


async def find_latest(tx: Transaction, sort: Any, limit: int | None, offset: int, **criteria: Any) -> list[Answer]:
    """The newest artifact of each key, as collections, of those that satisfy filters."""
    asked = all_of([_LATEST, reading.compile_criteria(tx, store.artifacts, **criteria)])
    rows = await paging.find_page(tx, store.artifacts, sort, limit, offset, asked)
    return [presenters.present_artifact_collection(row) for row in rows]


async def count(tx: Transaction, **criteria: Any) -> int:
    """How many artifacts satisfy filters."""
    return await reading.count(tx, store.artifacts, **criteria)


async def count_latest(tx: Transaction, **criteria: Any) -> int:
    """How many keys have an artifact that satisfies filters and is the newest of its key."""
    return await store.artifacts.count(tx, all_of([_LATEST, reading.compile_criteria(tx, store.artifacts, **criteria)]))


async def change(tx: Transaction, id_: UUID, values: Mapping[str, Any]) -> None:
    """Set what is given of an artifact."""
    await get(tx, id_)
    await store.artifacts.change(tx, [{"id": id_, "updated": now(), **values}], ["updated", *values])


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete an artifact; the one before it becomes the newest of its key."""
    row = await get(tx, id_)
    await store.artifacts.remove(tx, one_of("id", [id_]))
    if row["key"] is not None and await _find_latest_of_key(tx, row["key"]) is None:
        await event_store.add_events(tx, [_build_collection_event("deleted", row)])


async def _find_latest_of_key(tx: Transaction, key: str) -> Row | None:
    rows = await store.artifacts.find(tx, one_of("artifact.key", [key]), _NEWEST_FIRST, 1)
    return rows[0] if rows else None


async def _find_known_keys(tx: Transaction, rows: Sequence[Row]) -> set[str]:
    """Those of the artifacts' keys that other artifacts have already."""
    known: set[str] = set()
    for some in chunks(rows):
        where = all_of(
            [
                one_of("artifact.key", [row["key"] for row in some]),
                none_of("artifact.id", [row["id"] for row in some]),
            ]
        )
        found = await tx.fetch(Sql(f"SELECT DISTINCT artifact.key FROM artifact WHERE {where.text}", where.values))
        known.update(key for (key,) in found)
    return known


def _build_collection_event(what: str, row: Row) -> event_store.Event:
    """What happened to the collection of an artifact's key."""
    collection = presenters.present_artifact_collection(row)
    related = [emitting.resource_labels("artifact", row["id"], role="latest")]
    related += [
        emitting.resource_labels(kind, row[column], role=kind)
        for kind, column in (("flow-run", "flow_run_id"), ("task-run", "task_run_id"))
        if row.get(column) is not None
    ]
    return emitting.build_event(
        f"prefect.artifact-collection.{what}",
        emitting.resource_labels("artifact-collection", collection["id"], row["key"]),
        related,
        {name: row.get(name) for name in ("key", "type", "data", "description")},
    )
