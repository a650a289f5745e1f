"""The pages of a flow run and of a task run: what they are, and why they failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.shapes import (
    ArtifactRow,
    Failure,
    FlowRunPage,
    LogLine,
    Named,
    Pause,
    RunResult,
    StateCount,
    StateEntry,
    TaskInput,
    TaskRunPage,
)
from prefect.server.services.pages.run_detail import results
from prefect.server.services.runs.reports import start_reasons
from prefect.server.services.runs.reports.graphs import PARENTS_INPUT
from prefect.server.services.runs.states import retrying
from prefect.server.services.runs.states.run_states import STATE_NAMES, entered_at
from prefect.server.store import Row
from prefect.server.store.queries import catalog_pages as catalog_queries
from prefect.server.store.queries import run_page as queries
from prefect.server.store.queries import run_pages as list_queries
from prefect.types import json_codec

MAX_ARTIFACTS = 200
LAST_LINES = 8

USUAL_RUNS = 5
USUAL_TASK_RUNS = 100
"""Of how many flow runs and task runs at most it is read how long a task usually takes."""

_FAILED = ("FAILED", "CRASHED")


async def build_flow_run_page(tx: Transaction, id_: UUID) -> FlowRunPage:
    """Return the page of a flow run, or raise `NotFound`."""
    row = await reading.get_row(tx, store.flow_runs, id_)
    (run,) = await run_rows.present_flow_runs(tx, [row])
    counts = (await list_queries.count_task_states(tx, [id_])).get(id_, {})
    deployment = await store.deployments.get(tx, row["deployment_id"]) if row["deployment_id"] else None
    creator = row["created_by"] or {}
    policy = row["empirical_policy"]
    return {
        "run": run,
        "created": row["created"],
        "updated": row["updated"],
        "automation": creator.get("id") if creator.get("type") == "AUTOMATION" else None,
        "schedule": await _find_schedule(tx, creator),
        "flow_parameters": _find_defaults(deployment),
        "flow_version": row["flow_version"],
        "created_by": creator.get("display_value") or creator.get("type"),
        "idempotency_key": row["idempotency_key"],
        "infrastructure": row["infrastructure_pid"],
        "job_variables": row["job_variables"] or {},
        "retries": policy.get("retries"),
        "retry_delay": _first_delay(policy),
        "default_parameters": (deployment or {}).get("parameters") or {},
        "states": present_states(row),
        "task_states": _present_counts(counts),
        "subflows": await queries.count_subflow_runs(tx, id_),
        "parent": await _find_parent(tx, row["parent_task_run_id"]),
        "result": present_result(row),
        "failure": await _explain_flow_run(tx, row, counts) if row["state_type"] in _FAILED else None,
        "pause": await describe_pause(tx, row) if row["state_type"] == "PAUSED" else None,
        "waits_because": await _explain_waiting(tx, row),
        "artifacts": await find_artifacts(tx, {"flow_run_id": id_}),
    }


async def _find_schedule(tx: Transaction, creator: Mapping[str, Any]) -> dict[str, Any] | None:
    if creator.get("type") != "SCHEDULE" or not creator.get("id"):
        return None
    row = await store.deployment_schedules.get(tx, UUID(str(creator["id"])))
    return row["schedule"] if row else None


async def build_task_run_page(tx: Transaction, id_: UUID) -> TaskRunPage:
    """Return the page of a task run, or raise `NotFound`."""
    row = await reading.get_row(tx, store.task_runs, id_)
    (run,) = await run_rows.present_task_runs(tx, [row])
    policy = row["empirical_policy"]
    subflows = await store.flow_runs.find(tx, {"parent_task_run_id": id_}, limit=1, columns=("id", "name"))
    return {
        "run": run,
        "created": row["created"],
        "updated": row["updated"],
        "task_key": row["task_key"],
        "dynamic_key": row["dynamic_key"],
        "task_version": row["task_version"],
        "cache_key": row["cache_key"],
        "cache_expiration": row["cache_expiration"],
        "retries": policy.get("retries"),
        "retry_delay": _first_delay(policy),
        "states": present_states(row),
        "inputs": await _find_inputs(tx, row),
        "downstream": await _find_downstream(tx, row),
        "subflow": {"id": subflows[0]["id"], "name": subflows[0]["name"]} if subflows else None,
        "result": present_result(row),
        "usual_seconds": await _find_usual_seconds(tx, row),
        "failure": await _explain_task_run(tx, row) if row["state_type"] in _FAILED else None,
        "artifacts": await find_artifacts(
            tx,
            {"task_run_id": id_, "flow_run_id": row["flow_run_id"]},  # by the index on flow runs
        ),
    }


def present_result(row: Row) -> RunResult | None:
    """Return where the result of a run is kept, as its last state says; None where it says nothing."""
    data = row["states"][-1].get("data") if row["states"] else None
    is_inline = results.has_inline_result(row)
    if data is None and not is_inline:
        return None
    kept = data if isinstance(data, dict) and "storage_key" in data else {}
    return {
        "storage_key": kept.get("storage_key"),
        "storage_block": kept.get("storage_block_id"),
        "serializer": (kept.get("serializer") or {}).get("type"),
        "expiration": kept.get("expiration"),
        "is_inline": is_inline or not kept,
    }


async def _find_usual_seconds(tx: Transaction, row: Row) -> float | None:
    """Return the median of what a task took in the latest runs of its flow, or None where it completed in none."""
    run = await store.flow_runs.get(tx, row["flow_run_id"]) if row["flow_run_id"] else None
    if run is None:
        return None
    latest = await catalog_queries.find_latest_runs(tx, "flow_id", [run["flow_id"]], USUAL_RUNS + 1)
    former = [each["id"] for each in latest.get(run["flow_id"], []) if each["id"] != run["id"]]
    found = await queries.find_durations(tx, former[:USUAL_RUNS], row["task_key"], USUAL_TASK_RUNS)
    return median(each.total_seconds() for each in found) if found else None


def _find_defaults(deployment: Row | None) -> dict[str, Any]:
    """Return the default values of a flow's parameters, as its deployment knows them."""
    schema = (deployment or {}).get("parameter_openapi_schema") or {}
    properties = schema.get("properties")
    described = properties.items() if isinstance(properties, dict) else ()
    return {name: each["default"] for name, each in described if isinstance(each, dict) and "default" in each}


def _first_delay(policy: dict[str, Any]) -> float | None:
    delay = policy.get("retry_delay")
    return delay[0] if isinstance(delay, list) and delay else delay if isinstance(delay, (int, float)) else None


def present_states(row: Row) -> list[StateEntry]:
    """Return the states that a run has entered, oldest first."""
    return [
        {
            "type": state["type"],
            "name": state.get("name") or STATE_NAMES[state["type"]],
            "timestamp": entered_at(state),
            "message": state.get("message"),
        }
        for state in row["states"]
    ]


def _present_counts(counts: dict[str, int]) -> list[StateCount]:
    return [
        {"type": type_, "name": name, "count": counts[type_]} for type_, name in STATE_NAMES.items() if type_ in counts
    ]


async def _find_parent(tx: Transaction, parent_task_run_id: UUID | None) -> Named | None:
    """Return the flow run whose task run a flow run is."""
    if parent_task_run_id is None:
        return None
    task_run = await store.task_runs.get(tx, parent_task_run_id)
    found = await run_rows.find_names(tx, store.flow_runs, [task_run["flow_run_id"]] if task_run else [])
    return next(iter(found.values()), None)


async def find_artifacts(tx: Transaction, where: Any) -> list[ArtifactRow]:
    """Return artifacts as rows of a list."""
    rows: list[Any] = await queries.find_artifacts(tx, where, MAX_ARTIFACTS)
    return [row for row in rows if row["type"] != "result"]


async def _explain_waiting(tx: Transaction, row: Row) -> str | None:
    """Return why a flow run has not started."""
    if row["state_type"] not in ("SCHEDULED", "PENDING"):
        return None
    return (await start_reasons.explain(tx, row["id"]))["message"]


# --- failures --------------------------------------------------------------------------------------------------------


async def _explain_flow_run(tx: Transaction, row: Row, counts: dict[str, int]) -> Failure:
    first = next(iter(await queries.find_failed_task_runs(tx, row["id"], 1)), None)
    traceback = await queries.find_traceback(tx, row["id"], first["id"]) if first else None
    return {
        "message": _last_message(row),
        "task": {"id": first["id"], "name": first["name"]} if first else None,
        "task_message": _last_message(first) if first else None,
        "failed": sum(counts.get(type_, 0) for type_ in _FAILED),
        "not_run": await queries.count_not_ready(tx, row["id"]),
        "traceback": traceback or await queries.find_traceback(tx, row["id"], None),
        "logs": await _find_last_lines(tx, row["id"], first["id"] if first else None),
        "retry": await retrying.predict_retry(tx, row) if first else None,
    }


async def _explain_task_run(tx: Transaction, row: Row) -> Failure:
    return {
        "message": _last_message(row),
        "task": None,
        "task_message": None,
        "failed": 0,
        "not_run": 0,
        "traceback": await queries.find_traceback(tx, row["flow_run_id"], row["id"]),
        "logs": await _find_last_lines(tx, row["flow_run_id"], row["id"]),
        "retry": None,
    }


def _last_message(row: Row) -> str | None:
    return row["states"][-1].get("message") if row["states"] else None


async def _find_last_lines(tx: Transaction, flow_run_id: UUID, task_run_id: UUID | None) -> list[LogLine]:
    """Return the last lines that were logged before a traceback."""
    of_run = {"task_run_id": task_run_id} if task_run_id else {"flow_run_id": flow_run_id}
    order = store.logs.order("-timestamp", "-id")
    rows = await store.logs.find(tx, of_run, order, LAST_LINES + 2)
    lines = [present_line(row) for row in reversed(rows) if queries.TRACEBACK not in row["message"]]
    return lines[-LAST_LINES:]


def present_line(row: Row) -> LogLine:
    """Return a log record as a line."""
    return {
        "timestamp": row["timestamp"],
        "level": row["level"],
        "name": row["name"],
        "message": row["message"],
        "task_run_id": row["task_run_id"],
    }


# --- pauses and inputs -----------------------------------------------------------------------------------------------


async def describe_pause(tx: Transaction, row: Row) -> Pause:
    """Return what a paused flow run waits for."""
    details = row["states"][-1].get("details", {})
    keys = details.get("run_input_keyset") or {}
    timeout = details.get("pause_timeout")
    inputs = await queries.find_inputs(tx, row["id"], list(keys.values())) if keys else {}
    form = _parse(inputs.get(keys.get("schema", "")))
    description = _parse(inputs.get(keys.get("description", "")))
    return {
        "timeout": datetime.fromisoformat(timeout) if isinstance(timeout, str) else timeout,
        "form": form if isinstance(form, dict) else None,
        "description": description if isinstance(description, str) else None,
    }


def _parse(text: str | None) -> Any:
    try:
        return None if text is None else json_codec.loads_foreign(text.encode())
    except json_codec.JSONDecodeError:
        return text


async def _find_inputs(tx: Transaction, row: Row) -> list[TaskInput]:
    """Return the runs whose results a task run was called with, by parameter."""
    inputs: dict[str, list[dict[str, Any]]] = row["task_inputs"]
    ids = [UUID(str(each["id"])) for values in inputs.values() for each in values if each.get("id")]
    names = await run_rows.find_names(tx, store.task_runs, ids)
    found: list[TaskInput] = []
    for parameter, values in inputs.items():
        sources = [names[id_] for each in values if each.get("id") and (id_ := UUID(str(each["id"]))) in names]
        if parameter != PARENTS_INPUT:
            found.append({"name": parameter, "sources": sources})
    return found


async def _find_downstream(tx: Transaction, row: Row) -> list[Named]:
    """Return the task runs of the same flow run that used the result of a task run."""
    if row["flow_run_id"] is None:
        return []
    rows = await queries.find_downstream_runs(tx, row["flow_run_id"], row["id"], 50)
    return [{"id": each["id"], "name": each["name"]} for each in rows]
