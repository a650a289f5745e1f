"""Late runs: scheduled flow runs that have not started in time get the state Late."""

from __future__ import annotations

from datetime import timedelta

from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.runs.states import transitions
from prefect.server.store.queries import runs as queries
from prefect.types import now

SWEEP_BATCH_SIZE = 50
"""Runs that are marked in one transaction, which takes some twenty milliseconds: others wait for it."""


async def mark_late_runs(tx: Transaction, after: timedelta) -> int:
    """Mark a batch of flow runs that should have started longer than `after` ago, and return how many are marked."""
    rows = await queries.lock_late_flow_runs(tx, now() - after, SWEEP_BATCH_SIZE)
    marked = 0
    for row in rows:
        state = {
            "type": "SCHEDULED",
            "name": "Late",
            "state_details": {"scheduled_time": row["next_scheduled_start_time"]},
        }
        proposed = transitions.parse_proposed_state(state)
        result = await transitions.propose_state(tx, store.flow_runs, row, proposed, policies.MarkLateRunsPolicy)
        marked += result["state"]["name"] != "Scheduled"
    return marked
