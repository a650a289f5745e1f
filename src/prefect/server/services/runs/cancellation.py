"""What follows from a flow run that is cancelled: its task runs and subflows are, too; and cancelling does not last."""

from __future__ import annotations

from datetime import timedelta

from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql
from prefect.server.db.tables import HELD, OPEN
from prefect.server.services.core import batches
from prefect.server.services.runs import transitions
from prefect.server.services.work import cleanup
from prefect.types import now

SWEEP_BATCH_SIZE = 200
"""Runs that are cancelled in one transaction."""

CHILD_MESSAGE = "The run was cancelled with its flow run."
SUBFLOW_MESSAGE = "The run was cancelled with the flow run that called it."
TIMEOUT_MESSAGE = "The run took too long to be cancelled."


async def cancel_task_runs(tx: Transaction) -> int:
    """Cancel so many unfinished task runs of cancelled flow runs, and return how many they were."""
    orphaned = Sql(
        f"task_run.{OPEN} AND EXISTS (SELECT 1 FROM flow_run WHERE flow_run.id = task_run.flow_run_id"
        " AND flow_run.state_type = 'CANCELLED')"
    )
    rows = await batches.lock_batch(tx, store.task_runs, orphaned, SWEEP_BATCH_SIZE)
    for row in rows:
        entry = transitions.parse_proposed_state({"type": "CANCELLED", "message": CHILD_MESSAGE})
        await transitions.propose_state(tx, store.task_runs, row, entry, policies.MinimalTaskPolicy)
    return len(rows)


async def cancel_subflows(tx: Transaction) -> int:
    """Cancel so many unfinished subflows of cancelled flow runs, and return how many they were."""
    orphaned = Sql(
        f"flow_run.{OPEN} AND flow_run.state_type <> 'CANCELLING' AND flow_run.parent_task_run_id IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM task_run JOIN flow_run AS parent ON parent.id = task_run.flow_run_id"
        " WHERE task_run.id = flow_run.parent_task_run_id AND parent.state_type = 'CANCELLED')"
    )
    rows = await batches.lock_batch(tx, store.flow_runs, orphaned, SWEEP_BATCH_SIZE)
    for row in rows:
        type_ = "CANCELLED" if row["deployment_id"] is None else "CANCELLING"
        entry = transitions.parse_proposed_state({"type": type_, "message": SUBFLOW_MESSAGE})
        await transitions.propose_state(tx, store.flow_runs, row, entry, policies.CoreFlowPolicy)
    return len(rows)


async def cancel_stuck_runs(tx: Transaction, after: timedelta) -> int:
    """Cancel so many runs that have been cancelling for longer than `after`, and return how many they were.

    What they still run on is left to the workers of their pools to tear down.
    """
    stuck = Sql(
        f"flow_run.{HELD} AND flow_run.state_type = 'CANCELLING' AND flow_run.state_timestamp < ?", (now() - after,)
    )
    rows = await batches.lock_batch(tx, store.flow_runs, stuck, SWEEP_BATCH_SIZE)
    for row in rows:
        entry = transitions.parse_proposed_state({"type": "CANCELLED", "message": TIMEOUT_MESSAGE})
        await transitions.propose_state(tx, store.flow_runs, row, entry, policies.CoreFlowPolicy)
    await cleanup.request_teardown(tx, cleanup.CANCELLING_TIMEOUT_KIND, rows)
    return len(rows)
