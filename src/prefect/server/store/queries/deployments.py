"""Queries about deployments and their schedules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, one_of
from prefect.server.store import Row, Where


async def find_deployment(tx: Transaction, flow_name: str, name: str) -> Row | None:
    """Return the deployment of this name of the flow of that name, if there is one."""
    of_flow = Sql("deployment.flow_id IN (SELECT flow.id FROM flow WHERE flow.name = ?)", (flow_name,))
    rows = await store.deployments.find(tx, store.deployments.where({"name": name}, of_flow))
    return rows[0] if rows else None


async def lock_deployments_to_refresh(tx: Transaction, where: Where, polled_before: datetime) -> list[Row]:
    """Lock and return those deployments that are not ready, or were last polled before a time."""
    stale = Sql(
        "(deployment.last_polled IS NULL OR deployment.last_polled < ? OR coalesce(deployment.status, '') <> 'READY')",
        (polled_before,),
    )
    return await store.deployments.find(tx, store.deployments.where(where, stale), store.deployments.by_key, lock=True)


async def lock_silent_deployments(tx: Transaction, polled_before: datetime, limit: int) -> list[Row]:
    """Lock and return deployments that are ready, though last polled before a time or never."""
    unpolled = Sql("(deployment.last_polled IS NULL OR deployment.last_polled < ?)", (polled_before,))
    where = store.deployments.where({"status": "READY"}, unpolled)
    return await store.deployments.find(tx, where, store.deployments.by_key, limit, lock=True)


# --- schedules -------------------------------------------------------------------------------------------------------


async def find_due_deployments(tx: Transaction, at: datetime) -> list[UUID]:
    """Return the ids of the deployments that are not paused and have an active schedule that is due for a check."""
    where = store.deployment_schedules.where(
        {"active": True},
        Sql("(deployment_schedule.replan_at IS NULL OR deployment_schedule.replan_at <= ?)", (at,)),
        Sql(
            "deployment_schedule.deployment_id IN (SELECT deployment.id FROM deployment WHERE deployment.paused = ?)",
            (False,),
        ),
    )
    order = store.deployment_schedules.order("deployment_id")
    rows = await store.deployment_schedules.find(tx, where, order, columns=["deployment_id"])
    return list(dict.fromkeys(row["deployment_id"] for row in rows))


async def reset_schedules(tx: Transaction, deployment_ids: Sequence[UUID]) -> None:
    """Mark all schedules of these deployments as due for the scheduler's next round."""
    condition = one_of("deployment_id", deployment_ids)
    await tx.run(Sql(f"UPDATE deployment_schedule SET replan_at = NULL WHERE {condition.text}", condition.values))


async def remove_upcoming_runs(tx: Transaction, deployment_ids: Sequence[UUID], after: datetime) -> int:
    """Remove scheduled runs that the schedules of these deployments have created and that are due after a time."""
    upcoming = Sql("flow_run.next_scheduled_start_time > ?", (after,))
    values = {"deployment_id": list(deployment_ids), "auto_scheduled": True, "state_type": "SCHEDULED"}
    return await store.flow_runs.remove(tx, store.flow_runs.where(values, upcoming))
