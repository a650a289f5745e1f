"""Creating runs. Two requests for the same run, by its idempotency key or its place in its flow run, create one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from prefect.schemas.runs import random_name
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import presenters, reading
from prefect.server.services.core.errors import Conflict, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs.lifecycle import updates
from prefect.server.services.runs.states import observed_states, run_states, transitions
from prefect.server.store import Row
from prefect.types import new_id, now
from prefect.types.mappings import Values

"""The fields of a request, as Python values keyed by column."""

PENDING_STATE: Values = {"type": "PENDING"}
"""The state of a run that is created without one."""


async def create_flow_run(tx: Transaction, values: Values, state: Values | None = None) -> tuple[Answer, bool]:
    """Create a flow run.

    Args:
        tx: The transaction.
        values: Its columns; `work_pool_name` and `work_queue_name` may name where it is to run.
        state: Its first state, as `transitions.set_flow_run_state` takes it; PENDING if None.

    Returns:
        The run, and whether it is new: one of the same flow and idempotency key is left as it is.

    Raises:
        Conflict: There is no such flow.
        NotFound: There is no such work pool or queue.
        InvalidRequest: The parameters are too large.
    """
    updates.check_parameters(values)
    flow_id, key = values["flow_id"], values.get("idempotency_key")
    if key is not None and (existing := await _find_by_key(tx, flow_id, key)):
        return await reading.present_flow_run(tx, existing[0]), False
    flow, deployment_id = await store.flows.get(tx, flow_id), values.get("deployment_id")
    if flow is None:
        raise Conflict(f"There is no flow {str(flow_id)!r} of which this could be a run.")
    deployment = await store.deployments.get(tx, deployment_id) if deployment_id is not None else None
    labels = _inherit_labels(flow, deployment_id, deployment)
    row = build_flow_run(await _resolve_work_queue(tx, values), state or PENDING_STATE, labels)
    if not await store.flow_runs.add(tx, [row]):
        # Another transaction has added it since the look-up.
        existing = await _find_by_key(tx, flow_id, key) if key is not None else []
        if not existing:
            raise Conflict(f"There is a flow run {str(row['id'])!r} already.")
        return await reading.present_flow_run(tx, existing[0]), False
    await transitions.handle_first_state(tx, store.flow_runs, row, {flow_id: flow})
    return await reading.present_flow_run(tx, row), True


async def insert_flow_runs(tx: Transaction, runs: Iterable[Values]) -> list[Row]:
    """Insert flow runs in one statement, without an event for their first state.

    Args:
        tx: The transaction.
        runs: The columns of each, of one flow or of several, and its first `state`.

    Returns:
        The rows of those that are new: one of the same flow and idempotency key is left as it is.
    """
    runs = list(runs)
    flows = await store.flows.get_many(tx, list({run["flow_id"] for run in runs}))
    labels = await _find_inherited_labels(tx, runs, flows)
    rows = [
        build_flow_run(
            {name: value for name, value in run.items() if name != "state"},
            run["state"],
            labels[run["flow_id"], run.get("deployment_id")] or {},
        )
        for run in runs
    ]
    existing = await find_ids_by_key(tx, rows)
    new = [row for row in rows if (row["flow_id"], row["idempotency_key"]) not in existing]
    await store.flow_runs.add(tx, new)
    await observed_states.record_states(tx, [row["states"][-1] for row in new])
    return new


async def create_many_flow_runs(tx: Transaction, runs: Iterable[Values]) -> dict[UUID, UUID]:
    """Create flow runs in one statement; each has an id, its first `state`, and parameters that have been checked.

    Returns:
        By the id of each that of its run, which is another where there was one of the same idempotency key.
    """
    runs = list(runs)
    # Of several with the same key the first one counts.
    by_key = {(run["flow_id"], run.get("idempotency_key") or run["id"]): run for run in reversed(runs)}
    new = await insert_flow_runs(tx, reversed(by_key.values()))
    existing = await find_ids_by_key(tx, runs)
    ids: dict[UUID, UUID] = {
        run["id"]: existing.get((run["flow_id"], run.get("idempotency_key"))) or run["id"] for run in runs
    }
    await transitions.handle_first_states(tx, [row for row in new if ids[row["id"]] == row["id"]])
    return ids


async def find_ids_by_key(tx: Transaction, runs: Iterable[Values]) -> dict[tuple[UUID, str | None], UUID]:
    """Return the ids of the existing flow runs that have the flow and the idempotency key of one of these runs."""
    keyed = [run for run in runs if run.get("idempotency_key") is not None]
    ids: dict[tuple[UUID, str | None], UUID] = {}
    for batch in store.chunks(keyed):
        values = {
            "flow_id": list({run["flow_id"] for run in batch}),
            "idempotency_key": [run["idempotency_key"] for run in batch],
        }
        rows = await store.flow_runs.find(tx, values, columns=["id", "flow_id", "idempotency_key"])
        ids.update(((row["flow_id"], row["idempotency_key"]), row["id"]) for row in rows)
    return ids


async def create_task_run(tx: Transaction, values: Values, state: Values | None = None) -> tuple[Answer, bool]:
    """Create a task run.

    Args:
        tx: The transaction.
        values: Its columns.
        state: Its first state, as `transitions.set_task_run_state` takes it; PENDING if None.

    Returns:
        The run, and whether it is new: one with the same task and dynamic key in its flow run is left as it is.

    Raises:
        Conflict: There is no such flow run, or another run has this id.
    """
    labels: dict[str, Any] = {}
    flow_run_id = values.get("flow_run_id")
    if flow_run_id is not None:
        # Locked, so that two requests for the same run are served one after the other.
        flow_run = await store.flow_runs.get(tx, flow_run_id, lock=True)
        if flow_run is None:
            raise Conflict(f"There is no flow run {str(flow_run_id)!r} to which this could belong.")
        place = {name: values[name] for name in ("flow_run_id", "task_key", "dynamic_key")}
        existing = await store.task_runs.find(tx, place, limit=1)
        if existing:
            return presenters.present_task_run(existing[0]), False
        labels = {**flow_run["labels"], "prefect.flow-run.id": str(flow_run_id)}
    at = now()
    row = _fill_columns(store.task_runs, {**values, "created": at, "updated": at})
    row["labels"] = {**labels, **(values.get("labels") or {})}
    transitions.enter_first_state(row, state or PENDING_STATE)
    if not await store.task_runs.add(tx, [row]):
        raise Conflict(f"There is a task run {str(row['id'])!r} already.")
    await transitions.handle_first_state(tx, store.task_runs, row)
    return presenters.present_task_run(row), True


async def _find_by_key(tx: Transaction, flow_id: UUID, key: str) -> list[Row]:
    return await store.flow_runs.find(tx, {"flow_id": flow_id, "idempotency_key": key})


async def _resolve_work_queue(tx: Transaction, values: Values) -> dict[str, Any]:
    """Return the columns with the id of the work queue that `work_pool_name` and `work_queue_name` name."""
    row = dict(values)
    pool_name = row.pop("work_pool_name", None)
    if pool_name is None or row.get("work_queue_id") is not None:
        return row
    pools = await store.work_pools.find(tx, {"name": pool_name})
    if not pools:
        raise NotFound("work pool", pool_name)
    queue_id, name = pools[0]["default_queue_id"], row.get("work_queue_name")
    where = {"work_pool_id": pools[0]["id"], "name": name} if name else {"id": queue_id}
    queues = await store.work_queues.find(tx, where, columns=["id", "name"])
    if not queues:
        raise NotFound("work queue", name or queue_id)
    return {**row, "work_queue_id": queues[0]["id"], "work_queue_name": queues[0]["name"]}


async def _find_inherited_labels(
    tx: Transaction, runs: Iterable[Values], flows: Mapping[UUID, Row]
) -> dict[tuple[UUID, UUID | None], dict[str, Any] | None]:
    """Return the labels that runs inherit, by the ids of their flow and their deployment; None without the flow."""
    pairs = {(run["flow_id"], run.get("deployment_id")) for run in runs}
    deployment_ids = list({id_ for _, id_ in pairs if id_ is not None})
    deployments = await store.deployments.get_many(tx, deployment_ids) if deployment_ids else {}
    return {
        (flow_id, deployment_id): _inherit_labels(flows[flow_id], deployment_id, deployments.get(deployment_id))
        if flow_id in flows
        else None
        for flow_id, deployment_id in pairs
    }


def _inherit_labels(flow: Row, deployment_id: UUID | None, deployment: Row | None) -> dict[str, Any]:
    """Return the labels of a run of a flow, and of a deployment if it has one, which may have been deleted."""
    labels = {**flow["labels"], "prefect.flow.id": str(flow["id"])}
    if deployment_id is not None:
        own = {} if deployment is None else deployment["labels"]
        labels |= {**own, "prefect.deployment.id": str(deployment_id)}
    return labels


def build_flow_run(values: Values, state: Values, labels: Values) -> Row:
    """Return the row of a new flow run."""
    at = now()
    row = _fill_columns(store.flow_runs, {**values, "created": at, "updated": at})
    row["labels"] = {**labels, **(values.get("labels") or {})}
    transitions.enter_first_state(row, state)
    return row


_EMPTY: dict[str, Callable[[], Any]] = {"array": list, "object": dict}
"""The values of columns of these kinds in a new row."""


def _fill_columns(collection: store.Collection, values: Values) -> Row:
    """Return a row with all its columns, without a state."""
    kinds = collection.table.kinds
    row: Row = {name: _EMPTY[kind]() if kind in _EMPTY else None for name, kind in kinds.items()}
    row |= run_states.NO_DERIVED_COLUMNS
    row |= {name: value for name, value in values.items() if value is not None}
    row["id"] = row["id"] or new_id()
    row["name"] = row["name"] or random_name()
    return row
