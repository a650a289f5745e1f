"""Concurrency limits: slots that are taken and given back, all those of one request or none.

One table holds the named limits of users, those of tags (`tag:…`) and those of deployments (`deployment:…`). A slot of
a limit with a decay comes back by itself: `updated` is when its slots were last right, and all arithmetic of decay is
in `settled`. Rows are locked in the order of their ids before they are reckoned with, so no slot is given twice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import one_of
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
    "avg_slot_occupancy_seconds": 2.0,  # a guess, until somebody says for how long a slot was held
}

_COUNTED = ("active_slots", "updated")


# --- slots -----------------------------------------------------------------------------------------------------------


async def take_slots(tx: Transaction, ids: Sequence[UUID], slots: int = 1) -> bool:
    """Take slots of each of these limits, or of none.

    A limit that is not active has as many as anybody wants; one that does not exist does not limit.
    """
    rows = _active((await _locked(tx, ids)).values())
    if any(count_missing_slots(row, slots) > 0 for row in rows):
        return False
    for row in rows:
        row["active_slots"] += slots
    await store.concurrency_limits.change(tx, rows, _COUNTED)
    return True


async def release_slots(tx: Transaction, ids: Sequence[UUID], slots: int = 1, occupancy: float | None = None) -> None:
    """Give back slots of each of these limits; never more than are taken.

    Args:
        tx: The transaction.
        ids: The limits.
        slots: How many of each.
        occupancy: Seconds for which they were held, where that is known.
    """
    await release_slot_counts(tx, dict.fromkeys(ids, slots), occupancy)


async def release_slot_counts(tx: Transaction, slots: Mapping[UUID, int], occupancy: float | None = None) -> None:
    """Give back so many slots of each limit."""
    rows = await _locked(tx, list(slots))
    for id_, row in rows.items():
        row["active_slots"] = max(0, row["active_slots"] - slots[id_])
        if occupancy is not None:
            # As if each slot of the limit had last been held for the average: new values come to count soon.
            row["avg_slot_occupancy_seconds"] += (occupancy - row["avg_slot_occupancy_seconds"]) / max(1, row["limit_"])
    names = _COUNTED if occupancy is None else (*_COUNTED, "avg_slot_occupancy_seconds")
    await store.concurrency_limits.change(tx, rows.values(), names)


def apply_decay(row: Row, at: datetime | None = None) -> Row:
    """A limit with the slots that have not come back by themselves by a time, now unless given."""
    at = at or now()
    decay = row["slot_decay_per_second"]
    if not decay:
        return row
    gone = int(min(row["active_slots"], max(0.0, (at - row["updated"]).total_seconds()) * decay))
    active = row["active_slots"] - gone
    # What has decayed of the next slot is not lost when the others are written.
    updated = row["updated"] + timedelta(seconds=gone / decay) if active else at
    return {**row, "active_slots": active, "updated": updated}


def count_missing_slots(row: Row, slots: int) -> int:
    """How many slots a limit lacks for so many to be taken; 0 or less when they can be."""
    return row["active_slots"] + slots - row["limit_"]


async def _locked(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Row]:
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
    """Take slots of each limit of these names; one that does not exist is left out.

    Returns:
        The limits.

    Raises:
        InvalidRequest: A limit can never give so many, or is asked for a rate that it does not have.
        Locked: One has not enough now.
    """
    rows = await find_by_name(tx, names)
    rates = [row["name"] for row in rows if not row["slot_decay_per_second"]] if mode == "rate_limit" else []
    if rates:
        raise InvalidRequest(
            f"Only limits with a slot decay can limit a rate, and {', '.join(map(repr, rates))} has none: set its "
            "slot_decay_per_second."
        )
    if any(slots > row["limit_"] for row in _active(rows)):
        raise InvalidRequest(f"{slots} slots can never be taken of a limit that has fewer: ask for fewer.")
    ids = [row["id"] for row in rows]
    if not await take_slots(tx, ids, slots):
        raise Locked("Locked", max(_wait(apply_decay(row), slots) for row in _active(await find_by_name(tx, names))))
    return rows


async def release_by_name(
    tx: Transaction, names: Sequence[str], slots: int, occupancy: float | None = None
) -> list[Row]:
    """Give back slots of each limit of these names, and return the limits."""
    rows = await find_by_name(tx, names)
    await release_slots(tx, [row["id"] for row in rows], slots, occupancy)
    return rows


async def find_by_name(tx: Transaction, names: Sequence[str]) -> list[Row]:
    """Those limits of these names that exist, in the order of their names."""
    if not names:
        return []
    where = one_of("concurrency_limit.name", list(set(names)))
    return await store.concurrency_limits.find(tx, where, "concurrency_limit.name")


def _wait(row: Row, slots: int) -> float:
    """Seconds until a limit probably has so many slots free; not quite, so that who waits does not keep step."""
    lack = max(0, count_missing_slots(row, slots))
    if row["slot_decay_per_second"]:
        seconds = lack / row["slot_decay_per_second"]
    else:
        longest = get_current_settings().server.concurrency.maximum_concurrency_slot_wait_seconds
        seconds = min(longest, row["avg_slot_occupancy_seconds"] * lack / max(1, row["active_slots"]))
    return seconds * (0.75 + random.random() / 2)


# --- the limits themselves -------------------------------------------------------------------------------------------


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create a limit; `values` are its fields as the API has them.

    Raises:
        Conflict: There is one of this name.
    """
    at = now()
    row: Row = {**_NEW, **_columns(values), "id": new_id(), "created": at, "updated": at}
    row["slot_decay_per_second"] = float(row["slot_decay_per_second"])
    if not await store.concurrency_limits.add(tx, [row]):
        raise _taken(row["name"])
    await _tell(tx, "created", row)
    return present_new(row)


async def get(tx: Transaction, key: UUID | str, lock: bool = False) -> Row:
    """A limit by its id or its name, or raise `NotFound`."""
    column = "id" if isinstance(key, UUID) else "name"
    rows = await store.concurrency_limits.find(tx, one_of(f"concurrency_limit.{column}", [key]), lock=lock)
    if not rows:
        raise NotFound("concurrency limit", key)
    return rows[0]


async def change(tx: Transaction, key: UUID | str, values: Mapping[str, Any]) -> Row:
    """Set what is given of a limit, by the API's names.

    Raises:
        Conflict: There is another of the new name, or what every limit has would be lost.
    """
    row = await get(tx, key, lock=True)
    empty = [name for name, value in values.items() if value is None]
    if empty:
        raise Conflict(f"A concurrency limit must have a value for {', '.join(empty)}.")
    if values.get("name", row["name"]) != row["name"] and await find_by_name(tx, [values["name"]]):
        raise _taken(values["name"])
    columns = _columns(values)
    row = {**_to_write(row), **columns}
    await store.concurrency_limits.change(tx, [row], list(dict.fromkeys((*_COUNTED, *columns))))
    await _tell(tx, "updated", row)
    return row


async def remove(tx: Transaction, key: UUID | str) -> None:
    """Delete a limit; who holds slots of it goes on holding nothing."""
    row = await get(tx, key, lock=True)
    await store.concurrency_limits.remove(tx, one_of("id", [row["id"]]))
    await _tell(tx, "deleted", row)


async def find(tx: Transaction, limit: int | None, offset: int) -> list[Answer]:
    """Limits by their names, as they are now."""
    rows = await paging.find_page(tx, store.concurrency_limits, "NAME_ASC", limit, offset)
    return [present(row) for row in rows]


def present_new(row: Row) -> Answer:
    """A limit as the API answers when it is new."""
    return {name.rstrip("_"): value for name, value in row.items()}


def present(row: Row) -> Answer:
    """A limit as the API shows it, with the slots that are taken now."""
    hidden = ("denied_slots", "avg_slot_occupancy_seconds")
    shown = {name: value for name, value in present_new(row).items() if name not in hidden}
    return {**shown, "active_slots": apply_decay(row)["active_slots"]}


def present_short(row: Row) -> Answer:
    """A limit of which slots were taken or given back."""
    return {"id": row["id"], "name": row["name"], "limit": row["limit_"]}


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"limit_" if name == "limit" else name: value for name, value in values.items()}


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a concurrency limit {name!r} already.")


async def _tell(tx: Transaction, what: str, row: Row) -> None:
    payload = {name: row[name] for name in ("name", "active", "slot_decay_per_second")} | {"limit": row["limit_"]}
    resource = emitting.resource_labels("concurrency-limit", row["id"], row["name"])
    await emitting.emit(tx, f"prefect.concurrency-limit.{what}", resource, (), payload)
