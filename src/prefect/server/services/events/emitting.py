"""Saying that something happened: events that the server itself emits, in the transaction of what they tell.

An event is there exactly when what it tells is. Emitting never refuses: what is said here is known to be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from prefect.server import store
from prefect.server.db.dialect import from_micros
from prefect.server.db.interface import Transaction
from prefect.server.services.events import event_store
from prefect.server.services.runs.run_states import STATE_NAMES, StoredState, derive_columns
from prefect.server.store import Row
from prefect.types import new_id, now

Labels = dict[str, str]

FOLLOWS_WITHIN = timedelta(minutes=5)
"""An event names the one that it follows only when that one is not older."""

LONGEST_MESSAGE = 100_000
"""Characters of a state's message that its event has."""


async def emit(
    tx: Transaction,
    event: str,
    resource: Labels,
    related: Sequence[Labels] = (),
    payload: Mapping[str, Any] | None = None,
    *,
    id: UUID | None = None,
    occurred: datetime | None = None,
    follows: UUID | None = None,
) -> UUID:
    """Say that something happened.

    Args:
        tx: The transaction in which it does.
        event: What, for instance `"prefect.deployment.created"`.
        resource: To what: labels, of which `prefect.resource.id` must be one.
        related: What else was involved; each must have `prefect.resource.role`, too.
        payload: Whatever else is to be known.
        id: The event's id; one that is known already is not emitted again.
        occurred: When it happened; now unless given.
        follows: The id of the event before it.

    Returns:
        The event's id.
    """
    told = build_event(event, resource, related, payload, id=id, occurred=occurred, follows=follows)
    await event_store.add_events(tx, [told])
    return told["id"]


def build_event(
    event: str,
    resource: Labels,
    related: Sequence[Labels] = (),
    payload: Mapping[str, Any] | None = None,
    *,
    id: UUID | None = None,
    occurred: datetime | None = None,
    follows: UUID | None = None,
) -> event_store.Event:
    """An event as `emit` has it, for `event_store.add`, which takes many at once."""
    at = now()
    return {
        "occurred": occurred or at,
        "event": event,
        "resource": resource,
        "related": list(related),
        "payload": dict(payload or {}),
        "id": id or new_id(),
        "follows": follows,
        "received": at,
    }


def resource_labels(
    kind: str, id: object, name: str | None = None, role: str | None = None, more: Mapping[str, str] | None = None
) -> Labels:
    """The labels of an object.

    Args:
        kind: What it is, for instance `"flow-run"`.
        id: Its id.
        name: Its name.
        role: How it is involved, for a related resource.
        more: Further labels.
    """
    labels = {"prefect.resource.id": f"prefect.{kind}.{id}"}
    if role is not None:
        labels["prefect.resource.role"] = role
    if name is not None:
        labels["prefect.resource.name"] = name
    return labels | dict(more or {})


def work_pool_labels(row: Row) -> Labels:
    """The labels of a work pool, related or not."""
    return resource_labels("work-pool", row["id"], row["name"], "work-pool") | {"prefect.work-pool.type": row["type"]}


# --- the states of runs ----------------------------------------------------------------------------------------------


class StateChange(NamedTuple):
    """That a run entered a state.

    Attributes:
        run: The run's row, with the state among its `states`.
        before: The state that it left, if it had one.
        after: The state that it entered.
        intended: The type of the state that was asked for, where another was entered instead.
    """

    run: Row
    before: StoredState | None
    after: StoredState
    intended: str | None = None


async def emit_state_events(tx: Transaction, run_kind: str, changes: Sequence[StateChange]) -> None:
    """Say that runs entered states.

    Runs that the scheduler creates ahead of time come without an event for their first state.

    Args:
        tx: The transaction in which they do.
        of: `"flow_run"` or `"task_run"`.
        entered: The states that are new, in the order of their times for each run.
    """
    if not changes:
        return
    if run_kind == "flow_run":
        around = await _around(tx, [each.run for each in changes])
        events = [_flow_run_event(each, around) for each in changes]
    else:
        runs = await _flow_runs_of(tx, [each.run for each in changes])
        around = await _around(tx, list(runs.values()))
        events = [_task_run_event(each, runs, around) for each in changes]
    await event_store.add_events(tx, events)


_Rows = dict[UUID | None, Row]
"""Rows by their ids; there is none for None."""


@dataclass(frozen=True)
class _Around:
    """What flow runs belong to, by id."""

    flows: _Rows
    deployments: _Rows
    work_queues: _Rows
    work_pools: _Rows
    task_runs: _Rows


async def _around(tx: Transaction, flow_runs: Iterable[Row]) -> _Around:
    runs = list(flow_runs)

    async def known(collection: store.Collection, column: str, rows: Iterable[Row]) -> _Rows:
        ids = {row[column] for row in rows if row.get(column) is not None}
        return {**await collection.get_many(tx, list(ids))} if ids else {}

    queues = await known(store.work_queues, "work_queue_id", runs)
    return _Around(
        flows=await known(store.flows, "flow_id", runs),
        deployments=await known(store.deployments, "deployment_id", runs),
        work_queues=queues,
        work_pools=await known(store.work_pools, "work_pool_id", queues.values()),
        task_runs=await known(store.task_runs, "parent_task_run_id", runs),
    )


async def _flow_runs_of(tx: Transaction, task_runs: Iterable[Row]) -> _Rows:
    ids = {run["flow_run_id"] for run in task_runs if run.get("flow_run_id") is not None}
    return {**await store.flow_runs.get_many(tx, list(ids))} if ids else {}


def _flow_run_event(entered: StateChange, around: _Around) -> event_store.Event:
    run, before, after = entered.run, entered.before, entered.after
    related = _belongings(run, around)
    parent = around.task_runs.get(run.get("parent_task_run_id"))
    if parent is not None:
        related.append(resource_labels("task-run", parent["id"], parent["name"], "task-run"))
    related += _tags(run, around)
    creator = run.get("created_by") or {}
    if creator.get("type") in ("DEPLOYMENT", "AUTOMATION") and creator.get("id"):
        kind = creator["type"].lower()
        related.append(resource_labels(kind, creator["id"], creator.get("display_value"), "creator"))
    shown = {"initial_state": before and _flow_run_state(before), "validated_state": _flow_run_state(after)}
    return _event("flow-run", entered, related, shown)


def _task_run_event(entered: StateChange, flow_runs: _Rows, around: _Around) -> event_store.Event:
    run, before, after = entered.run, entered.before, entered.after
    related = [resource_labels("tag", tag, role="tag") for tag in sorted(set(run.get("tags") or ()))]
    flow_run = flow_runs.get(run.get("flow_run_id"))
    if flow_run is not None:
        related.append(resource_labels("flow-run", flow_run["id"], flow_run["name"], "flow-run"))
        related += _belongings(flow_run, around)
        related += [tag for tag in _tags(flow_run, around) if tag not in related]
    shown = {
        "initial_state": before and _task_run_state(before),
        "validated_state": {**_task_run_state(after), "data": after.get("data")},
    }
    event = _event("task-run", entered, related, shown)
    event["resource"]["prefect.orchestration"] = "client"
    return event


def _event(kind: str, entered: StateChange, related: list[Labels], states: dict[str, Any]) -> event_store.Event:
    run, before, after, intended = entered
    occurred = from_micros(after["timestamp"])
    name = after.get("name") or STATE_NAMES[after["type"]]
    labels = {
        "prefect.resource.id": f"prefect.{kind}.{run['id']}",
        "prefect.resource.name": run["name"],
        "prefect.run-count": str(_run_count(run, after)),
        "prefect.state-message": _message(after),
        "prefect.state-name": name,
        "prefect.state-timestamp": occurred.isoformat(timespec="microseconds"),
        "prefect.state-type": after["type"],
    }
    follows = None
    if before is not None and occurred - from_micros(before["timestamp"]) < FOLLOWS_WITHIN:
        follows = UUID(before["id"])
    return {
        "occurred": occurred,
        "event": f"prefect.{kind}.{name}",
        "resource": labels,
        "related": related,
        "payload": {"intended": {"from": before and before["type"], "to": intended or after["type"]}, **states},
        "id": UUID(after["id"]),
        "follows": follows,
        "received": now(),
    }


def _belongings(run: Row, around: _Around) -> list[Labels]:
    """What a flow run belongs to."""
    related: list[Labels] = []
    if flow := around.flows.get(run["flow_id"]):
        related.append(resource_labels("flow", flow["id"], flow["name"], "flow"))
    if deployment := around.deployments.get(run.get("deployment_id")):
        related.append(resource_labels("deployment", deployment["id"], deployment["name"], "deployment"))
    if queue := around.work_queues.get(run.get("work_queue_id")):
        related.append(resource_labels("work-queue", queue["id"], queue["name"], "work-queue"))
        if pool := around.work_pools.get(queue["work_pool_id"]):
            related.append(work_pool_labels(pool))
    return related


def _tags(run: Row, around: _Around) -> list[Labels]:
    """The tags of a flow run, of its flow and of its deployment."""
    tags = set(run["tags"] or ())
    for owner in (around.flows.get(run["flow_id"]), around.deployments.get(run.get("deployment_id"))):
        tags.update(owner["tags"] or () if owner else ())
    return [resource_labels("tag", tag, role="tag") for tag in sorted(tags)]


def _flow_run_state(state: StoredState) -> dict[str, Any]:
    shown = {"type": state["type"], "name": state.get("name") or STATE_NAMES[state["type"]]}
    if state.get("message"):
        shown["message"] = _message(state)
    if state["type"] == "PAUSED":
        shown["pause_reschedule"] = str(bool(state.get("details", {}).get("pause_reschedule"))).lower()
    return shown


def _task_run_state(state: StoredState) -> dict[str, Any]:
    return {
        "type": state["type"],
        "name": state.get("name") or STATE_NAMES[state["type"]],
        "message": _message(state),
        "state_details": state.get("details", {}),
    }


def _message(state: StoredState) -> str:
    return (state.get("message") or "")[:LONGEST_MESSAGE]


def _run_count(run: Row, after: StoredState) -> int:
    """Which attempt a run was in when it had entered a state."""
    states = run["states"]
    if states[-1]["id"] == after["id"]:
        return run["run_count"] or 0
    until = [state["id"] for state in states].index(after["id"]) + 1
    then = {**run, "states": states[:until]}
    derive_columns(then)
    return then["run_count"]
