"""Rows of the store as the API shows them: dictionaries of Python values, shaped as `prefect.schemas` has them.

Columns of our own (`owner`, `states`, `result`) do not leave here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from prefect.server.db.dialect import from_micros
from prefect.server.services.history import STATE_NAMES, StoredState
from prefect.server.store import Row
from prefect.types import now

Answer = dict[str, Any]

_PRIVATE = frozenset(("owner", "states", "result", "state_timestamp"))
_COLLECTIONS = UUID("6f5f2dd0-6a6b-5f0e-8d3b-0c1a5d9a7c11")
_NONE = timedelta(0)


def flow_run(row: Row) -> Answer:
    """A flow run with its current state."""
    details = {"flow_run_id": row["id"], "task_run_id": row["parent_task_run_id"]}
    return {**_run(row, details), "auto_scheduled": bool(row["auto_scheduled"])}


def task_run(row: Row) -> Answer:
    """A task run with its current state."""
    answer = _run(row, _task_details(row))
    answer["flow_run_run_count"] = row["flow_run_run_count"] or 0
    return answer


def flow_run_states(row: Row) -> list[Answer]:
    """All states of a flow run, oldest first."""
    details = {"flow_run_id": row["id"], "task_run_id": row["parent_task_run_id"]}
    return [state(stored, details) for stored in row["states"]]


def task_run_states(row: Row) -> list[Answer]:
    """All states of a task run, oldest first."""
    return [state(stored, _task_details(row)) for stored in row["states"]]


def state(stored: StoredState, details: Answer) -> Answer:
    """A stored state; `details` are those that follow from its run."""
    at = from_micros(stored["timestamp"])
    return {
        "id": UUID(stored["id"]),
        "type": stored["type"],
        "name": stored.get("name") or STATE_NAMES[stored["type"]],
        "timestamp": at,
        "message": stored.get("message"),
        "state_details": {**stored.get("details", {}), **details},
        "data": stored.get("data"),
        "created": at,
        "updated": at,
    }


def artifact_collection(row: Row) -> Answer:
    """The newest artifact of a key as the collection of that key."""
    return {**row, "id": uuid5(_COLLECTIONS, row["key"]), "latest_id": row["id"]}


def log(row: Row) -> Answer:
    """A log; it came into being when it was written."""
    return {**row, "created": row["timestamp"], "updated": row["timestamp"]}


def _task_details(row: Row) -> Answer:
    return {"flow_run_id": row["flow_run_id"], "task_run_id": row["id"]}


def _run(row: Row, details: Answer) -> Answer:
    answer = {name: value for name, value in row.items() if name not in _PRIVATE}
    states = row["states"]
    answer["state"] = state(states[-1], details) if states else None
    answer["state_id"] = answer["state"] and answer["state"]["id"]
    answer["run_count"] = row["run_count"] or 0
    answer["total_run_time"] = row["total_run_time"] or _NONE
    at = now()
    answer["estimated_run_time"] = _estimated_run_time(row, at)
    answer["estimated_start_time_delta"] = _start_delay(row, at)
    return answer


def _estimated_run_time(row: Row, at: datetime) -> timedelta:
    """The time spent running so far, a run that goes on included."""
    total = row["total_run_time"] or _NONE
    if row["state_type"] == "RUNNING":
        total += max(at - row["state_timestamp"], _NONE)
    return total


def _start_delay(row: Row, at: datetime) -> timedelta:
    """How much later than expected the run started, or is by now."""
    expected, started = row["expected_start_time"], row["start_time"]
    if expected is None or (started is None and row["end_time"] is not None):
        return _NONE
    return max((started or at) - expected, _NONE)
