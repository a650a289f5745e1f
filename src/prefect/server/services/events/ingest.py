"""Ingest events that clients send, in the transaction in which they are acknowledged.

Most events are only stored. Those of task runs become records of these runs, as those of a journal, a heartbeat renews
the lease of a flow run, and a worker that says that it has stopped is offline. An event may arrive twice, late, and
before others that it follows: the outcome is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from prefect.schemas.run_events import FLOW_RUN_HEARTBEAT
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.events import event_store
from prefect.server.services.events.event_store import Event
from prefect.server.services.events.incoming import check_event as check_event
from prefect.server.services.events.incoming import parse_event as parse_event
from prefect.server.services.runs.ingestion.journal_ingestion import apply_event_records
from prefect.server.services.runs.ingestion.records import CHANGEABLE, Record
from prefect.server.services.runs.liveness import heartbeat_intervals, heartbeats
from prefect.server.services.work import workers
from prefect.server.store.filters.events import FLOW_RUN, TASK_RUN, split_resource_id
from prefect.types import json_codec, new_id, now

_ID = "prefect.resource.id"


async def ingest_events(tx: Transaction, events: Sequence[Event]) -> None:
    """Store events, and apply to runs what they report.

    Args:
        tx: The transaction.
        events: The events, each passed by `check_event` and with the time at which it was `received`.
    """
    # Flow runs before task runs: every transaction locks them in this order.
    alive = (split_resource_id(event["resource"][_ID]) for event in events if event["event"] == FLOW_RUN_HEARTBEAT)
    leases = {id_: heartbeat_intervals.event_lease_duration() for kind, id_ in alive if kind == FLOW_RUN and id_}
    if leases:
        await heartbeat_intervals.note_event_heartbeats(tx)
        await heartbeats.renew_leases(tx, leases)
    await _apply_task_runs(tx, events)
    await workers.mark_stopped_offline(tx, events)
    await event_store.add_events(tx, events)


async def dead_letter(tx: Transaction, event: Event, reason: str) -> None:
    """Store an event that cannot be ingested as a dead letter."""
    record = json_codec.dumps(event, option=orjson.OPT_UTC_Z).decode()
    await store.dead_letters.add(tx, [{"id": new_id(), "created": now(), "reason": reason, "record": record}])


# --- task runs -------------------------------------------------------------------------------------------------------


async def _apply_task_runs(tx: Transaction, events: Iterable[Event]) -> None:
    events_by_run: dict[UUID, list[Event]] = defaultdict(list)
    for event in events:
        if event["resource"].get("prefect.orchestration") == "client" and event["event"].startswith(f"{TASK_RUN}."):
            kind, id_ = split_resource_id(event["resource"][_ID])
            if kind == TASK_RUN and id_ is not None:
                events_by_run[id_].append(event)
    if not events_by_run:
        return
    last_changes = await _lock_last_changes(tx, list(events_by_run))
    await apply_event_records(
        tx,
        [
            record
            for id_, run_events in events_by_run.items()
            for record in _task_run_records(id_, run_events, last_changes.get(id_))
        ],
    )


async def _lock_last_changes(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Lock the stored task runs among these, and return the times of their last states."""
    rows = await store.task_runs.get_many(tx, ids, lock=True, columns=("id", "state_timestamp", "created"))
    return {id_: row["state_timestamp"] or row["created"] for id_, row in rows.items()}


_RECORDED_FIELDS = CHANGEABLE["task_run"] | {"task_key", "dynamic_key", "labels", "flow_run_run_count"}
"""Fields of a task run that do not follow from its states."""


def _task_run_records(id_: UUID, events: list[Event], last_change: datetime | None) -> list[Record]:
    """Return the events of a task run as records of a journal.

    Args:
        id_: The task run.
        events: The events about it.
        last_change: When it was changed last, if it is stored.
    """
    events.sort(key=lambda event: event["occurred"])
    first, last = events[0], events[-1]
    fields = {name: value for name, value in _payload_object(last, "task_run").items() if name in _RECORDED_FIELDS}
    run = {
        **fields,
        "kind": "task_run",
        "id": str(id_),
        "flow_run_id": _find_flow_run_id(last),
        "created": first["occurred"].isoformat(),
        "states": [_state_record(event) for event in events],
    }
    if last_change is None or last["occurred"] < last_change:
        return [run]
    # The last event has the run's current fields: a run gets its name, for instance, when it begins.
    changes = {name: value for name, value in fields.items() if name in CHANGEABLE["task_run"]}
    return [
        run,
        {"kind": "update", "of": "task_run", "id": str(id_), "set": changes, "at": last["occurred"].isoformat()},
    ]


def _payload_object(event: Event, name: str) -> dict[str, Any]:
    value = event["payload"].get(name)
    return value if isinstance(value, dict) else {}


def _state_record(event: Event) -> Record:
    """Return the state that an event reports."""
    state = _payload_object(event, "validated_state")
    return {
        "id": str(event["id"]),
        "type": state.get("type"),
        "name": state.get("name"),
        "timestamp": event["occurred"].isoformat(),
        "message": state.get("message") or None,
        "details": state.get("state_details"),
        "data": state.get("data"),
    }


def _find_flow_run_id(event: Event) -> str | None:
    related = (split_resource_id(labels[_ID]) for labels in event["related"])
    return next((str(id_) for kind, id_ in related if kind == FLOW_RUN and id_ is not None), None)
