"""Leases: slots of limits that are held for a time, so that they come back when their holder dies.

Whoever holds slots longer renews the lease. Each ends once: by its holder, or by the loop that looks for those that ran
out, whichever deletes the row; that one gives the slots back. A lease without an end is held until it is ended. A
lease is always locked before the limits that it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, one_of
from prefect.server.services.concurrency import limits
from prefect.server.services.core.errors import Gone, Locked
from prefect.server.store import Row
from prefect.types import new_id, now

SWEEP_BATCH_SIZE = 500
"""Leases whose slots are given back in one transaction."""


async def acquire_slots(tx: Transaction, names: Sequence[str], slots: int, mode: limits.Mode) -> list[Row]:
    """Take slots as `limits.acquire` does; where there are too few, leases that ran out give theirs back first.

    So nobody waits for the loop, and nobody needs one.
    """
    try:
        return await limits.acquire_slots(tx, names, slots, mode)
    except Locked:
        if not await end_expired(tx):
            raise
        return await limits.acquire_slots(tx, names, slots, mode)


async def create_lease(
    tx: Transaction,
    ids: Iterable[UUID],
    slots: int,
    duration: timedelta | None,
    holder: Mapping[str, Any] | None = None,
    lease_id: UUID | None = None,
) -> UUID:
    """Hold slots that have just been taken.

    Args:
        tx: The transaction.
        ids: The limits of which they are.
        slots: How many of each.
        length: For how long; None for as long as nobody ends it.
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
        "limits": [str(id_) for id_ in ids],
        "holder": holder and {"type": holder["type"], "id": str(holder["id"])},
    }
    await store.leases.add(tx, [row])
    return row["id"]


async def renew_lease(tx: Transaction, lease_id: UUID, duration: timedelta) -> bool:
    """Hold on from now for a time; False when the lease has ended."""
    return await store.leases.change(tx, [{"id": lease_id, "expires": now() + duration}], ["expires"]) == 1


async def extend_lease(tx: Transaction, lease_id: UUID, duration: timedelta) -> None:
    """Hold on from now for a time, or `Gone`."""
    if not await renew_lease(tx, lease_id, duration):
        raise Gone(f"The lease {lease_id} has run out or was ended: take the slots again.")


async def is_held(tx: Transaction, lease_id: UUID) -> bool:
    """Whether a lease has not ended."""
    return await store.leases.get(tx, lease_id) is not None


async def end_lease(tx: Transaction, lease_id: UUID) -> bool:
    """End a lease and give its slots back; False when it has ended already."""
    row = await store.leases.get(tx, lease_id, lock=True)
    if row is None:
        return False
    await _end(tx, [row])
    return True


async def end_expired(tx: Transaction) -> int:
    """End leases that have run out, so many at once, and return how many they were."""
    expired = await store.leases.find(
        tx, Sql("lease.expires < ?", (now(),)), "lease.expires", SWEEP_BATCH_SIZE, columns=["id"]
    )
    rows = await store.leases.get_many(tx, [row["id"] for row in expired], lock=True)
    over = [row for row in rows.values() if row["expires"] is not None and row["expires"] < now()]
    await _end(tx, over)
    return len(over)


async def _end(tx: Transaction, rows: Sequence[Row]) -> None:
    if not rows:
        return
    await store.leases.remove(tx, one_of("id", [row["id"] for row in rows]))
    slots: Counter[UUID] = Counter()
    for row in rows:
        slots.update({UUID(id_): row["slots"] for id_ in row["limits"]})
    await limits.release_slot_counts(tx, slots)
