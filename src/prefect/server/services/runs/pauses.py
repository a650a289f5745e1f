"""Pauses that ran out: their runs fail."""

from __future__ import annotations

from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql
from prefect.server.db.tables import HELD
from prefect.server.services.runs import run_states, transitions
from prefect.types import now

SWEEP_BATCH_SIZE = 200
"""Runs that fail in one transaction."""

MESSAGE = "The pause ran out before the run was resumed."


async def fail_expired_pauses(tx: Transaction) -> int:
    """Have so many runs fail whose pause ran out, and return how many they were."""
    paused = Sql(f"flow_run.{HELD} AND flow_run.state_type = 'PAUSED'")
    ids = [row["id"] for row in await store.flow_runs.find(tx, paused, columns=("id", "states")) if _expired(row)]
    rows = (await store.flow_runs.get_many(tx, ids[:SWEEP_BATCH_SIZE], lock=True)).values()
    expired = [row for row in rows if row["state_type"] == "PAUSED" and _expired(row)]
    for row in expired:
        entry = transitions.parse_proposed_state({"type": "FAILED", "message": MESSAGE})
        await transitions.propose_state(tx, store.flow_runs, row, entry, policies.MinimalFlowPolicy)
    return len(expired)


def _expired(row: store.Row) -> bool:
    timeout = run_states.to_entry(row["states"][-1]).details.get("pause_timeout")
    return timeout is not None and timeout < now()
