"""Deleting flows and runs with what belongs to them: task runs, logs, artifacts, inputs, waiting records and slots.

Events stay until their own retention period is over: they record that the run was deleted, and
automations react to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import leases, tag_limits
from prefect.server.services.core import reading
from prefect.server.services.runs.lifecycle import updates
from prefect.server.services.runs.states import run_states
from prefect.server.store.queries import runs as queries

REMOVED_RUNS_TOPIC = "removed-runs"
"""The topic of flow runs that were deleted: their ids, as texts; an empty list for any."""

DELETE_BATCH_SIZE = 50
"""Objects that a request deletes at most."""


async def remove_flow(tx: Transaction, id_: UUID) -> None:
    """Delete a flow with its deployments and its runs."""
    flow = await reading.get_row(tx, store.flows, id_)
    await _remove_flow_runs(tx, {"flow_id": id_})
    deployments = await store.deployments.find(tx, {"flow_id": id_}, store.deployments.by_key, columns=["id"])
    ids = [row["id"] for row in deployments]
    await store.deployment_schedules.remove(tx, {"deployment_id": ids})
    # A limit that a deployment shares with others stays.
    await store.concurrency_limits.remove(tx, {"name": [f"deployment:{deployment}" for deployment in ids]})
    await store.deployments.remove(tx, {"id": ids})
    await store.flows.remove(tx, {"id": id_})
    await updates.emit_flow_event(tx, "deleted", flow)


async def remove_flow_run(tx: Transaction, id_: UUID) -> None:
    """Delete a flow run with its task runs. Its subflow runs stay, without a parent."""
    await reading.get_row(tx, store.flow_runs, id_, lock=True)
    await _remove_flow_runs(tx, {"id": id_})


async def remove_flow_runs(tx: Transaction, limit: int, **criteria: Any) -> list[UUID]:
    """Delete at most `limit` of the flow runs that satisfy filters, and return their ids."""
    where = reading.compile_criteria(tx, store.flow_runs, **criteria)
    ids = [
        row["id"]
        for row in await store.flow_runs.find(tx, where, store.flow_runs.by_key, limit, columns=["id"], lock=True)
    ]
    if ids:
        await _remove_flow_runs(tx, {"id": ids})
    return ids


async def remove_flows(tx: Transaction, limit: int, **criteria: Any) -> list[UUID]:
    """Delete at most `limit` of the flows that satisfy filters, and return their ids."""
    where = reading.compile_criteria(tx, store.flows, **criteria)
    ids = [row["id"] for row in await store.flows.find(tx, where, store.flows.by_key, limit, columns=["id"])]
    for id_ in ids:
        await remove_flow(tx, id_)
    return ids


async def remove_task_run(tx: Transaction, id_: UUID) -> None:
    """Delete a task run with its logs and artifacts. A subflow run that it stands for stays, without a parent."""
    row = await reading.get_row(tx, store.task_runs, id_, lock=True)
    if row["tags"]:
        await tag_limits.release_slots(tx, id_)
    await queries.remove_task_runs(tx, {"id": id_})


async def remove_lone_task_runs(tx: Transaction, ended_before: datetime, limit: int) -> int:
    """Delete task runs without a flow run that ended before a time, at most `limit`, and return how many they were."""
    ids = await queries.find_ended_lone_task_runs(tx, ended_before, limit)
    if ids:
        await queries.remove_task_runs(tx, {"id": ids})
    return len(ids)


async def _remove_flow_runs(tx: Transaction, where: Mapping[str, Any]) -> None:
    """Delete the flow runs that satisfy a condition, and release the slots that they and their task runs hold."""
    for row in await queries.find_open_deployed_flow_runs(tx, where):
        lease_id = run_states.to_rule_state(row["states"][-1]).lease_id if row["states"] else None
        if lease_id is not None:
            await leases.end_lease(tx, lease_id)
    for task_run_id in await queries.find_open_tagged_task_runs(tx, where):
        await tag_limits.release_slots(tx, task_run_id)
    await queries.remove_flow_runs(tx, where)
    ids = where.get("id", [])
    tx.notify(REMOVED_RUNS_TOPIC, [str(id_) for id_ in (ids if isinstance(ids, list) else [ids])])
