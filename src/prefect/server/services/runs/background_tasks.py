"""Background task runs, and the task workers that run them.

What waits is in the store, so it survives the server. A run is claimed by a lease with the run's id before it is sent
to a worker. The claim lasts while the worker stays connected and has not started the run, since the run may wait for a
free slot of the worker; after the worker has gone the claim expires and the run is sent to another.
"""

from __future__ import annotations

from collections.abc import Collection as Keys
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import presenters
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs import transitions
from prefect.server.store.queries import limits as lease_queries
from prefect.server.store.queries import runs as queries
from prefect.types import named_id, now

TOPIC = transitions.SCHEDULED_TASKS_TOPIC

CLAIM_DURATION = timedelta(minutes=10)
"""How long a disconnected worker keeps the runs that were sent to it."""

PRESENCE_DURATION = timedelta(seconds=90)
"""How long a worker counts as connected after it was last seen."""

CLAIM_CANDIDATES = 20
"""Due runs that one claim tries, since others may claim them at the same moment."""

_WORKER, _CLAIM = "task_worker", "task_worker_claim"


async def claim_task_run(tx: Transaction, task_keys: Keys[str], worker: str) -> Answer | None:
    """Claim the next due run of these tasks for a worker; return None when none waits."""
    at = now()
    for row in await queries.find_unclaimed_task_runs(tx, list(task_keys), at, CLAIM_CANDIDATES):
        lease = {"id": row["id"], "created": at, "granted": at, "expires": at + CLAIM_DURATION}
        if await store.leases.add(tx, [{**lease, "holder": {"type": _CLAIM, "id": worker}}]):
            return presenters.present_task_run(row)
    return None


async def release_claim(tx: Transaction, task_run_id: UUID) -> None:
    """Release the claim on a task run that its worker did not take."""
    await store.leases.remove(tx, {"id": task_run_id})
    row = await store.task_runs.get(tx, task_run_id)
    if row is not None:
        tx.notify(TOPIC, row["task_key"])


async def connect_worker(tx: Transaction, worker: str, task_keys: Sequence[str]) -> None:
    """Record that a worker is connected, and renew its claims on runs that it has not started."""
    at = now()
    lease = {"id": _presence_id(worker), "created": at, "granted": at, "expires": at + PRESENCE_DURATION}
    await store.leases.put(tx, {**lease, "holder": {"type": _WORKER, "id": worker, "keys": list(task_keys)}})
    await lease_queries.renew_task_run_claims(tx, _CLAIM, worker, at + CLAIM_DURATION)


async def disconnect_worker(tx: Transaction, worker: str) -> None:
    """Record that a worker has gone."""
    await store.leases.remove(tx, {"id": _presence_id(worker)})


async def find_workers(tx: Transaction, task_keys: Sequence[str] | None = None) -> list[Answer]:
    """Return the connected workers: all, or those that run one of these tasks."""
    answers: list[Answer] = []
    for row in await lease_queries.find_leases_by_holder_type(tx, _WORKER, now()):
        holder = row["holder"]
        if not task_keys or set(task_keys) & set(holder["keys"]):
            answers.append({"identifier": holder["id"], "task_keys": holder["keys"], "timestamp": row["created"]})
    return answers


def _presence_id(worker: str) -> UUID:
    return named_id("task-worker", worker)
