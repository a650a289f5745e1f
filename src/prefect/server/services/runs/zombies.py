"""Flow runs whose process fell silent: nobody will finish them, so they have crashed.

The end is put where the run was last heard of. Whatever its process recorded after that, and tells of later, is newer
and counts: a run that went on without reaching the server ends as it says.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect import rules
from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.db.tables import OPEN
from prefect.server.services.core import batches
from prefect.server.services.runs import orphans, transitions
from prefect.types import now

SWEEP_BATCH_SIZE = 100
"""Flow runs that are found in one transaction."""

# Only a process that should be running can fall silent: a run that is suspended, or scheduled for a worker, has none.
_SILENT = Sql(
    f"flow_run.lease_until IS NOT NULL AND flow_run.{OPEN} AND (flow_run.state_type = 'RUNNING'"
    " OR (flow_run.state_name = 'AwaitingRetry' AND flow_run.deployment_id IS NULL))"
)


async def crash_zombies(tx: Transaction) -> int:
    """Give a Crashed state to so many runs whose lease ran out, and to their task runs; return how many runs."""
    where = all_of([_SILENT, Sql("flow_run.lease_until < ?", (now(),))])
    rows = await batches.lock_batch(tx, store.flow_runs, where, SWEEP_BATCH_SIZE)
    for row in rows:
        last = await orphans.find_last_activity(tx, "flow_run", row)
        due = f"{row['lease_until']:%Y-%m-%d %H:%M:%S} UTC"
        message = f"The process that ran it fell silent: it should have sent a heartbeat by {due}."
        await _crash_task_runs(tx, row, last, message)
        await transitions.propose_state(tx, store.flow_runs, row, _crashed(last, message), policies.MinimalFlowPolicy)
    return len(rows)


async def _crash_task_runs(tx: Transaction, flow_run: store.Row, last: datetime, message: str) -> None:
    where = all_of([one_of("task_run.flow_run_id", [flow_run["id"]]), Sql(f"task_run.{OPEN}")])
    for row in await store.task_runs.find(tx, where, "task_run.id", lock=True):
        await transitions.propose_state(tx, store.task_runs, row, _crashed(last, message), policies.MinimalTaskPolicy)


def _crashed(last: datetime, message: str) -> rules.Entry:
    return rules.Entry("CRASHED", "Crashed", last + timedelta(microseconds=1), message)
