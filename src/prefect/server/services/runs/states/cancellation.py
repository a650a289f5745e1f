"""Cancellation: task runs and subflow runs of a cancelled flow run are cancelled too, and cancelling has a timeout."""

from __future__ import annotations

from datetime import timedelta

from prefect.rules import policies
from prefect.schemas.worker_channel import CANCELLING_TIMEOUT_TEARDOWN
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.runs.states import transitions
from prefect.server.services.work import cleanup
from prefect.server.store.queries import runs as queries
from prefect.types import now

SWEEP_BATCH_SIZE = 200
"""Runs that are cancelled in one transaction."""

CHILD_MESSAGE = "The run was cancelled with its flow run."
SUBFLOW_MESSAGE = "The run was cancelled with the flow run that called it."
TIMEOUT_MESSAGE = "The run took too long to be cancelled."


async def cancel_task_runs(tx: Transaction) -> int:
    """Cancel a batch of unfinished task runs of cancelled flow runs and return its size."""
    rows = await queries.lock_task_runs_of_cancelled_flow_runs(tx, SWEEP_BATCH_SIZE)
    for row in rows:
        proposed = transitions.parse_proposed_state({"type": "CANCELLED", "message": CHILD_MESSAGE})
        await transitions.propose_state(tx, store.task_runs, row, proposed, policies.MinimalTaskPolicy)
    return len(rows)


async def cancel_subflows(tx: Transaction) -> int:
    """Cancel a batch of unfinished subflow runs of cancelled flow runs and return its size."""
    rows = await queries.lock_subflow_runs_of_cancelled_flow_runs(tx, SWEEP_BATCH_SIZE)
    for row in rows:
        type_ = "CANCELLED" if row["deployment_id"] is None else "CANCELLING"
        proposed = transitions.parse_proposed_state({"type": type_, "message": SUBFLOW_MESSAGE})
        await transitions.propose_state(tx, store.flow_runs, row, proposed, policies.CoreFlowPolicy)
    return len(rows)


async def cancel_stuck_runs(tx: Transaction, timeout: timedelta) -> int:
    """Cancel a batch of flow runs that have been cancelling for longer than `timeout` and return its size.

    The workers of their pools get a request to remove their infrastructure.
    """
    rows = await queries.lock_cancelling_flow_runs(tx, now() - timeout, SWEEP_BATCH_SIZE)
    for row in rows:
        proposed = transitions.parse_proposed_state({"type": "CANCELLED", "message": TIMEOUT_MESSAGE})
        await transitions.propose_state(tx, store.flow_runs, row, proposed, policies.CoreFlowPolicy)
    await cleanup.request_teardown(tx, CANCELLING_TIMEOUT_TEARDOWN, rows)
    return len(rows)
