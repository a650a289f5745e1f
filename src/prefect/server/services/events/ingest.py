"""Taking in events that others tell of, in the transaction in which they are acknowledged.

Most of them are only kept. Those by which clients tell of their task runs become records of these runs, as those of a
journal, and a heartbeat says that a flow run is alive. An event may come twice, late, and before others that it
follows: the outcome is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from prefect.schemas.wire import events
from prefect.server import store
from prefect.server.db.dialect import to_micros
from prefect.server.db.errors import Unstorable
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import chunks, one_of
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.events import event_store
from prefect.server.services.events.event_store import Event
from prefect.server.services.runs import heartbeats
from prefect.server.services.runs.journal_ingestion import apply_event_records
from prefect.server.services.runs.records import CHANGEABLE, Record
from prefect.server.store.filters.events import FLOW_RUN, TASK_RUN, split_resource_id
from prefect.settings import get_current_settings
from prefect.types import new_id, now

HEARTBEAT_EVENT = "prefect.flow-run.heartbeat"


async def ingest_events(tx: Transaction, told: Sequence[Event]) -> None:
    """Take events in: they are kept, and what they tell of runs is applied.

    Args:
        tx: The transaction.
        told: The events, each `checked` and with the time at which it was `received`.
    """
    # Flow runs before task runs, as everybody locks them.
    beats = (
        split_resource_id(event["resource"]["prefect.resource.id"])
        for event in told
        if event["event"] == HEARTBEAT_EVENT
    )
    await heartbeats.renew_leases(
        tx, {id_: heartbeats.default_lease_duration() for kind, id_ in beats if kind == FLOW_RUN and id_}
    )
    await _apply_task_runs(tx, told)
    await event_store.add_events(tx, told)


async def dead_letter(tx: Transaction, event: Event, reason: str) -> None:
    """Keep an event that cannot be taken in where it can be looked at."""
    record = orjson.dumps(event, option=orjson.OPT_UTC_Z).decode()
    await store.dead_letters.add(tx, [{"id": new_id(), "created": now(), "reason": reason, "record": record}])


def parse_event(message: str, received: datetime) -> Event:
    """An event as a client wrote it, in JSON.

    Raises:
        Invalid: It is none.
    """
    try:
        return {**events.Event.model_validate(orjson.loads(message)).model_dump(), "received": received}
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"It is no JSON: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"It is no event: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def check_event(event: Event) -> None:
    """Raise `Invalid` for an event that is larger than the settings allow, or cannot be kept.

    How many labels and related resources it may have is a matter of its schema.
    """
    limits = get_current_settings().server.events
    if len(event["event"]) > limits.maximum_event_name_length:
        raise InvalidRequest(
            f"The name of the event {event['id']} has more than {limits.maximum_event_name_length} characters."
        )
    try:
        # In as many lists as an answer may put around it: here what is nested too deep for an answer is refused.
        size = len(orjson.dumps([[[[event["resource"], event["related"], event["payload"]]]]]))
        to_micros(event["occurred"])
    except (orjson.JSONEncodeError, Unstorable) as error:
        raise InvalidRequest(f"The event {event['id']} cannot be kept: {str(error).rstrip('.')}.") from None
    if size > limits.maximum_size_bytes:
        raise InvalidRequest(
            f"The event {event['id']} takes {size} bytes, and {limits.maximum_size_bytes} are allowed."
        )


# --- task runs -------------------------------------------------------------------------------------------------------


async def _apply_task_runs(tx: Transaction, told: Iterable[Event]) -> None:
    by_run: dict[UUID, list[Event]] = defaultdict(list)
    for event in told:
        if event["resource"].get("prefect.orchestration") == "client" and event["event"].startswith(f"{TASK_RUN}."):
            kind, id_ = split_resource_id(event["resource"]["prefect.resource.id"])
            if kind == TASK_RUN and id_ is not None:
                by_run[id_].append(event)
    if not by_run:
        return
    known = await _last_changes(tx, sorted(by_run))
    await apply_event_records(
        tx, [record for id_, told in by_run.items() for record in _task_run_records(id_, told, known.get(id_))]
    )


async def _last_changes(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When those of some task runs that are known entered their last states; nobody else may change them now."""
    columns = ("id", "state_timestamp", "created")
    found: dict[UUID, datetime] = {}
    for some in chunks(ids):
        for row in await store.task_runs.find(
            tx, one_of("task_run.id", some), "task_run.id", columns=columns, lock=True
        ):
            found[row["id"]] = row["state_timestamp"] or row["created"]
    return found


_RECORDED_FIELDS = CHANGEABLE["task_run"] | {"task_key", "dynamic_key", "labels", "flow_run_run_count"}
"""What of a task run does not follow from its states."""


def _task_run_records(id_: UUID, told: list[Event], last_change: datetime | None) -> list[Record]:
    """What events tell of a task run, as records of a journal.

    Args:
        id_: The task run.
        told: The events about it.
        last_change: When it was changed last, if it is known.
    """
    told.sort(key=lambda event: event["occurred"])
    first, last = told[0], told[-1]
    given = {name: value for name, value in _payload_object(last, "task_run").items() if name in _RECORDED_FIELDS}
    run = {
        **given,
        "kind": "task_run",
        "id": str(id_),
        "flow_run_id": _find_flow_run_id(last),
        "created": first["occurred"].isoformat(),
        "states": [_state_record(event) for event in told],
    }
    if last_change is None or last["occurred"] < last_change:
        return [run]
    # What came last tells how the run is now: a task's run gets its name, for instance, when it begins.
    changes = {name: value for name, value in given.items() if name in CHANGEABLE["task_run"]}
    return [
        run,
        {"kind": "update", "of": "task_run", "id": str(id_), "set": changes, "at": last["occurred"].isoformat()},
    ]


def _payload_object(event: Event, name: str) -> dict[str, Any]:
    value = event["payload"].get(name)
    return value if isinstance(value, dict) else {}


def _state_record(event: Event) -> Record:
    """The state that an event tells of."""
    told = _payload_object(event, "validated_state")
    return {
        "id": str(event["id"]),
        "type": told.get("type"),
        "name": told.get("name"),
        "timestamp": event["occurred"].isoformat(),
        "message": told.get("message") or None,
        "details": told.get("state_details"),
        "data": told.get("data"),
    }


def _find_flow_run_id(event: Event) -> str | None:
    related = (split_resource_id(labels["prefect.resource.id"]) for labels in event["related"])
    return next((str(id_) for kind, id_ in related if kind == FLOW_RUN and id_ is not None), None)
