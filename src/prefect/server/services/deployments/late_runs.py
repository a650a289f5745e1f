"""Scheduled flow runs whose time has passed are marked as late."""

from __future__ import annotations

from datetime import timedelta

from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql
from prefect.server.services.core import batches
from prefect.server.services.runs import transitions
from prefect.types import now

SWEEP_BATCH_SIZE = 200
"""Runs that are marked in one transaction."""


async def mark_late_runs(tx: Transaction, after: timedelta) -> int:
    """Mark so many runs that should have begun longer than `after` ago, and return how many were."""
    due = Sql(
        "flow_run.next_scheduled_start_time IS NOT NULL AND flow_run.next_scheduled_start_time <= ?"
        " AND flow_run.state_type = 'SCHEDULED' AND flow_run.state_name = 'Scheduled'",
        (now() - after,),
    )
    rows = await batches.lock_batch(tx, store.flow_runs, due, SWEEP_BATCH_SIZE)
    marked = 0
    for row in rows:
        state = {
            "type": "SCHEDULED",
            "name": "Late",
            "state_details": {"scheduled_time": row["next_scheduled_start_time"]},
        }
        entry = transitions.parse_proposed_state(state)
        answer = await transitions.propose_state(tx, store.flow_runs, row, entry, policies.MarkLateRunsPolicy)
        marked += answer["state"]["name"] != "Scheduled"
    return marked
