"""Leases that wait for slots: granted in the order of their requests, in the transaction that releases the slots.

A lease that cannot be granted blocks later ones only at the limits that have too few slots for it, so that leases of
other limits are granted before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import _processes
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import slots
from prefect.server.store import Row
from prefect.server.store.queries import limits as queries
from prefect.types import now

QUEUES_TOPIC = "waiting-leases"
"""The topic of notifications that another lease waits; waiting leases that get their slots are notified by `topic`."""

FIRST_BATCH_SIZE, BATCH_SIZE = 4, 100
"""Waiting leases that are read at a time: mostly one slot is free, for the first of them."""

MIN_RECHECK_SECONDS = 0.02
"""The least time between two checks of a waiting request."""

QUEUE_POSITION_ONLY = timedelta(0)
"""The duration of a lease that only keeps a position in the queue: slots of rate limits decay, and are not released."""

PICKUP_TIME = timedelta(seconds=60)
"""How long such a lease stays after its slots were granted, so that its caller can read the answer."""


def topic(lease_id: UUID) -> str:
    """Return the topic of the notification that a lease was granted."""
    return f"slots:{lease_id}"


def is_abandoned(lease: Row) -> bool:
    """Return whether the process that a lease belongs to has gone; known only of processes of this host."""
    process: Mapping[str, Any] | None = lease["process"]
    if not process or process["host"] != _processes.host():
        return False
    return not _processes.is_alive(process["pid"], process["start"])


async def grant_slots(tx: Transaction, locked: dict[UUID, Row]) -> None:
    """Grant free slots of limits to the leases that wait for them.

    Args:
        tx: The transaction.
        locked: The limits, as `slots.lock_limits` returns them.
    """
    limit_ids = [id_ for id_, row in locked.items() if row["largest_request"]]
    short: set[UUID] = set()
    offset, size = 0, FIRST_BATCH_SIZE
    while any(id_ not in short and not slots.is_used_up(locked[id_]) for id_ in limit_ids):
        waiting = await queries.find_waiting_leases(tx, limit_ids, now(), size, offset)
        granted = await _grant_batch(tx, waiting, locked, short)
        for lease in granted:
            tx.notify(topic(lease["id"]), lease["process"])
        if len(waiting) < size:
            return
        offset, size = offset + len(waiting) - len(granted), BATCH_SIZE


async def _grant_batch(tx: Transaction, waiting: Sequence[Row], locked: dict[UUID, Row], short: set[UUID]) -> list[Row]:
    """Grant the leases that can be, in order; `short` collects the limits that have too few slots for one of them."""
    wanted = await queries.find_slots(tx, [lease["id"] for lease in waiting])
    others = {id_ for slots_by_limit in wanted.values() for id_ in slots_by_limit} - set(locked)
    if others:
        locked.update(await slots.lock_limits(tx, others))
    granted: list[Row] = []
    at = now()
    for lease in waiting:
        found = [(locked[id_], count) for id_, count in wanted[lease["id"]].items() if id_ in locked]
        lacking = {row["id"] for row, count in found if row["active"] and slots.count_missing(row, count) > 0}
        if lacking or any(row["id"] in short for row, _ in found):
            short |= lacking
            continue
        if is_abandoned(lease):
            continue
        for row, count in found:
            await slots.occupy(tx, [row], count, by_lease=True)
        expires = None if lease["duration"] is None else at + (lease["duration"] or PICKUP_TIME)
        granted.append({"id": lease["id"], "granted": at, "expires": expires, "process": lease["process"]})
    await store.leases.change(tx, granted, ["granted", "expires"])
    return granted


async def has_earlier(tx: Transaction, limit_id: UUID, lease_id: UUID) -> bool:
    """Return whether another lease has waited for slots of a limit for longer than this one."""
    return await queries.has_earlier_waiting_lease(tx, limit_id, lease_id, now())


async def find_seconds_to_recheck(tx: Transaction, lease_id: UUID, limit_ids: Sequence[UUID], longest: float) -> float:
    """Return after how many seconds a waiting request should check again, if it is not notified before.

    That is when a lease of its limits expires, or when enough slots have decayed for it and those before it. Only the
    first request in the queue ends expired leases and grants their slots, to all that can have some.
    """
    seconds = [longest]
    first_of = [id_ for id_ in limit_ids if not await has_earlier(tx, id_, lease_id)]
    expires = await queries.find_next_expiry(tx, first_of) if first_of else None
    if expires is not None:
        seconds.append((expires - now()).total_seconds())
    for row in (await store.concurrency_limits.get_many(tx, limit_ids)).values():
        if row["slot_decay_per_second"]:
            await slots.read_usage(tx, [row])
            missing = slots.count_missing(row, await queries.count_slots_up_to(tx, row["id"], lease_id))
            seconds.append(missing / row["slot_decay_per_second"])
    return max(MIN_RECHECK_SECONDS, min(seconds))
