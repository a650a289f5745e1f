"""Emit server events in the transaction that causes them.

An event exists exactly when its cause was committed. Emitting never refuses: its arguments are the server's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

from prefect.rules import TERMINAL
from prefect.schemas import run_events
from prefect.schemas.run_events import EventRun, EventState, build_tag_labels
from prefect.schemas.run_events import Labels as Labels
from prefect.schemas.run_events import build_labels as resource_labels
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.times import from_micros
from prefect.server.services.events import event_store
from prefect.server.services.runs.states.run_states import STATE_NAMES, StoredState
from prefect.server.store import Row
from prefect.types import new_id, now, uuid_from_text


class EventOptions(TypedDict, total=False):
    """Facts about an event that its emitter may set.

    Attributes:
        id: Its id, a new one if None. An event whose id is known already is not emitted again.
        occurred: When it occurred; now if None.
        follows: The id of the event before it.
    """

    id: UUID | None
    occurred: datetime | None
    follows: UUID | None


async def emit(
    tx: Transaction,
    event: str,
    resource: Labels,
    related: Sequence[Labels] = (),
    payload: Mapping[str, Any] | None = None,
    **options: Unpack[EventOptions],
) -> UUID:
    """Emit an event.

    Args:
        tx: The transaction that causes it.
        event: Its name, for instance `"prefect.deployment.created"`.
        resource: The labels of the object it is about, of which `prefect.resource.id` must be one.
        related: The labels of other objects involved; each must have `prefect.resource.role`, too.
        payload: Further facts.
        options: Its id, time and predecessor.

    Returns:
        The event's id.
    """
    built = build_event(event, resource, related, payload, **options)
    await event_store.add_events(tx, [built])
    return built["id"]


async def emit_object_event(
    tx: Transaction,
    kind: str,
    change: str,
    row: Mapping[str, Any],
    payload: Mapping[str, Any] | None = None,
    related: Sequence[Labels] = (),
) -> None:
    """Emit the event `prefect.KIND.CHANGE` of an object with an id and a name.

    Args:
        tx: The transaction that changes it.
        kind: Its kind, for instance `"variable"`.
        change: `"created"`, `"updated"` or `"deleted"`.
        row: Its row.
        payload: Further facts.
        related: The labels of other objects involved.
    """
    await emit(tx, f"prefect.{kind}.{change}", resource_labels(kind, row["id"], row["name"]), related, payload)


def build_event(
    event: str,
    resource: Labels,
    related: Sequence[Labels] = (),
    payload: Mapping[str, Any] | None = None,
    **options: Unpack[EventOptions],
) -> event_store.Event:
    """Return an event ready for `event_store.add_events`; arguments as in `emit`."""
    at = now()
    return {
        "occurred": options.get("occurred") or at,
        "event": event,
        "resource": resource,
        "related": list(related),
        "payload": dict(payload or {}),
        "id": options.get("id") or new_id(),
        "follows": options.get("follows"),
        "received": at,
    }


def work_pool_labels(row: Row) -> Labels:
    """Return the labels of a work pool, related or not."""
    return resource_labels("work-pool", row["id"], row["name"], "work-pool") | {"prefect.work-pool.type": row["type"]}


_NO_ROWS: Mapping[UUID, Row] = {}


# --- the states of runs ----------------------------------------------------------------------------------------------


class StateChange(NamedTuple):
    """A run's entry into a state.

    Attributes:
        run: The run's row, with the state among its `states`.
        before: The state that it left, if it had one.
        after: The state that it entered.
        run_count: The number of the attempt that it was in then.
        intended: The type of the state that was proposed, where another was entered instead.
    """

    run: Row
    before: StoredState | None
    after: StoredState
    run_count: int | None
    intended: str | None = None


async def emit_state_events(
    tx: Transaction, run_kind: str, changes: Sequence[StateChange], flows: Mapping[UUID, Row] = _NO_ROWS
) -> None:
    """Emit the events of runs that entered states.

    Runs that the scheduler creates ahead of time have no event for their first state.

    Args:
        tx: The transaction in which they do.
        run_kind: `"flow_run"` or `"task_run"`.
        changes: The states that are new, in the order of their times for each run.
        flows: Flows of the runs that have been read in the transaction already.
    """
    if not changes:
        return
    if run_kind == "flow_run":
        for change in changes:
            if change.after["type"] in TERMINAL:
                tx.notify(end_topic(change.run["id"]))
        parents = await _load_parents(tx, [change.run for change in changes], flows)
        builder = _StateEventBuilder({}, parents)
        events = [builder.build_flow_run_event(change) for change in changes]
    else:
        flow_runs = await _load_flow_runs(tx, [change.run for change in changes])
        builder = _StateEventBuilder(flow_runs, await _load_parents(tx, list(flow_runs.values())))
        events = [builder.build_task_run_event(change) for change in changes]
    await event_store.add_events(tx, events)


def end_topic(flow_run_id: UUID) -> str:
    """Return the topic of the notification that a flow run has ended."""
    return f"flow-run-end:{flow_run_id}"


_Rows = dict[UUID | None, Row]
"""Rows by their ids; there is none for None."""


@dataclass(frozen=True)
class _Parents:
    """The objects that flow runs belong to, by id."""

    flows: _Rows
    deployments: _Rows
    work_queues: _Rows
    work_pools: _Rows
    task_runs: _Rows


async def _load_parents(
    tx: Transaction, flow_runs: Iterable[Row], known_flows: Mapping[UUID, Row] = _NO_ROWS
) -> _Parents:
    runs = list(flow_runs)

    async def load(collection: store.Collection, column: str, rows: Iterable[Row], *columns: str) -> _Rows:
        ids = {row[column] for row in rows if row.get(column) is not None}
        return {**await collection.get_many(tx, list(ids), columns=("id", *columns))} if ids else {}

    if all(run["flow_id"] in known_flows for run in runs):
        flows: _Rows = {**known_flows}
    else:
        flows = await load(store.flows, "flow_id", runs, "name", "tags")
    task_runs = await load(store.task_runs, "parent_task_run_id", runs, "name")
    if not any(run.get("deployment_id") or run.get("work_queue_id") for run in runs):  # hot path: runs of programs
        return _Parents(flows, {}, {}, {}, task_runs)
    queues = await load(store.work_queues, "work_queue_id", runs, "name", "work_pool_id")
    return _Parents(
        flows=flows,
        deployments=await load(store.deployments, "deployment_id", runs, "name", "tags"),
        work_queues=queues,
        work_pools=await load(store.work_pools, "work_pool_id", queues.values(), "name", "type"),
        task_runs=task_runs,
    )


async def _load_flow_runs(tx: Transaction, task_runs: Iterable[Row]) -> _Rows:
    ids = {run["flow_run_id"] for run in task_runs if run.get("flow_run_id") is not None}
    return {**await store.flow_runs.get_many(tx, list(ids))} if ids else {}


class _StateEventBuilder:
    """Builds the events of runs that entered states; what several of them have in common is described once.

    Args:
        flow_runs: The flow runs of the task runs.
        parents: What the flow runs belong to.
    """

    def __init__(self, flow_runs: _Rows, parents: _Parents) -> None:
        self._flow_runs = flow_runs
        self._parents = parents
        self._states: dict[str, EventState] = {}
        self._task_run_labels: dict[tuple[UUID | None, tuple[str, ...]], list[Labels]] = {}

    def build_flow_run_event(self, change: StateChange) -> event_store.Event:
        """Return the event of a flow run."""
        run, parents = change.run, self._parents
        related = _parent_labels(run, parents)
        parent = parents.task_runs.get(run.get("parent_task_run_id"))
        if parent is not None:
            related.append(resource_labels("task-run", parent["id"], parent["name"], "task-run"))
        related += _tag_labels(run, parents)
        creator = run.get("created_by") or {}
        if creator.get("type") in ("DEPLOYMENT", "AUTOMATION") and creator.get("id"):
            kind = creator["type"].lower()
            related.append(resource_labels(kind, creator["id"], creator.get("display_value"), "creator"))
        event = run_events.build_flow_run_event(*self._describe(change), related, change.intended)
        return {**event, "received": now()}

    def build_task_run_event(self, change: StateChange) -> event_store.Event:
        """Return the event of a task run."""
        key = change.run.get("flow_run_id"), tuple(change.run.get("tags") or ())
        related = self._task_run_labels.get(key)
        if related is None:
            related = self._task_run_labels[key] = self._label_task_run(change.run)
        event = run_events.build_task_run_event(*self._describe(change), related, change.intended)
        return {**event, "received": now()}

    def _label_task_run(self, run: Row) -> list[Labels]:
        """Return the labels of what a task run belongs to, which it has in common with others of its flow run."""
        related = build_tag_labels(run.get("tags"))
        flow_run = self._flow_runs.get(run.get("flow_run_id"))
        if flow_run is not None:
            related.append(resource_labels("flow-run", flow_run["id"], flow_run["name"], "flow-run"))
            related += _parent_labels(flow_run, self._parents)
            related += [tag for tag in _tag_labels(flow_run, self._parents) if tag not in related]
        return related

    def _describe(self, change: StateChange) -> tuple[EventRun, EventState | None, EventState]:
        run = EventRun(change.run["id"], change.run["name"], change.run_count or 0)
        before = None if change.before is None else self._describe_state(change.before)
        return run, before, self._describe_state(change.after)

    def _describe_state(self, state: StoredState) -> EventState:
        described = self._states.get(state["id"])
        if described is None:
            described = self._states[state["id"]] = EventState(
                id=uuid_from_text(state["id"]),
                type=state["type"],
                name=state.get("name") or STATE_NAMES[state["type"]],
                timestamp=from_micros(state["timestamp"]),
                message=state.get("message"),
                details=state.get("details", {}),
                data=state.get("data"),
            )
        return described


def _parent_labels(run: Row, parents: _Parents) -> list[Labels]:
    """Return the labels of what a flow run belongs to."""
    related: list[Labels] = []
    if flow := parents.flows.get(run["flow_id"]):
        related.append(resource_labels("flow", flow["id"], flow["name"], "flow"))
    if deployment := parents.deployments.get(run.get("deployment_id")):
        related.append(resource_labels("deployment", deployment["id"], deployment["name"], "deployment"))
    if queue := parents.work_queues.get(run.get("work_queue_id")):
        related.append(resource_labels("work-queue", queue["id"], queue["name"], "work-queue"))
        if pool := parents.work_pools.get(queue["work_pool_id"]):
            related.append(work_pool_labels(pool))
    return related


def _tag_labels(run: Row, parents: _Parents) -> list[Labels]:
    """Return the labels of the tags of a flow run, of its flow and of its deployment."""
    tags = set(run["tags"] or ())
    for owner in (parents.flows.get(run["flow_id"]), parents.deployments.get(run.get("deployment_id"))):
        tags.update(owner["tags"] or () if owner else ())
    return build_tag_labels(tags)


async def find_owner_labels(tx: Transaction, flow_runs: Sequence[Row]) -> dict[UUID, list[Labels]]:
    """Return the labels of the flow, the deployment and the tags of flow runs, by the ids of the runs."""
    parents = await _load_parents(tx, flow_runs)
    return {
        run["id"]: [
            *(labels for labels in _parent_labels(run, parents) if labels["prefect.resource.role"] in _OWNERS),
            *_tag_labels(run, parents),
        ]
        for run in flow_runs
    }


_OWNERS = ("flow", "deployment")


async def find_run_labels(tx: Transaction, rows: Iterable[Row]) -> dict[tuple[UUID | None, UUID | None], list[Labels]]:
    """Return the labels of runs and of what these belong to, by the ids of the flow run and the task run.

    Args:
        tx: The transaction.
        rows: Rows of objects that belong to a flow run, a task run, both or none.
    """
    pairs = {(row.get("flow_run_id"), row.get("task_run_id")) for row in rows}
    task_run_ids = [task_run_id for _, task_run_id in pairs if task_run_id is not None]
    task_runs: _Rows = {**await store.task_runs.get_many(tx, task_run_ids)} if task_run_ids else {}
    flow_runs = await _load_flow_runs(tx, [{"flow_run_id": flow_run_id} for flow_run_id, _ in pairs])
    parents = await _load_parents(tx, list(flow_runs.values()))
    labels: dict[tuple[UUID | None, UUID | None], list[Labels]] = {}
    for pair in pairs:
        flow_run, task_run = flow_runs.get(pair[0]), task_runs.get(pair[1])
        runs = [("flow-run", flow_run), ("task-run", task_run)]
        found = [resource_labels(kind, run["id"], run["name"], kind) for kind, run in runs if run is not None]
        tags = build_tag_labels(task_run["tags"] if task_run is not None else ())
        if flow_run is not None:
            found += _parent_labels(flow_run, parents)
            tags += [tag for tag in _tag_labels(flow_run, parents) if tag not in tags]
        labels[pair] = [*found, *tags]
    return labels
