"""Background task runs, and the task workers that run them.

What waits is in the store, so it survives the server. A run is claimed by a lease with the run's id before it is sent
to a worker, in the order of the times for which runs are scheduled. A worker that renews its claims has its run sent to
another one once a claim has expired, also if it had begun: a run is delivered at least once. The claim of another
worker lasts while it stays connected and has not started the run; what it has started is not delivered again.
"""

from __future__ import annotations

from collections.abc import Collection as Keys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.rules import TERMINAL
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import waiting
from prefect.server.services.core import presenters
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs.states import transitions
from prefect.server.store import Row
from prefect.server.store.queries import limits as lease_queries
from prefect.server.store.queries import runs as queries
from prefect.types import named_id, now

TOPIC = transitions.SCHEDULED_TASKS_TOPIC

CLAIM_DURATION = timedelta(minutes=10)
"""How long a disconnected worker keeps the runs that were sent to it, if it renews no claims."""

PRESENCE_DURATION = timedelta(seconds=90)
"""How long a worker counts as connected after it was last seen."""

CLAIM_CANDIDATES = 20
"""Due runs that one claim tries, since others may claim them at the same moment."""

MAX_DELIVERIES = 5
"""How often a run is delivered whose workers die: it may be what kills them."""

_WORKER, _CLAIM = "task_worker", "task_worker_claim"


@dataclass(frozen=True)
class Claimant:
    """A worker that claims runs.

    Attributes:
        worker: Its name.
        lease: How long a claim lasts unless it is renewed; None for a worker that does not renew.
        process: The worker's process, if it is on this host.
    """

    worker: str
    lease: timedelta | None = None
    process: Mapping[str, Any] | None = None


async def claim_task_run(tx: Transaction, task_keys: Keys[str], claimant: Claimant) -> Answer | None:
    """Claim the next due run of these tasks for a worker; return None when none waits."""
    await deliver_again(tx)
    at = now()
    for row in await queries.find_unclaimed_task_runs(tx, list(task_keys), at, CLAIM_CANDIDATES):
        duration = claimant.lease or CLAIM_DURATION
        lease = {"id": row["id"], "created": at, "granted": at, "expires": at + duration, "duration": claimant.lease}
        holder = {"type": _CLAIM, "id": claimant.worker}
        if await store.leases.add(tx, [{**lease, "holder": holder, "process": claimant.process}]):
            return presenters.present_task_run(row)
    return None


async def has_unclaimed(tx: Transaction, task_keys: Keys[str]) -> bool:
    """Return whether a due run of these tasks waits for a worker."""
    return bool(await queries.find_unclaimed_task_runs(tx, list(task_keys), now(), 1))


async def release_claim(tx: Transaction, task_run_id: UUID) -> None:
    """Release the claim on a task run that its worker did not take."""
    await store.leases.remove(tx, {"id": task_run_id})
    row = await store.task_runs.get(tx, task_run_id)
    if row is not None:
        tx.notify(TOPIC, row["task_key"])


async def renew_claims(tx: Transaction, worker: str, task_run_ids: Sequence[UUID], duration: timedelta) -> list[UUID]:
    """Renew the claims of a worker, and return the runs whose claim it has lost."""
    held = await _find_claims(tx, worker, task_run_ids)
    expires = now() + duration
    await store.leases.change(tx, [{"id": id_, "expires": expires} for id_ in held], ["expires"])
    return [id_ for id_ in task_run_ids if id_ not in held]


async def end_claims(tx: Transaction, worker: str, task_run_ids: Sequence[UUID]) -> list[UUID]:
    """End the claims of a worker on finished runs, and return the runs whose end is stored."""
    await store.leases.remove(tx, {"id": list(await _find_claims(tx, worker, task_run_ids))})
    found = await store.task_runs.get_many(tx, list(task_run_ids), columns=["id", "state_type"])
    return [id_ for id_, row in found.items() if row["state_type"] in TERMINAL]


async def _find_claims(tx: Transaction, worker: str, task_run_ids: Sequence[UUID]) -> dict[UUID, Row]:
    found = await store.leases.get_many(tx, list(task_run_ids), lock=True)
    return {id_: lease for id_, lease in found.items() if lease["holder"] == {"type": _CLAIM, "id": worker}}


async def deliver_again(tx: Transaction) -> int:
    """Schedule the unfinished runs anew whose claim has expired, or whose worker's process has gone.

    Returns:
        How many claims ended.
    """
    lost = await _find_lost_claims(tx)
    for lease in lost:
        row = await store.task_runs.get(tx, lease["id"], lock=True)
        if await store.leases.remove(tx, {"id": lease["id"]}) and row is not None:
            await _schedule_again(tx, row, lease["holder"]["id"])
    return len(lost)


async def has_lost_claims(tx: Transaction) -> bool:
    """Return whether `deliver_again` has something to do."""
    return bool(await _find_lost_claims(tx))


async def _find_lost_claims(tx: Transaction) -> list[Row]:
    claims = await lease_queries.find_renewed_claims(tx, _CLAIM)
    return [lease for lease in claims if lease["expires"] <= now() or waiting.is_abandoned(lease)]


async def _schedule_again(tx: Transaction, row: Row, worker: str) -> None:
    if row["state_type"] in ("PENDING", "RUNNING"):
        first = row["states"][0].get("details") or {}
        details = {"deferred": True, "task_parameters_id": first.get("task_parameters_id")}
        if (row["run_count"] or 0) < MAX_DELIVERIES:
            message = f"The task worker {worker} has gone: another one runs the task again."
            state = {"type": "SCHEDULED", "message": message, "state_details": details}
        else:
            message = f"{MAX_DELIVERIES} task workers have died while they ran the task."
            state = {"type": "CRASHED", "message": message}
        await transitions.set_task_run_state(tx, row["id"], state, force=True)
    tx.notify(TOPIC, row["task_key"])


async def find_seconds_until_due(tx: Transaction, task_keys: Keys[str], longest: float) -> float:
    """Return after how many seconds a worker should poll for runs again, if it is not notified before."""
    at = await queries.find_next_deferred_start(tx, list(task_keys))
    return longest if at is None else min(longest, max(0.02, (at - now()).total_seconds()))


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
