"""Pauses with a timeout: a flow run that is not resumed in time fails.

A process that waits for its run to be resumed reports the timeout itself. The sweep is for runs whose process is gone.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.runs.states import run_states, transitions
from prefect.server.store.queries import runs as queries
from prefect.types import now

SWEEP_BATCH_SIZE = 200
"""Runs that fail in one transaction."""

GRACE_PERIOD = timedelta(seconds=20)
"""How long after its timeout a pause is left to the process that waits for it: twice the usual interval of polls."""

MESSAGE = "The pause ran out before the run was resumed."


async def fail_expired_pauses(tx: Transaction) -> int:
    """Set the state Failed on a batch of flow runs whose pause timed out a grace period ago, and return its size."""
    ids = [row["id"] for row in await queries.find_paused_flow_runs(tx) if _is_expired(row)]
    rows = (await store.flow_runs.get_many(tx, ids[:SWEEP_BATCH_SIZE], lock=True)).values()
    expired = [row for row in rows if row["state_type"] == "PAUSED" and _is_expired(row)]
    for row in expired:
        proposed = transitions.parse_proposed_state({"type": "FAILED", "message": MESSAGE})
        await transitions.propose_state(tx, store.flow_runs, row, proposed, policies.MinimalFlowPolicy)
    return len(expired)


def _is_expired(row: store.Row) -> bool:
    timeout = run_states.to_rule_state(row["states"][-1]).details.get("pause_timeout")
    return timeout is not None and timeout + GRACE_PERIOD < now()
