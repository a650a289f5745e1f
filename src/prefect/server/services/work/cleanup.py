"""Clean-up: infrastructure that the workers of a pool are to tear down.

A piece of work is given to one worker at a time, for as long as a lease runs. A worker that dies, or gives it back,
makes room for another; after some attempts nobody gets it any more. What was asked for twice is done once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.store import Row
from prefect.settings import get_current_settings
from prefect.types import named_id, new_id, now

logger = logging.getLogger("prefect.server")

CLEANUP_TOPIC = "cleanup"
"""The topic of pools that have clean-up to do: the id."""

CANCELLING_TIMEOUT_KIND = "cancelling_timeout_teardown.v1"
"""The infrastructure of a run that was cancelling for too long."""


class Outcome(NamedTuple):
    """What became of what a worker said of a piece of work.

    Attributes:
        status: `accepted`, or why not.
        reason: The same in another word, where it was not accepted.
        lease_expires_at: Until when the worker has it now.
    """

    status: str
    reason: str | None = None
    lease_expires_at: datetime | None = None


async def request_teardown(tx: Transaction, kind: str, runs: Iterable[Row]) -> None:
    """Ask for the infrastructure of flow runs to be torn down by the workers of their pools; others have none.

    Args:
        tx: The transaction.
        kind: Why, as workers know it.
        runs: The rows of the runs.
    """
    placed = [run for run in runs if run["work_queue_id"] is not None]
    ids = list({run["work_queue_id"] for run in placed})
    queues = await store.work_queues.get_many(tx, ids) if ids else {}
    at = now()
    asked = [
        {
            "id": named_id("cleanup", f"{kind} {run['id']}"),
            "created": at,
            "updated": at,
            "kind": kind,
            "work_pool_id": queues[run["work_queue_id"]]["work_pool_id"],
            "work_queue_id": run["work_queue_id"],
            "delivery_count": 0,
            "target": {"flow_run_id": str(run["id"]), "infrastructure_pid": run["infrastructure_pid"]},
            "data": {},
        }
        for run in placed
        if run["work_queue_id"] in queues
    ]
    await _forget_finished(tx, at)
    await store.cleanups.add(tx, asked)
    for pool_id in {item["work_pool_id"] for item in asked}:
        tx.notify(CLEANUP_TOPIC, str(pool_id))


async def claim(
    tx: Transaction, pool_id: UUID, queue_ids: Sequence[UUID] | None, kinds: Sequence[str], count: int
) -> list[Row]:
    """Give a worker some of the work of its pool, the oldest first.

    Args:
        tx: The transaction.
        pool_id: The pool.
        queue_ids: Only work of these queues; None for all.
        kinds: Only work of these kinds.
        count: How many pieces at most.
    """
    told, at = get_current_settings().server.worker_channel, now()
    parts = [
        one_of("cleanup.work_pool_id", [pool_id]),
        one_of("cleanup.kind", kinds),
        Sql("cleanup.finished IS NULL AND (cleanup.lease_expires_at IS NULL OR cleanup.lease_expires_at <= ?)", (at,)),
    ]
    if queue_ids is not None:
        parts.append(one_of("cleanup.work_queue_id", queue_ids))
    rows = await store.cleanups.find(tx, all_of(parts), "cleanup.created, cleanup.id", count, lock=True)
    given = [row for row in rows if row["delivery_count"] < told.cleanup_max_delivery_attempts]
    await _give_up(tx, [row for row in rows if row["delivery_count"] >= told.cleanup_max_delivery_attempts])
    for row in given:
        row["reservation_token"] = new_id()
        row["lease_expires_at"] = at + timedelta(seconds=told.cleanup_lease_seconds)
        row["delivery_count"] += 1
        row["updated"] = at
    names = ["reservation_token", "lease_expires_at", "delivery_count", "updated"]
    await store.cleanups.change(tx, given, names)
    return given


async def has_pending(tx: Transaction, pool_id: UUID, kinds: Sequence[str]) -> bool:
    """Whether there may be work for the workers of a pool."""
    free = Sql(
        "cleanup.finished IS NULL AND (cleanup.lease_expires_at IS NULL OR cleanup.lease_expires_at <= ?)", (now(),)
    )
    where = all_of([one_of("cleanup.work_pool_id", [pool_id]), one_of("cleanup.kind", kinds), free])
    return bool(await store.cleanups.find(tx, where, limit=1, columns=["id"]))


async def handle_operation(tx: Transaction, operation: str, id_: UUID, token: str) -> Outcome:
    """Do what a worker says of a piece of work that it was given.

    Args:
        tx: The transaction.
        operation: `ack`: it is done; `renew`: the worker needs longer; `release`: the worker gives it back.
        id_: The piece of work.
        token: What the worker was given with it: only who has it now may say something of it.
    """
    told, at = get_current_settings().server.worker_channel, now()
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
        until = at + timedelta(seconds=told.cleanup_lease_seconds)
        await store.cleanups.change(tx, [{"id": id_, "lease_expires_at": until}], ["lease_expires_at"])
        return Outcome("accepted", None, until)
    if row["delivery_count"] >= told.cleanup_max_delivery_attempts:
        await _give_up(tx, [row])
        return Outcome("dead_lettered", "max_delivery_attempts_reached")
    await store.cleanups.change(tx, [{"id": id_}], ["reservation_token", "lease_expires_at"])
    tx.notify(CLEANUP_TOPIC, str(row["work_pool_id"]))
    return Outcome("accepted")


async def _finish(tx: Transaction, row: Mapping[str, Any], at: datetime) -> None:
    """Forget work that is done, or remember it for as long as it may be asked for again."""
    if get_current_settings().server.worker_channel.cleanup_completed_idempotency_retention_seconds is None:
        await store.cleanups.remove(tx, one_of("id", [row["id"]]))
    else:
        await store.cleanups.change(tx, [{"id": row["id"], "finished": at}], ["finished"])


async def _forget_finished(tx: Transaction, at: datetime) -> None:
    seconds = get_current_settings().server.worker_channel.cleanup_completed_idempotency_retention_seconds
    if seconds is not None:
        await store.cleanups.remove(tx, Sql("finished < ?", (at - timedelta(seconds=seconds),)))


async def _give_up(tx: Transaction, rows: Sequence[Row]) -> None:
    for row in rows:
        logger.warning(
            "Nobody tears down the infrastructure of flow run %s any more: %d attempts failed.",
            row["target"].get("flow_run_id"),
            row["delivery_count"],
        )
    await store.cleanups.remove(tx, one_of("id", [row["id"] for row in rows]))
