"""Parsing and validation of journal records: the modules that use the parsed records may rely on their values.

A record that is not valid raises `BadRecord`, whose message names the error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.times import to_micros
from prefect.server.services.runs.states import run_states
from prefect.server.services.runs.states.run_states import NO_DERIVED_COLUMNS, STATE_NAMES, StoredState
from prefect.server.store import Collection, Kind, Row
from prefect.types import UTC
from prefect.types.mappings import Record as Record

RUNS = {"flow_run": store.flow_runs, "task_run": store.task_runs}

CHANGEABLE = {
    "flow_run": frozenset(
        (
            *("name", "tags", "labels", "parameters", "context", "flow_version", "empirical_policy"),
            *("deployment_id", "deployment_version", "work_queue_name", "infrastructure_pid", "job_variables"),
        )
    ),
    "task_run": frozenset(
        (
            *("name", "tags", "labels", "task_inputs", "task_version"),
            *("cache_key", "cache_expiration", "empirical_policy"),
        )
    ),
    "artifact": frozenset(("data", "description", "metadata_", "type")),
}
"""The columns that an `update` record may set."""


_STATE_FIELDS: tuple[tuple[str, Kind], ...] = (("message", "text"), ("details", "object"), ("data", "json"))

_TYPED = frozenset(run_states.DETAILS)

_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
"""Matches an id that needs no parsing. Hot path: states are the most numerous records."""


class BadRecord(Exception):
    """A record that cannot be applied; the message is the reason."""


def parse_row(collection: Collection, record: Record) -> Row:
    """Return the record of an object as a row of its table; columns that the record does not have are null."""
    table = collection.table
    kinds = table.kinds
    values: Row = {
        name: _value(kinds[name], name, value) for name, value in record.items() if value is not None and name in kinds
    }
    for name in table.required:
        if name not in values and name != "updated":
            raise BadRecord(f"it has no {name}")
    if "updated" in table.kinds:
        values.setdefault("updated", values["created"])
    return values


def parse_run(kind: str, record: Record) -> Row:
    """Return a `flow_run` or `task_run` record as a row without states."""
    return {**parse_row(RUNS[kind], record), **NO_DERIVED_COLUMNS, "states": [], "result": None}


def parse_first_states(kind: str, record: Record) -> list[Record]:
    """Return the states that a run had entered when its `run` record was written, as `state` records."""
    states = record.get("states") or ()
    if not isinstance(states, (list, tuple)) or not all(isinstance(state, dict) for state in states):
        raise BadRecord("its states are not a list of objects")
    common = {"kind": "state", "of": kind, "run_id": record["id"], "owner": record.get("owner")}
    return [{**state, **common} for state in states]


def parse_owner(record: Record) -> UUID | None:
    """Return the process that wrote a `state` record, if it names one."""
    owner = record.get("owner")
    return None if owner is None else _value("uuid", "owner", owner)


def parse_simple(record: Record) -> Row:
    """Return the record of an object without states, a process, flow, log or artifact, as a row."""
    return parse_row(STATELESS_COLLECTIONS[record["kind"]], record)


STATELESS_COLLECTIONS = {
    "process": store.processes,
    "flow": store.flows,
    "log": store.logs,
    "artifact": store.artifacts,
}


def parse_heartbeat(record: Record) -> tuple[UUID, timedelta]:
    """Return the flow run of a `heartbeat` record, and for how long it counts as alive."""
    seconds = _value("float", "ttl", record.get("ttl"))
    if not 0 <= seconds <= MAX_HEARTBEAT_TTL_SECONDS:
        raise BadRecord(f"its ttl is {seconds!r}, and 0 to {MAX_HEARTBEAT_TTL_SECONDS} seconds are known")
    return _value("uuid", "flow_run_id", record.get("flow_run_id")), timedelta(seconds=seconds)


MAX_HEARTBEAT_TTL_SECONDS = 86400
"""Seconds for which a run may count as alive after a heartbeat."""


def parse_target(record: Record, name: str) -> tuple[str, UUID]:
    """Return the kind of the object of a `state` or `update` record, and its id, which is in the field `name`."""
    kind = record.get("of")
    if not isinstance(kind, str) or kind not in CHANGEABLE:
        raise BadRecord(f"it is about {kind!r}, which is not known")
    return kind, _value("uuid", name, record.get(name))


def parse_state(record: Record) -> StoredState:
    """Return a `state` record as a stored state."""
    type_ = record.get("type")
    if not isinstance(type_, str) or type_ not in STATE_NAMES:
        raise BadRecord(f"its state type is {type_!r}, which is not known")
    id_ = record.get("id")
    if not (isinstance(id_, str) and _CANONICAL(id_)):
        id_ = str(_value("uuid", "id", id_))
    stored: StoredState = {"id": id_, "type": type_}
    name = record.get("name")
    if name is not None and name != STATE_NAMES[type_]:
        stored["name"] = _value("text", "name", name)
    stored["timestamp"] = to_micros(_value("time", "timestamp", record.get("timestamp")))
    for field, kind in _STATE_FIELDS:
        value = record.get(field)
        if value is not None:
            stored[field] = _value(kind, field, value)
    if "details" in stored:
        details = run_states.drop_implied_details(stored.pop("details"))
        for name in _TYPED & details.keys():
            try:
                run_states.parse_detail(name, details[name])
            except (ValueError, TypeError, AttributeError, OverflowError):
                raise BadRecord(f"its details.{name} is not valid: {repr(details[name])[:80]}") from None
        if details:
            stored["details"] = details
    return stored


def parse_result(record: Record) -> Row | None:
    """Return the inline result of a `state` record with the id of its state, if it has one."""
    value = record.get("result")
    if value is None:
        return None
    value = _value("object", "result", value)
    if value.get("format") not in ("json", "pickle"):
        raise BadRecord(f"its result has the format {value.get('format')!r}, which is not known")
    return {"state": record["id"], "format": value["format"], "body": value.get("body")}


def parse_changes(kind: str, record: Record) -> Row:
    """Return the columns that an `update` record sets."""
    table = RUNS.get(kind, store.artifacts).table
    fields = _value("object", "set", record.get("set"))
    refused = sorted(set(fields) - CHANGEABLE[kind])
    if refused:
        raise BadRecord(f"it sets {', '.join(refused)} of a {kind}, which cannot be set")
    missing = sorted(name for name in table.required if name in fields and fields[name] is None)
    if missing:
        raise BadRecord(f"it sets {', '.join(missing)} of a {kind} to nothing")
    values = {name: None if value is None else _value(table.kinds[name], name, value) for name, value in fields.items()}
    if record.get("at") is not None:
        values["updated"] = _value("time", "at", record["at"])
    return values


# --- values ----------------------------------------------------------------------------------------------------------


@lru_cache(4096)
def _uuid(value: Any) -> UUID:
    return UUID(value)


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    # In UTC, which a time at either end of the calendar may not have.
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _int(value: Any) -> int:
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise ValueError(value)
    return value


def _is(*kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise TypeError(value)
        return value

    return check


_PARSERS: dict[Kind, Callable[[Any], Any]] = {
    "uuid": _uuid,
    "time": _time,
    "text": _is(str),
    "int": _int,
    "float": _is(int, float),
    "bool": _is(bool),
    "array": _is(list),
    "object": _is(dict),
    "json": lambda value: value,
}


def _value(kind: Kind, name: str, value: Any) -> Any:
    try:
        return _PARSERS[kind](value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        shown = repr(value)
        raise BadRecord(f"its {name} is not a valid {kind}: {shown[:80]}") from None
