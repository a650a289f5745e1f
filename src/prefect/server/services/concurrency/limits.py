"""Concurrency limits: slots that are taken and released, all those of one request or none.

One table holds the limits of users, of tags (named `tag:<tag>`) and of deployments (named `deployment:<id>`). Slots of
a limit with a decay are released over time: `updated` is when the stored number was right, and `apply_decay` computes
the present one. Rows are locked in the order of their ids before they are read, so that no slot is taken twice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging
from prefect.server.services.core.errors import Conflict, InvalidRequest, Locked, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.store import Row
from prefect.settings import get_current_settings
from prefect.types import new_id, now

Mode = Literal["concurrency", "rate_limit"]

_NEW = {
    "active": True,
    "active_slots": 0,
    "denied_slots": 0,
    "slot_decay_per_second": 0.0,
    "avg_slot_occupancy_seconds": 2.0,  # an estimate until a release reports for how long a slot was held
}

_COUNTED = ("active_slots", "updated")


# --- slots -----------------------------------------------------------------------------------------------------------


async def take_slots(tx: Transaction, ids: Sequence[UUID], slots: int = 1) -> bool:
    """Take slots of each of these limits, or of none; return whether they were taken.

    An inactive limit has any number of slots, and a missing one does not limit.
    """
    rows = _active((await _lock(tx, ids)).values())
    if any(count_missing_slots(row, slots) > 0 for row in rows):
        return False
    for row in rows:
        row["active_slots"] += slots
    await store.concurrency_limits.change(tx, rows, _COUNTED)
    return True


async def release_slots(tx: Transaction, ids: Sequence[UUID], slots: int = 1, occupancy: float | None = None) -> None:
    """Release slots of each of these limits, never more than are taken.

    Args:
        tx: The transaction.
        ids: The limits.
        slots: How many of each.
        occupancy: Seconds for which they were held, if known.
    """
    await release_slot_counts(tx, dict.fromkeys(ids, slots), occupancy)


async def release_slot_counts(tx: Transaction, slots: Mapping[UUID, int], occupancy: float | None = None) -> None:
    """Release slots of limits: how many of each, by its id."""
    rows = await _lock(tx, list(slots))
    for id_, row in rows.items():
        row["active_slots"] = max(0, row["active_slots"] - slots[id_])
        if occupancy is not None:
            # A moving average over as many releases as the limit has slots, so that new values soon count.
            row["avg_slot_occupancy_seconds"] += (occupancy - row["avg_slot_occupancy_seconds"]) / max(1, row["limit_"])
    names = _COUNTED if occupancy is None else (*_COUNTED, "avg_slot_occupancy_seconds")
    await store.concurrency_limits.change(tx, rows.values(), names)


def apply_decay(row: Row, at: datetime | None = None) -> Row:
    """Return a limit with the slots that have not decayed by a time, which is now by default."""
    at = at or now()
    decay = row["slot_decay_per_second"]
    if not decay:
        return row
    decayed = int(min(row["active_slots"], max(0.0, (at - row["updated"]).total_seconds()) * decay))
    active = row["active_slots"] - decayed
    # The part of the next slot that has decayed is kept when the row is written.
    updated = row["updated"] + timedelta(seconds=decayed / decay) if active else at
    return {**row, "active_slots": active, "updated": updated}


def count_missing_slots(row: Row, slots: int) -> int:
    """Return how many slots a limit lacks for `slots` to be taken; 0 or less when they can be."""
    return row["active_slots"] + slots - row["limit_"]


async def _lock(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Row]:
    rows = await store.concurrency_limits.get_many(tx, list(set(ids)), lock=True)
    return {id_: _to_write(row) for id_, row in rows.items()}


def _to_write(row: Row) -> Row:
    at = now()
    row = apply_decay(row, at)
    return row if row["slot_decay_per_second"] else {**row, "updated": at}


def _active(rows: Any) -> list[Row]:
    return [row for row in rows if row["active"]]


# --- requests for slots ----------------------------------------------------------------------------------------------


async def acquire_slots(tx: Transaction, names: Sequence[str], slots: int, mode: Mode = "concurrency") -> list[Row]:
    """Take slots of each limit of these names; a missing one is left out.

    Returns:
        The limits.

    Raises:
        InvalidRequest: A limit has fewer slots in total, or no decay though the mode is `rate_limit`.
        Locked: A limit has too few free slots now.
    """
    rows = await find_by_name(tx, names)
    rates = [row["name"] for row in rows if not row["slot_decay_per_second"]] if mode == "rate_limit" else []
    if rates:
        raise InvalidRequest(
            f"Only limits with a slot decay can limit a rate, and {', '.join(map(repr, rates))} has none: set its "
            "slot_decay_per_second."
        )
    if any(slots > row["limit_"] for row in _active(rows)):
        raise InvalidRequest(f"{slots} slots can never be taken of a limit that has fewer: request fewer.")
    ids = [row["id"] for row in rows]
    if not await take_slots(tx, ids, slots):
        raise Locked(
            "Locked", max(_estimate_wait(apply_decay(row), slots) for row in _active(await find_by_name(tx, names)))
        )
    return rows


async def release_by_name(
    tx: Transaction, names: Sequence[str], slots: int, occupancy: float | None = None
) -> list[Row]:
    """Release slots of each limit of these names, and return the limits."""
    rows = await find_by_name(tx, names)
    await release_slots(tx, [row["id"] for row in rows], slots, occupancy)
    return rows


async def find_by_name(tx: Transaction, names: Sequence[str]) -> list[Row]:
    """Return the existing limits of these names, by name."""
    if not names:
        return []
    return await store.concurrency_limits.find(tx, {"name": set(names)}, store.concurrency_limits.order("name"))


def _estimate_wait(row: Row, slots: int) -> float:
    """Return the seconds, with some jitter, until a limit probably has `slots` free slots."""
    missing = max(0, count_missing_slots(row, slots))
    if row["slot_decay_per_second"]:
        seconds = missing / row["slot_decay_per_second"]
    else:
        longest = get_current_settings().server.concurrency.maximum_concurrency_slot_wait_seconds
        seconds = min(longest, row["avg_slot_occupancy_seconds"] * missing / max(1, row["active_slots"]))
    return seconds * (0.75 + random.random() / 2)


# --- the limits themselves -------------------------------------------------------------------------------------------


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create a limit; `values` are its fields, by their names in the API.

    Raises:
        Conflict: There is a limit of this name.
    """
    at = now()
    row: Row = {**_NEW, **_columns(values), "id": new_id(), "created": at, "updated": at}
    row["slot_decay_per_second"] = float(row["slot_decay_per_second"])
    if not await store.concurrency_limits.add(tx, [row]):
        raise _name_conflict(row["name"])
    await _emit(tx, "created", row)
    return present_new(row)


async def get(tx: Transaction, key: UUID | str, lock: bool = False) -> Row:
    """Return the row of a limit by its id or its name, or raise `NotFound`."""
    column = "id" if isinstance(key, UUID) else "name"
    rows = await store.concurrency_limits.find(tx, {column: key}, lock=lock)
    if not rows:
        raise NotFound("concurrency limit", key)
    return rows[0]


async def change(tx: Transaction, key: UUID | str, values: Mapping[str, Any]) -> Row:
    """Set fields of a limit, by their names in the API.

    Raises:
        NotFound: There is no such limit.
        Conflict: There is another limit of the new name, or a value is null.
    """
    row = await get(tx, key, lock=True)
    empty = [name for name, value in values.items() if value is None]
    if empty:
        raise Conflict(f"A concurrency limit must have a value for {', '.join(empty)}.")
    if values.get("name", row["name"]) != row["name"] and await find_by_name(tx, [values["name"]]):
        raise _name_conflict(values["name"])
    columns = _columns(values)
    row = {**_to_write(row), **columns}
    await store.concurrency_limits.change(tx, [row], list(dict.fromkeys((*_COUNTED, *columns))))
    await _emit(tx, "updated", row)
    return row


async def remove(tx: Transaction, key: UUID | str) -> None:
    """Delete a limit, or raise `NotFound`. Leases of its slots stay, and then hold nothing."""
    row = await get(tx, key, lock=True)
    await store.concurrency_limits.remove(tx, {"id": row["id"]})
    await _emit(tx, "deleted", row)


async def find(tx: Transaction, limit: int | None, offset: int) -> list[Answer]:
    """Return limits by name, with the slots that are taken now."""
    rows = await paging.find_page(tx, store.concurrency_limits, "NAME_ASC", limit, offset)
    return [present(row) for row in rows]


def present_new(row: Row) -> Answer:
    """Return a limit as the API shows a new one."""
    return {name.rstrip("_"): value for name, value in row.items()}


def present(row: Row) -> Answer:
    """Return a limit as the API shows it, with the slots that are taken now."""
    hidden = ("denied_slots", "avg_slot_occupancy_seconds")
    shown = {name: value for name, value in present_new(row).items() if name not in hidden}
    return {**shown, "active_slots": apply_decay(row)["active_slots"]}


def present_short(row: Row) -> Answer:
    """Return a limit as the API shows it when its slots were taken or released."""
    return {"id": row["id"], "name": row["name"], "limit": row["limit_"]}


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"limit_" if name == "limit" else name: value for name, value in values.items()}


def _name_conflict(name: str) -> Conflict:
    return Conflict(f"There is a concurrency limit {name!r} already.")


async def _emit(tx: Transaction, change: str, row: Row) -> None:
    payload = {name: row[name] for name in ("name", "active", "slot_decay_per_second")} | {"limit": row["limit_"]}
    await emitting.emit_object_event(tx, "concurrency-limit", change, row, payload)
