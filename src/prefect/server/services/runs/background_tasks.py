"""Task runs in the background: those that wait for a task worker, and the workers that are there.

What waits is in the store, so it outlives the server. A run is claimed by a lease with the run's id before it is sent
to a worker. The claim lasts while the worker stays connected and has not begun, since it may wait for a free hand;
when the worker is gone it ends after a time, and the run is sent to another.
"""

from __future__ import annotations

from collections.abc import Collection as Keys
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services.core import presenters
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs import transitions
from prefect.types import named_id, now

TOPIC = transitions.SCHEDULED_TASKS_TOPIC

CLAIM_DURATION = timedelta(minutes=10)
"""How long a worker that is gone keeps the runs that were sent to it."""

PRESENCE_DURATION = timedelta(seconds=90)
"""How long a worker counts as connected since it was last known to be."""

CLAIM_CANDIDATES = 20
"""Runs that are looked at to find one that nobody has claimed."""

_WORKER, _CLAIM = "task_worker", "task_worker_claim"


async def claim_task_run(tx: Transaction, keys: Keys[str], worker: str) -> Answer | None:
    """The next task run of these tasks that is due, claimed for a worker; None when none waits."""
    at = now()
    due = all_of(
        [
            one_of("task_run.task_key", list(keys)),
            Sql("task_run.next_scheduled_start_time IS NOT NULL AND task_run.next_scheduled_start_time <= ?", (at,)),
            Sql("NOT EXISTS (SELECT 1 FROM lease WHERE lease.id = task_run.id)"),
            # Other runs of these tasks may wait for their retry, in the process of their flow.
            tx.dialect.last_item_has("task_run.states", "details", "deferred"),
        ]
    )
    order = "task_run.next_scheduled_start_time, task_run.id"
    for row in await store.task_runs.find(tx, due, order, CLAIM_CANDIDATES):
        lease = {"id": row["id"], "created": at, "expires": at + CLAIM_DURATION, "slots": 0, "limits": []}
        if await store.leases.add(tx, [{**lease, "holder": {"type": _CLAIM, "id": worker}}]):
            return presenters.present_task_run(row)
    return None


async def release_claim(tx: Transaction, task_run_id: UUID) -> None:
    """Let go of a claim: the worker did not take the run."""
    await store.leases.remove(tx, one_of("lease.id", [task_run_id]))
    row = await store.task_runs.get(tx, task_run_id)
    if row is not None:
        tx.notify(TOPIC, row["task_key"])


async def connect_worker(tx: Transaction, worker: str, keys: Sequence[str]) -> None:
    """A worker is there, and keeps what it has claimed and not begun."""
    at = now()
    lease = {"id": _presence(worker), "created": at, "expires": at + PRESENCE_DURATION, "slots": 0, "limits": []}
    await store.leases.put(tx, {**lease, "holder": {"type": _WORKER, "id": worker, "keys": list(keys)}})
    kept = all_of(
        [
            one_of(tx.dialect.json_field("lease.holder", "type"), [_CLAIM]),
            one_of(tx.dialect.json_field("lease.holder", "id"), [worker]),
            Sql("EXISTS (SELECT 1 FROM task_run WHERE task_run.id = lease.id AND task_run.state_type = 'SCHEDULED')"),
        ]
    )
    await tx.run(Sql(f"UPDATE lease SET expires = ? WHERE {kept.text}", (at + CLAIM_DURATION, *kept.values)))


async def disconnect_worker(tx: Transaction, worker: str) -> None:
    """A worker is gone."""
    await store.leases.remove(tx, one_of("lease.id", [_presence(worker)]))


async def find_workers(tx: Transaction, keys: Sequence[str] | None = None) -> list[Answer]:
    """The workers that are connected: all, or those that run one of these tasks."""
    here = all_of(
        [
            one_of(tx.dialect.json_field("lease.holder", "type"), [_WORKER]),
            Sql("lease.expires IS NOT NULL AND lease.expires > ?", (now(),)),
        ]
    )
    found: list[Answer] = []
    for row in await store.leases.find(tx, here, "lease.created, lease.id"):
        holder = row["holder"]
        if not keys or set(keys) & set(holder["keys"]):
            found.append({"identifier": holder["id"], "task_keys": holder["keys"], "timestamp": row["created"]})
    return found


def _presence(worker: str) -> UUID:
    return named_id("task-worker", worker)
