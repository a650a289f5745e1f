"""Leases: slots of limits that are held for a time, so that they are free again when their holder dies.

A holder that needs slots longer renews its lease; one that has expired holds nothing. A lease ends once: its holder, or
the loop that looks for expired leases, deletes the row, and the slots go to the leases that wait for them. A lease
without an expiration is held until it is ended. The limits of a lease are locked before it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import limits, slots, waiting
from prefect.server.services.concurrency.waiting import is_abandoned
from prefect.server.services.core.errors import Gone, Locked
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Row
from prefect.server.store.queries import limits as queries
from prefect.types import new_id, now

SWEEP_BATCH_SIZE = 500
"""Leases whose slots are released in one transaction."""

WAITING_GRACE = timedelta(seconds=5)
"""How long a request keeps its position in the queue after its caller has stopped waiting, to send it again."""


@dataclass(frozen=True)
class SlotRequest:
    """A request for slots under a lease.

    Attributes:
        names: The limits.
        slots: How many slots of each.
        mode: `concurrency`, or `rate_limit` for limits whose slots decay: the lease is only a place in the queue.
        duration: How long the lease lasts unless it is renewed.
        holder: Which run holds it: `{"type": "flow_run" | "task_run" | "deployment", "id": ...}`.
        lease_id: The id of the lease. A request that is repeated with it takes slots once, and keeps its place.
        process: The process of this host that holds it: `pid`, `host` and `start`.
        wait: How long the caller waits for the slots; it is refused immediately if zero.
    """

    names: Sequence[str]
    slots: int
    mode: limits.Mode
    duration: timedelta
    holder: Mapping[str, Any] | None = None
    lease_id: UUID | None = None
    process: Mapping[str, Any] | None = None
    wait: timedelta = timedelta(0)


@dataclass(frozen=True)
class Grant:
    """The answer to a request for slots.

    Attributes:
        lease_id: The lease.
        limits: Its limits.
        is_granted: Whether it holds its slots, or waits for them.
    """

    lease_id: UUID
    limits: list[Row]
    is_granted: bool = True


# --- taking slots ----------------------------------------------------------------------------------------------------


async def request_slots(tx: Transaction, request: SlotRequest) -> Grant:
    """Take slots of each limit of these names under a lease, or none; missing limits are left out.

    Raises:
        InvalidRequest: As `limits.check_request`.
        Locked: A limit has too few free slots, and the caller does not wait.
    """
    lease_id = request.lease_id or new_id()
    lease = await store.leases.get(tx, lease_id) if request.lease_id is not None else None
    kept = await _keep_queue_position(tx, request, lease) if lease is not None else None
    if kept is not None:
        return kept
    locked = await slots.lock_named(tx, request.names)
    ids, rows = list(locked), list(locked.values())
    limits.check_request(rows, request.slots, request.mode)
    earlier = await _repeat_request(tx, request, lease, ids) if lease is not None else None
    if earlier:
        return Grant(lease_id, rows)
    if earlier is None and await _take_requested(tx, request, lease_id, locked):
        return Grant(lease_id, rows)
    if not request.wait:
        raise Locked("Locked", slots.estimate_wait(rows, request.slots) if earlier is None else 0.0)
    await _put_waiting(tx, request, lease_id, ids)
    return Grant(lease_id, rows, is_granted=False)


async def _keep_queue_position(tx: Transaction, request: SlotRequest, lease: Row) -> Grant | None:
    """Keep the queue position of a request that still waits; None if it does not wait, or may be granted next.

    This is what most requests do that are repeated while many wait, so it reads nothing but their own places.
    """
    rows = await limits.find_by_name(tx, request.names) if lease["granted"] is None else []
    limits.check_request(rows, request.slots, request.mode)
    if not rows or not all([await waiting.has_earlier(tx, row["id"], lease["id"]) for row in rows]):
        return None
    if not request.wait:
        raise Locked("Locked", 0.0)
    await _put_waiting(tx, request, lease["id"], [row["id"] for row in rows])
    return Grant(lease["id"], rows, is_granted=False)


async def _take_requested(tx: Transaction, request: SlotRequest, lease_id: UUID, locked: dict[UUID, Row]) -> bool:
    if not locked and request.lease_id is not None:
        return True  # nothing to hold
    if request.mode == "rate_limit":
        return await limits.take_slots(tx, list(locked), request.slots)
    lease = _new_lease(lease_id, request.duration, request.holder, request.process)
    return await _take_locked(tx, locked, request.slots, lease)


async def _repeat_request(tx: Transaction, request: SlotRequest, lease: Row, ids: Sequence[UUID]) -> bool | None:
    """Read once more the lease of an earlier request.

    Returns:
        Whether it has its slots, or continues waiting for them; None when it has ended.
    """
    lease_id = lease["id"]
    if lease["granted"] is None:
        await end_lost(tx, ids)
        await waiting.grant_slots(tx, await slots.lock_limits(tx, ids))
        found = await store.leases.get(tx, lease_id)
        if found is None:
            return None
        if found["granted"] is None:
            return False
    if request.mode == "rate_limit":
        return bool(await _end(tx, [lease_id]))
    return await renew_lease(tx, lease_id, request.duration) or None


async def _put_waiting(tx: Transaction, request: SlotRequest, lease_id: UUID, ids: Sequence[UUID]) -> None:
    at = now()
    duration = waiting.QUEUE_POSITION_ONLY if request.mode == "rate_limit" else request.duration
    lease = _new_lease(lease_id, duration, request.holder, request.process)
    expires = at + request.wait + WAITING_GRACE
    if await store.leases.add(tx, [{**lease, "granted": None, "expires": expires}]):
        await _add_slots(tx, lease_id, ids, request.slots)
        tx.notify(waiting.QUEUES_TOPIC)
    else:
        await store.leases.change(tx, [{"id": lease_id, "expires": expires}], ["expires"])


async def take_slots(
    tx: Transaction,
    limit_ids: Sequence[UUID],
    count: int,
    duration: timedelta | None,
    holder: Mapping[str, Any] | None = None,
    lease_id: UUID | None = None,
    process: Mapping[str, Any] | None = None,
) -> UUID | None:
    """Take slots of each of these limits, or of none, under a lease.

    An inactive limit has any number of slots, and a missing one does not limit. If there are too few, leases of dead
    holders are ended first: a request does not depend on the loop that does it.

    Args:
        tx: The transaction.
        limit_ids: The limits of the slots.
        count: How many of each.
        duration: For how long; None for no expiration.
        holder: Who holds them: `{"type": "flow_run" | "task_run" | "deployment", "id": ...}`.
        lease_id: The lease's id, if the caller has chosen one.
        process: The process of this host that holds them.

    Returns:
        The lease's id; None when there are too few slots.
    """
    lease = _new_lease(lease_id or new_id(), duration, holder, process)
    return lease["id"] if await _take_locked(tx, await slots.lock_limits(tx, limit_ids), count, lease) else None


async def _take_locked(tx: Transaction, locked: dict[UUID, Row], count: int, lease: Row) -> bool:
    """Take slots of each of some locked limits, or of none, under a lease; return whether they were taken."""
    if any(slots.is_full(row, count) for row in locked.values()):
        ended = await end_lost(tx, list(locked))
        if not any(row["active"] and slots.count_missing(row, count) > 0 for row in locked.values()):
            ended += await end_abandoned(tx, list(locked), waiting=True)  # those that wait are in the way
        if not ended:
            return False
        locked = await slots.lock_limits(tx, locked)
        if any(slots.is_full(row, count) for row in locked.values()):
            return False
    if not await store.leases.add(tx, [lease]):
        # It waits for its slots, or has expired without being ended.
        await store.leases.change(tx, [lease], ["granted", "expires"])
        await store.held_slots.remove(tx, {"lease_id": lease["id"]})
    active = [row for row in locked.values() if row["active"]]
    await _add_slots(tx, lease["id"], [row["id"] for row in active], count)
    await slots.occupy(tx, active, count, by_lease=True)
    return True


def _new_lease(
    lease_id: UUID,
    duration: timedelta | None,
    holder: Mapping[str, Any] | None,
    process: Mapping[str, Any] | None = None,
) -> Row:
    at = now()
    return {
        "id": lease_id,
        "created": at,
        "granted": at,
        "expires": at + duration if duration is not None else None,
        "duration": duration,
        "holder": holder and {"type": holder["type"], "id": str(holder["id"])},
        "process": process,
    }


async def _add_slots(tx: Transaction, lease_id: UUID, limit_ids: Iterable[UUID], count: int) -> None:
    await store.held_slots.add(tx, [{"limit_id": id_, "lease_id": lease_id, "slots": count} for id_ in limit_ids])


# --- holding and ending ----------------------------------------------------------------------------------------------


async def renew_lease(tx: Transaction, lease_id: UUID, duration: timedelta) -> bool:
    """Set a lease to expire after `duration` from now; return False when it has ended.

    One that has expired continues if its slots are still free.
    """
    lease = await store.leases.get(tx, lease_id)
    if lease is not None and _has_expired(lease):
        held = (await queries.find_slots(tx, [lease_id]))[lease_id]
        locked = await slots.lock_limits(tx, held)
        if any(slots.is_full(row, held[id_]) for id_, row in locked.items()):
            return False
    return await store.leases.change(tx, [{"id": lease_id, "expires": now() + duration}], ["expires"]) == 1


async def extend_lease(tx: Transaction, lease_id: UUID, duration: timedelta) -> None:
    """Set a lease to expire after `duration` from now, or raise `Gone`."""
    if not await renew_lease(tx, lease_id, duration):
        raise Gone(f"The lease {lease_id} has run out or was ended: take the slots again.")


async def is_held(tx: Transaction, lease_id: UUID) -> bool:
    """Return whether a lease holds its slots."""
    lease = await store.leases.get(tx, lease_id)
    return lease is not None and lease["granted"] is not None and not _has_expired(lease)


def _has_expired(lease: Row) -> bool:
    return lease["expires"] is not None and lease["expires"] <= now()


async def end_lease(tx: Transaction, lease_id: UUID) -> bool:
    """End a lease and release its slots; return False when it has ended already."""
    return bool(await _end(tx, [lease_id]))


async def end_expired(tx: Transaction) -> int:
    """End a batch of expired leases and return its size."""
    expired = await queries.find_expired_leases(tx, now(), SWEEP_BATCH_SIZE)
    await _end(tx, [row["id"] for row in expired], _has_expired)
    return len(expired)


async def end_abandoned(tx: Transaction, limit_ids: Sequence[UUID] | None = None, waiting: bool = False) -> int:
    """End leases of processes of this host that have gone; return how many they were.

    Args:
        tx: The transaction.
        limit_ids: The limits that matter; all if None.
        waiting: Whether those that wait for slots are ended, or those that hold some.
    """
    leases = await queries.find_leases_of_processes(tx, limit_ids, waiting)
    return await _end(tx, [lease["id"] for lease in leases if is_abandoned(lease)])


async def has_lost(tx: Transaction) -> bool:
    """Return whether there are leases of dead holders: expired ones, or of processes of this host that have gone."""
    if await queries.find_expired_leases(tx, now(), 1):
        return True
    return any(is_abandoned(lease) for lease in await queries.find_leases_of_processes(tx))


async def count_waiting_processes(tx: Transaction) -> int:
    """Return how many processes of this machine wait for slots."""
    return await queries.count_waiting_processes(tx)


async def end_lost(tx: Transaction, limit_ids: Sequence[UUID] | None = None) -> int:
    """End leases of dead holders; return how many they were.

    Args:
        tx: The transaction.
        limit_ids: The limits that matter; all if None.
    """
    return await end_expired(tx) + await end_abandoned(tx, limit_ids)


async def change_limit(tx: Transaction, key: UUID | str, values: Mapping[str, Any]) -> Row:
    """Set fields of a limit as `limits.change` does; `active_slots` are all slots that are taken then.

    If leases hold more, they end, and their holders notice it when they renew them.
    """
    if values.get("active_slots") is None:
        return await limits.change(tx, key, values)
    id_ = (await limits.get(tx, key))["id"]
    leases = [lease for lease in await queries.find_leases_of_limit(tx, id_, now()) if lease["granted"] is not None]
    held = sum(lease["slots"] for lease in leases)
    if values["active_slots"] < held:
        await _end(tx, [lease["id"] for lease in leases])
        held = 0
    return await limits.change(tx, id_, {**values, "active_slots": values["active_slots"] - held})


async def _end(tx: Transaction, lease_ids: Sequence[UUID], condition: Any = None) -> int:
    """End leases that still exist and satisfy a condition, and return how many they were."""
    if not lease_ids:
        return 0
    held = await queries.find_slots(tx, lease_ids)
    locked = await slots.lock_rows(tx, {id_ for each in held.values() for id_ in each})
    # Read again once the limits are locked, since a lease may have been renewed or ended before.
    found = await store.leases.get_many(tx, lease_ids, lock=True)
    ended = {id_: lease for id_, lease in found.items() if condition is None or condition(lease)}
    if not ended:
        return 0
    for some in store.chunks(list(ended)):
        await store.leases.remove(tx, {"id": list(some)})
        await store.held_slots.remove(tx, {"lease_id": list(some)})
    await _count_released(tx, locked, [(lease, held[id_]) for id_, lease in ended.items()])
    await waiting.grant_slots(tx, locked)
    return len(ended)


async def _count_released(
    tx: Transaction, locked: Mapping[UUID, Row], released: Sequence[tuple[Row, Mapping[UUID, int]]]
) -> None:
    at = now()
    for lease, slots_by_limit in released:
        for id_, count in slots_by_limit.items():
            row = locked.get(id_)
            if row is None or lease["granted"] is None or lease["duration"] == waiting.QUEUE_POSITION_ONLY:
                continue
            slots.update_average_occupancy(row, (at - lease["granted"]).total_seconds())
            if row["slot_decay_per_second"]:
                row["active_slots"] = max(0, row["active_slots"] - count)
    await slots.read_usage(tx, locked.values(), at)
    await store.concurrency_limits.change(tx, locked.values(), (*slots.COUNTER_COLUMNS, "avg_slot_occupancy_seconds"))


# --- who holds, who waits --------------------------------------------------------------------------------------------


async def find_holders(tx: Transaction, key: UUID | str) -> list[Answer]:
    """Return who holds slots of a limit, longest first, and then who waits for some, in the order of the queue.

    Args:
        tx: The transaction.
        key: The limit's id or name.

    Raises:
        NotFound: There is no such limit.
    """
    limit = await limits.get(tx, key)
    leases = await queries.find_leases_of_limit(tx, limit["id"], now())
    names = await _read_names(tx, [lease["holder"] for lease in leases if lease["holder"]])
    return [
        {
            "lease_id": lease["id"],
            "holder": lease["holder"],
            "name": names.get(UUID(lease["holder"]["id"])) if lease["holder"] else None,
            "process": lease["process"],
            "slots": lease["slots"],
            "status": "waiting" if lease["granted"] is None else "held",
            "since": lease["granted"] or lease["created"],
            "expires": lease["expires"],
        }
        for lease in leases
    ]


async def _read_names(tx: Transaction, holders: Iterable[Mapping[str, Any]]) -> dict[UUID, str]:
    """Return the names of runs that hold or await slots, by their ids."""
    names: dict[UUID, str] = {}
    for kind, runs in (("flow_run", store.flow_runs), ("task_run", store.task_runs)):
        ids = {UUID(holder["id"]) for holder in holders if holder["type"] == kind}
        found = await runs.get_many(tx, list(ids), columns=("id", "name")) if ids else {}
        names |= {id_: row["name"] for id_, row in found.items()}
    return names
