"""Cleanup messages: infrastructure that the workers of a pool are to tear down.

One worker at a time has a message, for as long as its lease runs. When the worker dies or releases the message, another
one gets it; after some attempts it is dropped. Requesting the same teardown twice makes one message.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from prefect.schemas.worker_channel import CleanupKind
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store import Row
from prefect.server.store.queries import work as queries
from prefect.settings import get_current_settings
from prefect.types import named_id, new_id, now

logger = logging.getLogger("prefect.server")

CLEANUP_TOPIC = "cleanup"
"""The topic of pools with cleanup messages: the id."""

RELEASE_PAUSE = timedelta(seconds=30)
"""Before a message is sent again to the worker that released it: another worker gets it first."""


class Outcome(NamedTuple):
    """The outcome of an operation of a worker on a cleanup message.

    Attributes:
        status: `accepted`, or the kind of refusal.
        reason: Why the operation was refused.
        lease_expires_at: Until when the worker has the message now.
    """

    status: str
    reason: str | None = None
    lease_expires_at: datetime | None = None


async def request_teardown(
    tx: Transaction, kind: CleanupKind, runs: Iterable[Row], claim_ids: Mapping[UUID, UUID] | None = None
) -> None:
    """Request that the workers of their pools tear down the infrastructure of flow runs; runs without a pool have none.

    Args:
        tx: The transaction.
        kind: The kind of the message, which names the reason.
        runs: The rows of the runs.
        claim_ids: The ids of the claims under which the infrastructure was started, for messages that name them.
    """
    claims = claim_ids or {}
    pooled = [run for run in runs if run["work_queue_id"] is not None]
    ids = list({run["work_queue_id"] for run in pooled})
    queues = await store.work_queues.get_many(tx, ids) if ids else {}
    at = now()
    messages = [
        {
            "id": named_id("cleanup", f"{kind} {run['id']} {claims[run['id']]}" if claims else f"{kind} {run['id']}"),
            "created": at,
            "updated": at,
            "kind": kind,
            "work_pool_id": queues[run["work_queue_id"]]["work_pool_id"],
            "work_queue_id": run["work_queue_id"],
            "delivery_count": 0,
            "target": {
                "flow_run_id": str(run["id"]),
                "infrastructure_pid": run["infrastructure_pid"],
                **({"claim_id": str(claims[run["id"]])} if claims else {}),
            },
            "data": {},
        }
        for run in pooled
        if run["work_queue_id"] in queues
    ]
    await _remove_finished(tx, at)
    await store.cleanups.add(tx, messages)
    for pool_id in {message["work_pool_id"] for message in messages}:
        tx.notify(CLEANUP_TOPIC, str(pool_id))


async def claim(
    tx: Transaction,
    pool_id: UUID,
    queue_ids: Sequence[UUID] | None,
    kinds: Sequence[str],
    count: int,
    excluded: Collection[UUID] = (),
) -> list[Row]:
    """Claim cleanup messages of a pool for a worker, oldest first.

    Args:
        tx: The transaction.
        pool_id: The pool.
        queue_ids: Only messages of these queues; None for all.
        kinds: Only messages of these kinds.
        count: How many at most.
        excluded: Messages that the worker must not have now.
    """
    settings, at = get_current_settings().server.worker_channel, now()
    rows = await queries.lock_free_cleanups(tx, pool_id, queue_ids, kinds, at, count + len(excluded))
    rows = [row for row in rows if row["id"] not in excluded][:count]
    claimed = [row for row in rows if row["delivery_count"] < settings.cleanup_max_delivery_attempts]
    lost = [row for row in rows if row["delivery_count"] >= settings.cleanup_max_delivery_attempts]
    await _discard_undeliverable(tx, lost, "the worker did not finish it")
    for row in claimed:
        row["reservation_token"] = new_id()
        row["lease_expires_at"] = at + timedelta(seconds=settings.cleanup_lease_seconds)
        row["delivery_count"] += 1
        row["updated"] = at
    names = ["reservation_token", "lease_expires_at", "delivery_count", "updated"]
    await store.cleanups.change(tx, claimed, names)
    return claimed


async def has_pending(tx: Transaction, pool_id: UUID, kinds: Sequence[str]) -> bool:
    """Return whether a worker of a pool could claim a cleanup message."""
    return await queries.has_free_cleanup(tx, pool_id, kinds, now())


async def handle_operation(
    tx: Transaction, operation: str, id_: UUID, token: str, reason: str | None = None
) -> Outcome:
    """Apply an operation of a worker on a cleanup message that it has claimed.

    Args:
        tx: The transaction.
        operation: `ack` (it is done), `renew` (extend the lease) or `release` (let another worker have it).
        id_: The message.
        token: The reservation token of the claim; only its holder may change the message.
        reason: Why the worker releases it.
    """
    settings, at = get_current_settings().server.worker_channel, now()
    row = await store.cleanups.get(tx, id_, lock=True)
    if row is None or row["finished"] is not None:
        return Outcome("not_found", "message_not_found")
    if row["reservation_token"] is None:
        return Outcome("not_current", "message_not_reserved")
    if str(row["reservation_token"]) != token:
        return Outcome("invalid_token", "reservation_token_mismatch")
    if row["lease_expires_at"] <= at:
        return Outcome("expired", "lease_expired")
    if operation == "ack":
        await _finish(tx, row, at)
        return Outcome("accepted")
    if operation == "renew":
        until = at + timedelta(seconds=settings.cleanup_lease_seconds)
        await store.cleanups.change(tx, [{"id": id_, "lease_expires_at": until}], ["lease_expires_at"])
        return Outcome("accepted", None, until)
    if row["delivery_count"] >= settings.cleanup_max_delivery_attempts:
        await _discard_undeliverable(tx, [row], reason or "no reason was given")
        return Outcome("dead_lettered", "max_delivery_attempts_reached")
    await store.cleanups.change(tx, [{"id": id_}], ["reservation_token", "lease_expires_at"])
    tx.notify(CLEANUP_TOPIC, str(row["work_pool_id"]))
    return Outcome("accepted")


async def _finish(tx: Transaction, row: Mapping[str, Any], at: datetime) -> None:
    """Remove a message that is done, or mark it, for as long as the same teardown may be requested again."""
    if get_current_settings().server.worker_channel.cleanup_completed_idempotency_retention_seconds is None:
        await store.cleanups.remove(tx, {"id": row["id"]})
    else:
        await store.cleanups.change(tx, [{"id": row["id"], "finished": at}], ["finished"])


async def _remove_finished(tx: Transaction, at: datetime) -> None:
    seconds = get_current_settings().server.worker_channel.cleanup_completed_idempotency_retention_seconds
    if seconds is not None:
        await queries.remove_finished_cleanups(tx, at - timedelta(seconds=seconds))


async def _discard_undeliverable(tx: Transaction, rows: Sequence[Row], reason: str) -> None:
    for row in rows:
        logger.warning(
            "The infrastructure %r of flow run %s may be left: no worker stopped it in %d attempts. The last one: %s",
            row["target"].get("infrastructure_pid"),
            row["target"].get("flow_run_id"),
            row["delivery_count"],
            reason,
        )
    await store.cleanups.remove(tx, {"id": [row["id"] for row in rows]})
