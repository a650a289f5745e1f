"""Store and change artifacts. The latest artifact of a key is that key's collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, presenters, reading
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting, event_store
from prefect.server.store import Row
from prefect.server.store.queries import catalog
from prefect.types import named_id, new_id, now


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create an artifact."""
    at = now()
    row: Row = {**dict.fromkeys(store.artifacts.table.names), **values, "id": new_id(), "created": at, "updated": at}
    await add_many(tx, [row])
    return row


async def add_many(tx: Transaction, rows: Sequence[Row]) -> None:
    """Add artifacts and emit the events of their collections; repeating it changes nothing."""
    keyed = [row for row in rows if row.get("key") is not None]
    known = await catalog.find_existing_keys(tx, keyed)
    events: list[event_store.Event] = []
    for row in sorted(keyed, key=lambda row: row["created"]):
        event = _build_collection_event("updated" if row["key"] in known else "created", row)
        # A named id: the same artifact has the same event, however often it is added.
        events.append({**event, "id": named_id("artifact-event", str(row["id"])), "occurred": row["created"]})
        known.add(row["key"])
    await store.artifacts.add(tx, rows)
    if events:
        await event_store.add_events(tx, events)


async def get(tx: Transaction, id_: UUID) -> Answer:
    """Return an artifact.

    Raises:
        NotFound: It does not exist.
    """
    return await reading.get_row(tx, store.artifacts, id_)


async def get_latest(tx: Transaction, key: str) -> Answer:
    """Return the latest artifact of a key.

    Raises:
        NotFound: There is none.
    """
    row = await catalog.find_latest_artifact(tx, key)
    if row is None:
        raise NotFound("artifact", key)
    return row


async def find(tx: Transaction, sort: Any, limit: int | None, offset: int, **criteria: Any) -> list[Answer]:
    """Return a page of the artifacts that match filters."""
    return await paging.find_page(
        tx, store.artifacts, sort, limit, offset, reading.compile_criteria(tx, store.artifacts, **criteria)
    )


async def find_latest(tx: Transaction, sort: Any, limit: int | None, offset: int, **criteria: Any) -> list[Answer]:
    """Return a page of collections: of each key the latest artifact, where it matches filters."""
    where = catalog.latest_artifacts(reading.compile_criteria(tx, store.artifacts, **criteria))
    rows = await paging.find_page(tx, store.artifacts, sort, limit, offset, where)
    return [presenters.present_artifact_collection(row) for row in rows]


async def count(tx: Transaction, **criteria: Any) -> int:
    """Return how many artifacts match filters."""
    return await reading.count(tx, store.artifacts, **criteria)


async def count_latest(tx: Transaction, **criteria: Any) -> int:
    """Return how many keys have a latest artifact that matches filters."""
    where = reading.compile_criteria(tx, store.artifacts, **criteria)
    return await store.artifacts.count(tx, catalog.latest_artifacts(where))


async def change(tx: Transaction, id_: UUID, values: Mapping[str, Any]) -> None:
    """Set the fields of an artifact that the request contains."""
    await get(tx, id_)
    await store.artifacts.change(tx, [{"id": id_, "updated": now(), **values}], ["updated", *values])


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete an artifact; the one before it becomes the latest of its key."""
    row = await get(tx, id_)
    await store.artifacts.remove(tx, {"id": id_})
    if row["key"] is not None and await catalog.find_latest_artifact(tx, row["key"]) is None:
        await event_store.add_events(tx, [_build_collection_event("deleted", row)])


def _build_collection_event(change: str, row: Row) -> event_store.Event:
    """Return the event of a change of the collection of an artifact's key."""
    collection = presenters.present_artifact_collection(row)
    related = [emitting.resource_labels("artifact", row["id"], role="latest")]
    related += [
        emitting.resource_labels(kind, row[column], role=kind)
        for kind, column in (("flow-run", "flow_run_id"), ("task-run", "task_run_id"))
        if row.get(column) is not None
    ]
    return emitting.build_event(
        f"prefect.artifact-collection.{change}",
        emitting.resource_labels("artifact-collection", collection["id"], row["key"]),
        related,
        {name: row.get(name) for name in ("key", "type", "data", "description")},
    )
