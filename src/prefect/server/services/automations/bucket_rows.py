"""Buckets of triggers as rows of the store, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from prefect.schemas.automations import EventTrigger, Posture, Trigger
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store import Row
from prefect.settings import get_current_settings
from prefect.triggers.buckets import Bucket
from prefect.triggers.trees import BucketKey, write_group
from prefect.types import now

_CHANGED = ("start", "until", "due", "count", "fired", "event_occurred", "event_id", "labels", "children")


def to_row(key: BucketKey, trigger: Trigger, bucket: Bucket) -> Row:
    """Return the row of a bucket of a trigger."""
    occurred, event_id = bucket.event or (None, None)
    return {
        "id": key.id,
        "automation_id": key.automation_id,
        "trigger_id": key.trigger_id,
        "start": bucket.start,
        "until": bucket.until,
        "due": _compute_due(trigger, bucket),
        "count": bucket.count,
        "fired": bucket.fired,
        "event_occurred": occurred,
        "event_id": event_id,
        "labels": dict(bucket.labels),
        "children": {child: fired.isoformat() for child, fired in bucket.children.items()},
    }


def read_key(row: Row) -> BucketKey:
    """Return the key of the bucket of a row."""
    return BucketKey(row["automation_id"], row["trigger_id"], write_group(row["labels"]))


def from_row(row: Row) -> Bucket:
    """Return the bucket of a row."""
    event_id = row["event_id"]
    return Bucket(
        start=row["start"],
        until=row["until"],
        count=row["count"],
        fired=row["fired"],
        event=None if event_id is None else (row["event_occurred"], event_id),
        labels=row["labels"],
        children={child: datetime.fromisoformat(fired) for child, fired in row["children"].items()},
    )


async def save(tx: Transaction, rows: Iterable[Row], removed: Iterable[UUID]) -> None:
    """Write rows of buckets, and remove others."""
    rows = list(rows)
    stored = await store.buckets.get_many(tx, [row["id"] for row in rows], columns=["id"]) if rows else {}
    await store.buckets.change(tx, [row for row in rows if row["id"] in stored], _CHANGED)
    await store.buckets.add(tx, [row for row in rows if row["id"] not in stored])
    removed = list(removed)
    if removed:
        await store.buckets.remove(tx, {"id": removed})


def _compute_due(trigger: Trigger, bucket: Bucket) -> datetime:
    """Return when a bucket must be evaluated: at the end of its window, or when it can be forgotten."""
    if isinstance(trigger, EventTrigger) and trigger.posture is Posture.Proactive and bucket.until is not None:
        return bucket.until
    events = get_current_settings().server.events
    if bucket.until is None:
        return now() + events.retention_period
    return max(bucket.until, now()) + events.expired_bucket_buffer
