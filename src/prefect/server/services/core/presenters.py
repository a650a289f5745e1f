"""Present rows as the API shows them: dictionaries of Python values, in the shape of `prefect.schemas`.

Internal columns (`owner`, `states`, `result`) are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from prefect.schemas.runs import FlowRunPolicy, TaskRunPolicy
from prefect.schemas.states import StateDetails
from prefect.schemas.wire.runs import TaskRunResponse
from prefect.server.services.runs.states.run_states import STATE_NAMES, StoredState, entered_at
from prefect.server.store import Row
from prefect.types import now, uuid_from_text

Answer = dict[str, Any]

_PRIVATE_COLUMNS = frozenset(("owner", "states", "result", "state_timestamp", "lease_until"))
_COLLECTION_NAMESPACE = UUID("6f5f2dd0-6a6b-5f0e-8d3b-0c1a5d9a7c11")
_ZERO = timedelta(0)

_DETAILS: Answer = {name: field.default for name, field in StateDetails.model_fields.items()} | {"deferred": False}
_FLOW_POLICY: Answer = {name: field.default for name, field in FlowRunPolicy.model_fields.items()} | {"pause_keys": []}
_TASK_POLICY: Answer = {name: field.default for name, field in TaskRunPolicy.model_fields.items()}
_NO_WORK_POOL: Answer = {"work_pool_id": None, "work_pool_name": None}


def present_flow_run(row: Row, work_pool: Mapping[str, Any] = _NO_WORK_POOL) -> Answer:
    """Return a flow run with its current state.

    Args:
        row: Its row.
        place: Where it is to run: `work_pool_id` and `work_pool_name`, and the queue's current `work_queue_name`.
    """
    answer = _present_run(row, _flow_details(row))
    answer.update(work_pool)
    answer["auto_scheduled"] = bool(row["auto_scheduled"])
    answer["job_variables"] = row["job_variables"] or {}
    answer["empirical_policy"] = {**_FLOW_POLICY, **row["empirical_policy"]}
    return answer


def present_task_run(row: Row) -> Answer:
    """Return a task run with its current state."""
    answer = _present_run(row, _task_details(row))
    answer["flow_run_run_count"] = row["flow_run_run_count"] or 0
    answer["empirical_policy"] = {**_TASK_POLICY, **row["empirical_policy"]}
    return answer


def present_task_run_summary(row: Row) -> Answer:
    """Return the fields of a task run that a page of task runs has."""
    answer = present_task_run(row)
    return {name: answer[name] for name in TaskRunResponse.model_fields}


def present_flow_run_state(row: Row) -> Answer | None:
    """Return the current state of a flow run, if it has one."""
    return present_state(row["states"][-1], _flow_details(row)) if row["states"] else None


def present_task_run_state(row: Row) -> Answer | None:
    """Return the current state of a task run, if it has one."""
    return present_state(row["states"][-1], _task_details(row)) if row["states"] else None


def present_flow_run_states(row: Row) -> list[Answer]:
    """Return the states of a flow run, oldest first."""
    return [present_state(stored, _flow_details(row)) for stored in row["states"]]


def present_task_run_states(row: Row) -> list[Answer]:
    """Return the states of a task run, oldest first."""
    return [present_state(stored, _task_details(row)) for stored in row["states"]]


def present_state(stored: StoredState, details: Answer, entered: datetime | None = None) -> Answer:
    """Return a stored state; `details` are those that follow from its run, `entered` its time where it is known."""
    return {
        "id": uuid_from_text(stored["id"]),
        "type": stored["type"],
        "name": stored.get("name") or STATE_NAMES[stored["type"]],
        "timestamp": entered or entered_at(stored),
        "message": stored.get("message"),
        "data": stored.get("data"),
        "state_details": {**_DETAILS, **stored.get("details", {}), **details},
    }


def present_artifact_collection(row: Row) -> Answer:
    """Return the latest artifact of a key as the collection of that key."""
    return {**row, "id": uuid5(_COLLECTION_NAMESPACE, row["key"]), "latest_id": row["id"]}


def present_log(row: Row) -> Answer:
    """Return a log; its creation time is its timestamp."""
    log = {**row, "created": row["timestamp"], "updated": row["timestamp"]}
    del log["worker_id"]  # the interface has it in new logs only
    return log


def _flow_details(row: Row) -> Answer:
    return {"flow_run_id": row["id"], "task_run_id": row["parent_task_run_id"]}


def _task_details(row: Row) -> Answer:
    return {"flow_run_id": row["flow_run_id"], "task_run_id": row["id"]}


def _present_run(row: Row, details: Answer) -> Answer:
    answer = row.copy()
    for name in _PRIVATE_COLUMNS:
        answer.pop(name, None)
    states = row["states"]
    state = answer["state"] = present_state(states[-1], details, row["state_timestamp"]) if states else None
    answer["state_id"] = state and state["id"]
    answer["run_count"] = row["run_count"] or 0
    answer["total_run_time"] = row["total_run_time"] or _ZERO
    at = now()
    answer["estimated_run_time"] = estimate_run_time(row, at)
    answer["estimated_start_time_delta"] = compute_start_delay(row, at)
    return answer


def estimate_run_time(row: Row, at: datetime) -> timedelta:
    """Return the time spent running so far, including the current attempt."""
    total = row["total_run_time"] or _ZERO
    if row["state_type"] == "RUNNING":
        total += max(at - row["state_timestamp"], _ZERO)
    return total


def compute_start_delay(row: Row, at: datetime) -> timedelta:
    """Return how much later than expected the run started, or how late it is by now."""
    expected, started = row["expected_start_time"], row["start_time"]
    if expected is None or (started is None and row["end_time"] is not None):
        return _ZERO
    return max((started or at) - expected, _ZERO)
