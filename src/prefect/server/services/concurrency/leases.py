"""Leases: slots of limits that are held for a time, so that they are released when their holder dies.

A holder that needs slots longer renews its lease. A lease ends once: its holder, or the loop that looks for expired
leases, deletes the row, and whichever deletes it releases the slots. A lease without an expiration is held until it is
ended. A lease is always locked before the limits of its slots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import limits
from prefect.server.services.core.errors import Gone, Locked
from prefect.server.store import Row
from prefect.server.store.queries import limits as queries
from prefect.types import new_id, now

SWEEP_BATCH_SIZE = 500
"""Leases whose slots are released in one transaction."""


async def acquire_slots(tx: Transaction, names: Sequence[str], slots: int, mode: limits.Mode) -> list[Row]:
    """Take slots as `limits.acquire_slots` does; if there are too few, end expired leases and try again.

    So a request does not depend on the loop that ends leases.
    """
    try:
        return await limits.acquire_slots(tx, names, slots, mode)
    except Locked:
        if not await end_expired(tx):
            raise
        return await limits.acquire_slots(tx, names, slots, mode)


async def acquire_with_lease(
    tx: Transaction,
    names: Sequence[str],
    slots: int,
    mode: limits.Mode,
    duration: timedelta,
    holder: Mapping[str, Any] | None = None,
) -> tuple[UUID, list[Row]]:
    """Take slots as `acquire_slots` does; return the lease that holds them and the limits."""
    rows = await acquire_slots(tx, names, slots, mode)
    return await create_lease(tx, [row["id"] for row in rows], slots, duration, holder), rows


async def create_lease(
    tx: Transaction,
    limit_ids: Iterable[UUID],
    slots: int,
    duration: timedelta | None,
    holder: Mapping[str, Any] | None = None,
    lease_id: UUID | None = None,
) -> UUID:
    """Create a lease of slots that have just been taken.

    Args:
        tx: The transaction.
        limit_ids: The limits of the slots.
        slots: How many of each.
        duration: For how long; None for no expiration.
        holder: Who holds them: `{"type": "flow_run" | "task_run" | "deployment", "id": ...}`.
        lease_id: The lease's id, if the caller has chosen one.

    Returns:
        The lease's id.
    """
    at = now()
    row = {
        "id": lease_id or new_id(),
        "created": at,
        "expires": at + duration if duration is not None else None,
        "slots": slots,
        "limits": [str(id_) for id_ in limit_ids],
        "holder": holder and {"type": holder["type"], "id": str(holder["id"])},
    }
    await store.leases.add(tx, [row])
    return row["id"]


async def renew_lease(tx: Transaction, lease_id: UUID, duration: timedelta) -> bool:
    """Have a lease expire after `duration` from now; return False when it has ended."""
    return await store.leases.change(tx, [{"id": lease_id, "expires": now() + duration}], ["expires"]) == 1


async def extend_lease(tx: Transaction, lease_id: UUID, duration: timedelta) -> None:
    """Have a lease expire after `duration` from now, or raise `Gone`."""
    if not await renew_lease(tx, lease_id, duration):
        raise Gone(f"The lease {lease_id} has run out or was ended: take the slots again.")


async def is_held(tx: Transaction, lease_id: UUID) -> bool:
    """Return whether a lease has not ended."""
    return await store.leases.get(tx, lease_id) is not None


async def end_lease(tx: Transaction, lease_id: UUID) -> bool:
    """End a lease and release its slots; return False when it has ended already."""
    row = await store.leases.get(tx, lease_id, lock=True)
    if row is None:
        return False
    await _end(tx, [row])
    return True


async def end_expired(tx: Transaction) -> int:
    """End a batch of expired leases and return its size."""
    expired = await queries.lock_expired_leases(tx, now(), SWEEP_BATCH_SIZE)
    await _end(tx, expired)
    return len(expired)


async def _end(tx: Transaction, rows: Sequence[Row]) -> None:
    if not rows:
        return
    await store.leases.remove(tx, {"id": [row["id"] for row in rows]})
    slots: Counter[UUID] = Counter()
    for row in rows:
        slots.update({UUID(id_): row["slots"] for id_ in row["limits"]})
    await limits.release_slot_counts(tx, slots)
