"""Artifacts: what runs leave for people to look at. The newest of a key is that key's collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services import answers, emitting, pages, reading
from prefect.server.services.answers import Answer
from prefect.server.services.errors import Missing
from prefect.server.store import Row
from prefect.types import new_id, now

_LATEST = Sql(
    "artifact.key IS NOT NULL AND artifact.id = (SELECT newer.id FROM artifact AS newer WHERE newer.key = artifact.key"
    " ORDER BY newer.created DESC, newer.id DESC LIMIT 1)"
)
"""The newest artifact of its key."""

_NEWEST_FIRST = "artifact.created DESC, artifact.id DESC"


async def add(tx: Connection, values: Mapping[str, Any]) -> Answer:
    """Create an artifact."""
    at = now()
    row: Row = {**dict.fromkeys(store.artifacts.table.names), **values, "id": new_id(), "created": at, "updated": at}
    known = row["key"] is not None and await _latest(tx, row["key"]) is not None
    await store.artifacts.add(tx, [row])
    await _tell(tx, "updated" if known else "created", row)
    return row


async def get(tx: Connection, id_: UUID) -> Answer:
    """An artifact, or `Missing`."""
    return await reading.get(tx, store.artifacts, id_)


async def get_latest(tx: Connection, key: str) -> Answer:
    """The newest artifact of a key, or `Missing`."""
    row = await _latest(tx, key)
    if row is None:
        raise Missing("artifact", key)
    return row


async def find(tx: Connection, sort: Any, limit: int | None, offset: int, **criteria: Any) -> list[Answer]:
    """The artifacts that satisfy filters."""
    return await pages.page(tx, store.artifacts, sort, limit, offset, reading.where(tx, store.artifacts, **criteria))


async def find_latest(tx: Connection, sort: Any, limit: int | None, offset: int, **criteria: Any) -> list[Answer]:
    """The newest artifact of each key, as collections, of those that satisfy filters."""
    asked = all_of([_LATEST, reading.where(tx, store.artifacts, **criteria)])
    rows = await pages.page(tx, store.artifacts, sort, limit, offset, asked)
    return [answers.artifact_collection(row) for row in rows]


async def count(tx: Connection, **criteria: Any) -> int:
    """How many artifacts satisfy filters."""
    return await reading.count(tx, store.artifacts, **criteria)


async def count_latest(tx: Connection, **criteria: Any) -> int:
    """How many keys have an artifact that satisfies filters and is the newest of its key."""
    return await store.artifacts.count(tx, all_of([_LATEST, reading.where(tx, store.artifacts, **criteria)]))


async def change(tx: Connection, id_: UUID, values: Mapping[str, Any]) -> None:
    """Set what is given of an artifact."""
    await get(tx, id_)
    await store.artifacts.change(tx, [{"id": id_, "updated": now(), **values}], ["updated", *values])


async def remove(tx: Connection, id_: UUID) -> None:
    """Delete an artifact; the one before it becomes the newest of its key."""
    row = await get(tx, id_)
    await store.artifacts.remove(tx, one_of("id", [id_]))
    if row["key"] is not None and await _latest(tx, row["key"]) is None:
        await _tell(tx, "deleted", row)


async def _latest(tx: Connection, key: str) -> Row | None:
    rows = await store.artifacts.find(tx, one_of("artifact.key", [key]), _NEWEST_FIRST, 1)
    return rows[0] if rows else None


async def _tell(tx: Connection, what: str, row: Row) -> None:
    """Say what happened to the collection of an artifact's key, if it has one."""
    if row["key"] is None:
        return
    collection = answers.artifact_collection(row)
    related = [emitting.resource("artifact", row["id"], role="latest")]
    related += [
        emitting.resource(kind, row[column], role=kind)
        for kind, column in (("flow-run", "flow_run_id"), ("task-run", "task_run_id"))
        if row[column] is not None
    ]
    await emitting.emit(
        tx,
        f"prefect.artifact-collection.{what}",
        emitting.resource("artifact-collection", collection["id"], row["key"]),
        related,
        {name: row[name] for name in ("key", "type", "data", "description")},
    )
