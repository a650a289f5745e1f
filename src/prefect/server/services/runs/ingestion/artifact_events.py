"""Events of artifacts that clients send as records; a client that calls the API emits them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from prefect.schemas.run_events import build_artifact_event
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.events import emitting, event_store
from prefect.server.store import Row
from prefect.types import named_id, now


class ArtifactUpdate(NamedTuple):
    """A change of an artifact: its id, the fields that are set, and when."""

    id: UUID
    values: Mapping[str, Any]
    at: datetime


async def emit_artifact_events(tx: Transaction, created: Sequence[Row], updates: Sequence[ArtifactUpdate]) -> None:
    """Emit that artifacts were created and changed; repeating it changes nothing."""
    if not created and not updates:
        return
    columns = ["id", "flow_run_id", "task_run_id"]
    changed = (
        await store.artifacts.get_many(tx, list({update.id for update in updates}), columns=columns) if updates else {}
    )
    labels = await emitting.find_run_labels(tx, [*created, *changed.values()])
    events: list[event_store.Event] = []
    for row in created:
        fields = {name: row.get(name) for name in ("key", "type", "description")}
        event = build_artifact_event("created", str(row["id"]), row.get("key"), fields, labels[_read_runs(row)])
        events.append({**event, "id": _derive_id("created", row["id"]), "occurred": row["created"]})
    for update in updates:
        related = labels[_read_runs(changed[update.id])]
        event = build_artifact_event("updated", str(update.id), None, update.values, related)
        events.append({**event, "id": _derive_id("updated", update.id, update.at), "occurred": update.at})
    at = now()
    await event_store.add_events(tx, [{**event, "follows": None, "received": at} for event in events])


def _read_runs(row: Row) -> tuple[UUID | None, UUID | None]:
    return row.get("flow_run_id"), row.get("task_run_id")


def _derive_id(*parts: object) -> UUID:
    """Return an id that is always the same for the same record, however often that is applied."""
    return named_id("artifact-record-event", " ".join(map(str, parts)))
