"""Heartbeats of flow runs: each renews the lease until whose end the run counts as alive.

A lease counts from when the server receives the heartbeat, by the server's clock. A run that never sent a heartbeat
has no lease and cannot become a zombie. A run that was taken for dead and sends one after all is Running again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from prefect import rules
from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.runs.states import run_states, transitions
from prefect.server.store.queries import runs as queries
from prefect.types import now


async def renew_leases(tx: Transaction, durations: Mapping[UUID, timedelta]) -> None:
    """Renew the leases of flow runs from now; runs that have finished are left as they are.

    Args:
        tx: The transaction.
        durations: For how long each counts as alive, by the id of the run.
    """
    at = now()
    for batch in store.chunks(sorted(durations)):
        await _revive(tx, batch)
        ids = await queries.lock_open_flow_runs(tx, batch)
        leases = [{"id": id_, "lease_until": at + durations[id_]} for id_ in ids]
        await store.flow_runs.change(tx, leases, ["lease_until"])


async def _revive(tx: Transaction, ids: Sequence[UUID]) -> None:
    """Set flow runs and task runs whose crash was inferred to Running again: their process sends heartbeats.

    It was stopped, or could not reach the server, for longer than a lease.
    """
    for row in await queries.lock_crashed_flow_runs(tx, ids):
        if not run_states.is_inferred_crash(row["states"][-1]):
            continue
        await transitions.propose_state(tx, store.flow_runs, row, _running(), policies.MinimalFlowPolicy)
        for task_run in await queries.lock_crashed_task_runs(tx, row["id"]):
            if run_states.is_inferred_crash(task_run["states"][-1]):
                await transitions.propose_state(tx, store.task_runs, task_run, _running(), policies.MinimalTaskPolicy)


def _running() -> rules.RuleState:
    return rules.RuleState("RUNNING", "Running", now(), "A heartbeat of its process has arrived after all.")
