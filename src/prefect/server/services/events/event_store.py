"""Keeping events: how an event becomes a row and back, how they are added, and how they are announced.

A row has what events are found by; the rest of an event is packed into its `body`. An event of a task run's state comes
with all that is known of the task run: that is not kept a second time, but read from the run itself. Once a run is
deleted, its events no longer have it.
"""

from __future__ import annotations

import base64
import logging
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.dialect import from_micros, to_micros
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import chunks
from prefect.server.services.events import packing
from prefect.server.services.runs import run_states
from prefect.server.store import Row
from prefect.server.store.filters.events import (
    FLOW_RUN,
    SEVERAL,
    TASK_RUN,
    restore_name,
    shorten_name,
    split_resource_id,
)
from prefect.server.store.queries import events as event_queries
from prefect.settings import get_current_settings

logger = logging.getLogger("prefect.server.events")

Event = dict[str, Any]
"""An event as the API shows it: Python values, as in `prefect.schemas.events.ReceivedEvent`."""

EventKey: TypeAlias = tuple[datetime, UUID]
"""When an event occurred, and its id: by both it is found at once."""

EVENTS_TOPIC = "events"
"""What the bus is told when events are added: their keys, packed."""

_ID = "prefect.resource.id"
_MICROSECOND = timedelta(microseconds=1)


Reactor = Callable[[Transaction, list[Event]], Awaitable[None]]

REACTORS: list[Reactor] = []
"""Who is handed events, in the transaction that adds them: each event once, on one server, and only if it is kept."""


async def add_events(tx: Transaction, events: Sequence[Event]) -> int:
    """Add events; one that is known already is left as it is.

    Returns:
        How many were new.
    """
    unique = {(event["occurred"], event["id"]): event for event in events}
    # In the order in which they are kept, which fills the pages of the database.
    rows = [to_row(unique[key]) for key in sorted(unique)]
    added = await store.events.add(tx, rows)
    for item in pack_keys(unique):
        tx.notify(EVENTS_TOPIC, item)
    if get_current_settings().server.services.event_logger.enabled:
        for event in unique.values():
            logger.info("%s %s of %s", event["id"], event["event"], event["resource"][_ID])
    if REACTORS and added:
        new = list(unique.values()) if added == len(rows) else await _new(tx, rows, unique)
        for react in REACTORS:
            await react(tx, new)
    return added


async def _new(tx: Transaction, rows: Iterable[Row], events: Mapping[EventKey, Event]) -> list[Event]:
    """Those of some events that were just added: what was known already was received at another time."""
    delays = {(row["occurred"], row["id"]): row["delay"] for row in rows}
    new: list[Event] = []
    for some in chunks(list(events)):
        for row in await store.events.find(tx, event_queries.keys(tx, some), columns=("occurred", "id", "delay")):
            key = row["occurred"], row["id"]
            if row["delay"] == delays[key]:
                new.append(events[key])
    return new


# --- rows ------------------------------------------------------------------------------------------------------------


def to_row(event: Event) -> Row:
    """An event as a row."""
    resource, related, payload = event["resource"], event["related"], event["payload"]
    if _is_task_run_event(event):
        payload = {name: value for name, value in payload.items() if name != "task_run"}
    kind, object_id = split_resource_id(resource[_ID])
    name, kind = shorten_name(event["event"], kind)
    row: Row = {
        "occurred": event["occurred"],
        "id": event["id"],
        "delay": (event["received"] - event["occurred"]) // _MICROSECOND,
        "event": name,
        "resource": kind,
        "resource_id": object_id,
        "flow_run_id": _find_flow_run_id(resource, related),
        "follows": event["follows"],
    }
    row["body"] = packing.pack(row, resource, related, payload)
    return row


def from_row(row: Row) -> Event:
    """The event of a row; what is known of its task run is still to be `complete`d."""
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
    """The flow run that an event is about: its own, or a related one."""
    found: set[UUID] = set()
    for labels in (resource, *related):
        if labels[_ID].startswith(FLOW_RUN):
            kind, id_ = split_resource_id(labels[_ID])
            if kind == FLOW_RUN and id_ is not None:
                found.add(id_)
    return SEVERAL if len(found) > 1 else found.pop() if found else None


# --- what is known of task runs --------------------------------------------------------------------------------------


def _is_task_run_event(event: Event) -> bool:
    return event["event"].startswith(TASK_RUN) and "prefect.orchestration" in event["resource"]


async def attach_task_runs(tx: Transaction, events: Iterable[Event]) -> None:
    """Add to the events of task runs' states what is known of the task runs."""
    lacking: dict[UUID, list[Event]] = {}
    for event in events:
        if _is_task_run_event(event):
            kind, id_ = split_resource_id(event["resource"][_ID])
            if kind == TASK_RUN and id_ is not None:
                lacking.setdefault(id_, []).append(event)
    for id_, run in (await store.task_runs.get_many(tx, list(lacking)) if lacking else {}).items():
        for event in lacking[id_]:
            event["payload"]["task_run"] = _task_run_snapshot(run, str(event["id"]))


_SNAPSHOT_COLUMNS = (
    *("name", "task_key", "dynamic_key", "cache_key", "cache_expiration", "task_version", "empirical_policy", "tags"),
    *("labels", "task_inputs", "run_count", "flow_run_run_count", "expected_start_time", "next_scheduled_start_time"),
    *("start_time", "end_time", "total_run_time"),
)


def _task_run_snapshot(run: Row, state_id: str) -> dict[str, Any]:
    """What was known of a task run when it had entered a state."""
    ids = [state["id"] for state in run["states"]]
    until = ids.index(state_id) + 1 if state_id in ids else len(ids)
    then = {**run, "states": run["states"][:until]}
    run_states.derive_columns(then)
    return {name: _to_json_value(then[name]) for name in _SNAPSHOT_COLUMNS if then[name] is not None}


def _to_json_value(value: Any) -> Any:
    """As it is in the JSON of events that clients send."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.total_seconds() if isinstance(value, timedelta) else value


# --- announcing ------------------------------------------------------------------------------------------------------

_KEY = struct.Struct(">q16s")

_KEYS_PER_NOTIFICATION = 200
"""Keys that are told of at once: as many as a notice of PostgreSQL can hold."""


def pack_keys(keys: Iterable[EventKey]) -> list[str]:
    """Keys of events as items for the bus."""
    packed = [_KEY.pack(to_micros(occurred), id_.bytes) for occurred, id_ in keys]
    starts = range(0, len(packed), _KEYS_PER_NOTIFICATION)
    return [base64.b64encode(b"".join(packed[start : start + _KEYS_PER_NOTIFICATION])).decode() for start in starts]


def unpack_keys(item: str) -> list[EventKey]:
    """The keys that an item tells of."""
    return [(from_micros(at), UUID(bytes=id_)) for at, id_ in _KEY.iter_unpack(base64.b64decode(item))]
