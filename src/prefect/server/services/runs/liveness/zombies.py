"""Zombies: flow runs whose process sends no heartbeats any more become Crashed, and Running again if it does send one.

The end of such a run is the time of its last activity. Records that its process wrote later and ships after all are
newer and win: a run that went on without reaching the server ends in the state that its process recorded.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect import rules
from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.runs.liveness import lost_runs, orphans
from prefect.server.services.runs.states import run_states, transitions
from prefect.server.store.queries import runs as queries
from prefect.types import now

SWEEP_BATCH_SIZE = 100
"""Flow runs that crash in one transaction, each with its task runs."""


async def crash_zombies(tx: Transaction) -> int:
    """Set the state Crashed on a batch of flow runs whose lease has expired, and to their task runs; return its size.

    A flow run of a pool that starts lost runs again is scheduled instead.
    """
    rows = await queries.lock_expired_flow_runs(tx, now(), SWEEP_BATCH_SIZE)
    retried = await lost_runs.find_retried(tx, rows)
    await lost_runs.request_teardown(tx, rows, retried)
    for row in rows:
        last = await orphans.find_last_activity(tx, "flow_run", row)
        due = f"{row['lease_until']:%Y-%m-%d %H:%M:%S} UTC"
        message = f"{run_states.NO_HEARTBEATS}: one was due by {due}."
        for task_run in await queries.lock_open_task_runs(tx, row["id"]):
            if orphans.is_not_ready(task_run):
                continue
            proposed = _crashed(last + timedelta(microseconds=1), message)
            await transitions.propose_state(tx, store.task_runs, task_run, proposed, policies.MinimalTaskPolicy)
        last += timedelta(microseconds=1)
        proposed = lost_runs.build_retry(last) if row["id"] in retried else _crashed(last, message)
        await transitions.propose_state(tx, store.flow_runs, row, proposed, policies.MinimalFlowPolicy)
    without_process = [{"id": id_, "infrastructure_pid": None} for id_ in retried]
    await store.flow_runs.change(tx, without_process, ["infrastructure_pid"])
    return len(rows)


def _crashed(last: datetime, message: str) -> rules.RuleState:
    return rules.RuleState("CRASHED", "Crashed", last, message)
