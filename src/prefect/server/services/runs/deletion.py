"""Deleting flows and runs, with what belongs to them: logs, inputs, task runs, slots. Artifacts and events stay."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.db.tables import OPEN
from prefect.server.services.concurrency import leases, tag_limits
from prefect.server.services.core import reading
from prefect.server.services.runs import run_states, updates

DELETE_BATCH_SIZE = 50
"""Objects that a request deletes at once."""


async def remove_flow(tx: Transaction, id_: UUID) -> None:
    """Delete a flow with its deployments and its runs."""
    flow = await reading.get_row(tx, store.flows, id_)
    await _remove_flow_runs(tx, Sql("flow_run.flow_id = ?", (id_,)))
    deployed = await store.deployments.find(tx, one_of("deployment.flow_id", [id_]), "deployment.id", columns=["id"])
    ids = [row["id"] for row in deployed]
    await store.deployment_schedules.remove(tx, one_of("deployment_id", ids))
    # Only limits of their own: one that they share with others is not theirs.
    await store.concurrency_limits.remove(tx, one_of("name", [f"deployment:{deployment}" for deployment in ids]))
    await store.deployments.remove(tx, one_of("id", ids))
    await store.flows.remove(tx, one_of("id", [id_]))
    await updates.emit_flow_event(tx, "deleted", flow)


async def remove_flow_run(tx: Transaction, id_: UUID) -> None:
    """Delete a flow run with its task runs. Subflow runs stay, without a parent."""
    await reading.get_row(tx, store.flow_runs, id_, lock=True)
    await _remove_flow_runs(tx, one_of("flow_run.id", [id_]))


async def remove_flow_runs(tx: Transaction, limit: int, **criteria: Any) -> list[UUID]:
    """Delete so many of the flow runs that satisfy filters, and return their ids."""
    where = reading.compile_criteria(tx, store.flow_runs, **criteria)
    ids = [row["id"] for row in await store.flow_runs.find(tx, where, "flow_run.id", limit, columns=["id"], lock=True)]
    if ids:
        await _remove_flow_runs(tx, one_of("flow_run.id", ids))
    return ids


async def remove_flows(tx: Transaction, limit: int, **criteria: Any) -> list[UUID]:
    """Delete so many of the flows that satisfy filters, and return their ids."""
    where = reading.compile_criteria(tx, store.flows, **criteria)
    ids = [row["id"] for row in await store.flows.find(tx, where, "flow.id", limit, columns=["id"])]
    for id_ in ids:
        await remove_flow(tx, id_)
    return ids


async def remove_task_run(tx: Transaction, id_: UUID) -> None:
    """Delete a task run with its logs. The subflow run behind it stays, without a parent."""
    row = await reading.get_row(tx, store.task_runs, id_, lock=True)
    if row["tags"]:
        await tag_limits.release_slots(tx, id_)
    orphan = "UPDATE flow_run SET parent_task_run_id = NULL WHERE parent_task_run_id = ?"
    await tx.run(Sql(orphan, (id_,)))
    await store.logs.remove(tx, one_of("task_run_id", [id_]))
    await store.task_runs.remove(tx, one_of("id", [id_]))


async def _remove_flow_runs(tx: Transaction, where: Sql) -> None:
    """Delete the flow runs that satisfy a condition, with all that belongs to them."""
    await _give_back_slots(tx, where)
    ids = f"SELECT flow_run.id FROM flow_run WHERE {where.text}"
    tasks = f"SELECT task_run.id FROM task_run WHERE task_run.flow_run_id IN ({ids})"
    orphan = f"UPDATE flow_run SET parent_task_run_id = NULL WHERE parent_task_run_id IN ({tasks})"
    await tx.run(Sql(orphan, where.values))
    for collection in (store.logs, store.flow_run_inputs, store.task_runs):
        await collection.remove(tx, Sql(f"flow_run_id IN ({ids})", where.values))
    await store.flow_runs.remove(tx, where)


async def _give_back_slots(tx: Transaction, where: Sql) -> None:
    """Give back the slots that unfinished runs, and their task runs, hold."""
    ids = f"SELECT flow_run.id FROM flow_run WHERE {where.text}"
    deployed = all_of([where, Sql(f"{OPEN} AND flow_run.deployment_id IS NOT NULL")])
    for row in await store.flow_runs.find(tx, deployed, columns=["states"]):
        lease_id = run_states.to_entry(row["states"][-1]).lease_id if row["states"] else None
        if lease_id is not None:
            await leases.end_lease(tx, lease_id)
    running = Sql(f"task_run.flow_run_id IN ({ids}) AND {OPEN} AND task_run.tags IS NOT NULL", where.values)
    for row in await store.task_runs.find(tx, running, columns=["id"]):
        await tag_limits.release_slots(tx, row["id"])
