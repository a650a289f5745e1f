"""Store events: an event as a row and back, adding events, and notifying subscribers of them.

A row has the columns that events are found by; the rest of an event is packed into its `body`. An event of a task run's
state is sent with a snapshot of the task run: it is not stored a second time, but read from the task run. Once a run is
deleted, its events have no snapshot.
"""

from __future__ import annotations

import base64
import logging
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.schemas.run_events import TASK_RUN_FIELDS
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.times import from_micros, to_micros
from prefect.server.services.catalog import assets
from prefect.server.services.events import packing, wanted_events
from prefect.server.services.runs.states import run_states
from prefect.server.store import Row
from prefect.server.store.filters.events import (
    FLOW_RUN,
    SEVERAL_FLOW_RUNS,
    TASK_RUN,
    restore_name,
    shorten_name,
    split_resource_id,
)
from prefect.server.store.queries import events as queries
from prefect.server.store.queries.events import EventKey as EventKey
from prefect.settings import get_current_settings
from prefect.types import new_id

logger = logging.getLogger("prefect.server.events")

Event = dict[str, Any]
"""An event as the API shows it: Python values, as in `prefect.schemas.events.ReceivedEvent`."""

EVENTS_TOPIC = "events"
"""The bus is notified of the packed keys of events that were added."""

QUEUE_TOPIC = "event-queue"
"""The bus is notified that events wait for the evaluation of triggers."""

_ID = "prefect.resource.id"
_MICROSECOND = timedelta(microseconds=1)


async def add_events(tx: Transaction, events: Sequence[Event]) -> int:
    """Add events; an event that is stored already stays unchanged.

    Returns:
        How many were new.
    """
    if not events:
        return 0
    unique = {(event["occurred"], event["id"]): event for event in events}
    # In the order in which rows are kept, which fills the pages of the database.
    added, revision = await queries.add(tx, [to_row(unique[key]) for key in sorted(unique)])
    await assets.record_events(tx, unique.values())
    for item in pack_keys(unique):
        tx.notify(EVENTS_TOPIC, item)
    if added and revision is not None:
        wanted = wanted_events.select(tx, revision, unique)
        if wanted:
            await _enqueue(tx, pack_keys(wanted if added == len(unique) else await _find_new(tx, wanted)))
    if get_current_settings().server.services.event_logger.enabled:
        for event in unique.values():
            logger.info("%s %s of %s", event["id"], event["event"], event["resource"][_ID])
    return added


async def _enqueue(tx: Transaction, items: Sequence[str]) -> None:
    """Enqueue events for the evaluation of the triggers of automations."""
    await store.event_queue.add(tx, [{"id": new_id(), "keys": item} for item in items])
    tx.notify(QUEUE_TOPIC)


async def _find_new(tx: Transaction, events: Mapping[EventKey, Event]) -> list[EventKey]:
    """Return the keys of the events that were not stored before."""
    rows = await queries.find_by_keys(tx, list(events))
    keys: dict[EventKey, int] = {(row["occurred"], row["id"]): row["delay"] for row in rows}
    return [key for key, event in events.items() if keys.get(key) == _delay(event)]


# --- rows ------------------------------------------------------------------------------------------------------------


def to_row(event: Event) -> Row:
    """Return the row of an event."""
    resource, related, payload = event["resource"], event["related"], event["payload"]
    if _is_task_run_event(event):
        payload = {name: value for name, value in payload.items() if name != "task_run"}
    kind, object_id = split_resource_id(resource[_ID])
    name, kind = shorten_name(event["event"], kind)
    row: Row = {
        "occurred": event["occurred"],
        "id": event["id"],
        "delay": _delay(event),
        "event": name,
        "resource": kind,
        "resource_id": object_id,
        "flow_run_id": _find_flow_run_id(resource, related),
        "follows": event["follows"],
    }
    row["body"] = packing.pack(row, resource, related, payload)
    return row


def _delay(event: Event) -> int:
    return (event["received"] - event["occurred"]) // _MICROSECOND


def from_row(row: Row) -> Event:
    """Return the event of a row; `attach_task_runs` adds the snapshot of its task run."""
    resource, related, payload = packing.unpack(row)
    return {
        "occurred": row["occurred"],
        "event": restore_name(row["event"], row["resource"])[0],
        "resource": resource,
        "related": related,
        "payload": payload,
        "id": row["id"],
        "follows": row["follows"],
        "received": row["occurred"] + timedelta(microseconds=row["delay"]),
    }


def _find_flow_run_id(resource: dict[str, str], related: Iterable[dict[str, str]]) -> UUID | None:
    """Return the id of the flow run that is the resource of an event or one of its related resources."""
    found: set[UUID] = set()
    for labels in (resource, *related):
        if labels[_ID].startswith(FLOW_RUN):
            kind, id_ = split_resource_id(labels[_ID])
            if kind == FLOW_RUN and id_ is not None:
                found.add(id_)
    return SEVERAL_FLOW_RUNS if len(found) > 1 else found.pop() if found else None


# --- snapshots of task runs ------------------------------------------------------------------------------------------


def _is_task_run_event(event: Event) -> bool:
    return event["event"].startswith(TASK_RUN) and "prefect.orchestration" in event["resource"]


async def attach_task_runs(tx: Transaction, events: Iterable[Event]) -> None:
    """Add the snapshots of task runs to the events of their states."""
    events_by_run: dict[UUID, list[Event]] = {}
    for event in events:
        if _is_task_run_event(event):
            kind, id_ = split_resource_id(event["resource"][_ID])
            if kind == TASK_RUN and id_ is not None:
                events_by_run.setdefault(id_, []).append(event)
    runs = await store.task_runs.get_many(tx, list(events_by_run)) if events_by_run else {}
    for id_, run in runs.items():
        for event in events_by_run[id_]:
            event["payload"]["task_run"] = _task_run_snapshot(run, str(event["id"]))


_SNAPSHOT_COLUMNS = (
    *TASK_RUN_FIELDS,
    *("run_count", "expected_start_time", "next_scheduled_start_time", "start_time", "end_time", "total_run_time"),
)


def _task_run_snapshot(run: Row, state_id: str) -> dict[str, Any]:
    """Return the columns of a task run as they were when it had entered a state."""
    ids = [state["id"] for state in run["states"]]
    until = ids.index(state_id) + 1 if state_id in ids else len(ids)
    then = {**run, "states": run["states"][:until]}
    run_states.derive_columns(then)
    return {name: _to_json_value(then[name]) for name in _SNAPSHOT_COLUMNS if then[name] is not None}


def _to_json_value(value: Any) -> Any:
    """Return a value as the events that clients send have it."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.total_seconds() if isinstance(value, timedelta) else value


# --- notifications ---------------------------------------------------------------------------------------------------

_KEY = struct.Struct(">q16s")

_KEYS_PER_NOTIFICATION = 200
"""Maximum number of keys that fit into a notification of PostgreSQL."""


def pack_keys(keys: Iterable[EventKey]) -> list[str]:
    """Return the keys of events as items for the bus."""
    packed = [_KEY.pack(to_micros(occurred), id_.bytes) for occurred, id_ in keys]
    starts = range(0, len(packed), _KEYS_PER_NOTIFICATION)
    return [base64.b64encode(b"".join(packed[start : start + _KEYS_PER_NOTIFICATION])).decode() for start in starts]


def unpack_keys(item: str) -> list[EventKey]:
    """Return the keys of events that an item of the bus holds."""
    return [(from_micros(at), UUID(bytes=id_)) for at, id_ in _KEY.iter_unpack(base64.b64decode(item))]
