"""Slots: how many of a limit are taken, and whether a request for more can be satisfied.

The slots that leases hold are rows. The counter `active_slots` of a limit has those that are taken without a lease, and
all slots of a limit with a slot decay, which are released over time: `updated` is when the counter was right, and
`apply_decay` computes the present one. Limits are locked in the order of their ids before anything of them is read, and
before the leases of their slots, so that no slot is taken twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store import Row
from prefect.server.store.queries import limits as queries
from prefect.settings import get_current_settings
from prefect.types import now

COUNTER_COLUMNS = ("active_slots", "updated")
"""The columns of a limit that change when slots are taken without a lease or decay."""


async def lock_limits(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Lock limits and return those that exist, with their counters as of now and what `read_usage` adds."""
    locked = await lock_rows(tx, ids)
    await read_usage(tx, locked.values())
    return locked


async def lock_rows(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Lock limits and return those that exist, with their counters as of now."""
    rows = await store.concurrency_limits.get_many(tx, list(set(ids)), lock=True)
    at = now()
    return {id_: _count_anew(row, at) for id_, row in rows.items()}


async def lock_named(tx: Transaction, names: Iterable[str]) -> dict[UUID, Row]:
    """Lock limits of these names as `lock_limits` does, and return those that exist, by name."""
    order = store.concurrency_limits.by_key
    rows = await store.concurrency_limits.find(tx, {"name": set(names)}, order, lock=True)
    at = now()
    locked = {row["id"]: _count_anew(row, at) for row in sorted(rows, key=lambda row: row["name"])}
    await read_usage(tx, locked.values(), at)
    return locked


async def read_usage(tx: Transaction, rows: Iterable[Row], at: datetime | None = None) -> None:
    """Add to limits how many of their slots are `occupied`, and the `largest_request` that waits for some.

    Args:
        tx: The transaction.
        rows: The limits.
        at: The time; now if None.
    """
    at = at or now()
    counts = await queries.count_slots(tx, [row["id"] for row in rows], at)
    for row in rows:
        held, largest = counts.get(row["id"], (0, 0))
        counted = apply_decay(row, at)["active_slots"]
        row["occupied"] = counted if row["slot_decay_per_second"] else counted + held
        row["largest_request"] = largest


def apply_decay(row: Row, at: datetime | None = None) -> Row:
    """Return a limit whose counter has the slots that have not decayed by a time, which is now by default."""
    at = at or now()
    decay = row["slot_decay_per_second"]
    if not decay:
        return row
    decayed = int(min(row["active_slots"], max(0.0, (at - row["updated"]).total_seconds()) * decay))
    active = row["active_slots"] - decayed
    # The part of the next slot that has decayed is kept when the row is written.
    updated = row["updated"] + timedelta(seconds=decayed / decay) if active else at
    return {**row, "active_slots": active, "updated": updated}


def _count_anew(row: Row, at: datetime) -> Row:
    row = apply_decay(row, at)
    return row if row["slot_decay_per_second"] else {**row, "updated": at}


def count_missing(row: Row, slots: int) -> int:
    """Return how many slots a limit lacks for `slots` to be taken; 0 or less when they can be."""
    return row["occupied"] + slots - row["limit_"]


def is_used_up(row: Row) -> bool:
    """Return whether no slot of a limit is free."""
    return row["active"] and count_missing(row, 1) > 0


def is_full(row: Row, slots: int) -> bool:
    """Return whether a limit refuses `slots`: it has too few, or too few for a request that came earlier.

    An inactive limit refuses nothing.
    """
    if not row["active"]:
        return False
    return count_missing(row, slots) > 0 or (row["largest_request"] and count_missing(row, row["largest_request"]) > 0)


async def occupy(tx: Transaction, rows: Sequence[Row], slots: int, by_lease: bool) -> None:
    """Count slots of active limits as taken; those that a lease holds only count where they decay."""
    counted = [row for row in rows if row["active"] and (not by_lease or row["slot_decay_per_second"])]
    for row in rows:
        if row["active"]:
            row["occupied"] += slots
    for row in counted:
        row["active_slots"] += slots
    if counted:
        await store.concurrency_limits.change(tx, counted, COUNTER_COLUMNS)


def update_average_occupancy(row: Row, seconds: float) -> None:
    """Update the average time for which slots of a limit are held, of as many releases as it has slots."""
    row["avg_slot_occupancy_seconds"] += (seconds - row["avg_slot_occupancy_seconds"]) / max(1, row["limit_"])


def estimate_wait(rows: Iterable[Row], slots: int) -> float:
    """Return the seconds, with some jitter, until all of these limits probably have `slots` free slots."""
    return max((_estimate_wait(row, slots) for row in rows if row["active"]), default=0.0)


def _estimate_wait(row: Row, slots: int) -> float:
    missing = max(0, count_missing(row, slots))
    if row["slot_decay_per_second"]:
        seconds = missing / row["slot_decay_per_second"]
    else:
        longest = get_current_settings().server.concurrency.maximum_concurrency_slot_wait_seconds
        seconds = min(longest, row["avg_slot_occupancy_seconds"] * missing / max(1, row["occupied"]))
    return seconds * (0.75 + random.random() / 2)
