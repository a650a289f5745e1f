"""Concurrency limits: creating, changing and reading them, and requests for their slots without a lease.

One table holds the limits of users, of tags (named `tag:<tag>`) and of deployments (named `deployment:<id>`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import slots as slot_usage
from prefect.server.services.concurrency import waiting
from prefect.server.services.core import paging
from prefect.server.services.core.errors import Conflict, InvalidRequest, Locked, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.store import Row, Where
from prefect.types import new_id, now

Mode = Literal["concurrency", "rate_limit"]

_NEW = {
    "active": True,
    "active_slots": 0,
    "denied_slots": 0,
    "slot_decay_per_second": 0.0,
    "avg_slot_occupancy_seconds": 2.0,  # an estimate until a release reports for how long a slot was held
}

_USAGE = ("occupied", "largest_request")
"""The fields that `slots.read_usage` adds to the columns of a limit."""


# --- requests for slots ----------------------------------------------------------------------------------------------


async def take_slots(tx: Transaction, ids: Sequence[UUID], slots: int = 1) -> bool:
    """Take slots of each of these limits without a lease, or of none; return whether they were taken.

    An inactive limit has any number of slots, and a missing one does not limit.
    """
    rows = list((await slot_usage.lock_limits(tx, ids)).values())
    if any(slot_usage.is_full(row, slots) for row in rows):
        return False
    await slot_usage.occupy(tx, rows, slots, by_lease=False)
    return True


async def release_slots(tx: Transaction, ids: Sequence[UUID], slots: int = 1, occupancy: float | None = None) -> None:
    """Release slots that were taken without a lease, never more than are.

    Args:
        tx: The transaction.
        ids: The limits.
        slots: How many of each.
        occupancy: Seconds for which they were held, if known.
    """
    locked = await slot_usage.lock_limits(tx, ids)
    for row in locked.values():
        released = min(row["active_slots"], slots)
        row["active_slots"] -= released
        row["occupied"] -= released
        if occupancy is not None:
            slot_usage.update_average_occupancy(row, occupancy)
    names = (
        slot_usage.COUNTER_COLUMNS if occupancy is None else (*slot_usage.COUNTER_COLUMNS, "avg_slot_occupancy_seconds")
    )
    await store.concurrency_limits.change(tx, locked.values(), names)
    await waiting.grant_slots(tx, locked)


async def acquire_slots(tx: Transaction, names: Sequence[str], slots: int, mode: Mode = "concurrency") -> list[Row]:
    """Take slots of each limit of these names without a lease, or of none; missing limits are left out.

    Returns:
        The limits.

    Raises:
        InvalidRequest: As `check_request`.
        Locked: A limit has too few free slots now.
    """
    rows = list((await slot_usage.lock_named(tx, names)).values())
    check_request(rows, slots, mode)
    if any(slot_usage.is_full(row, slots) for row in rows):
        raise Locked("Locked", slot_usage.estimate_wait(rows, slots))
    await slot_usage.occupy(tx, rows, slots, by_lease=False)
    return rows


def check_request(rows: Sequence[Row], slots: int, mode: Mode) -> None:
    """Check that slots of limits can be taken at all.

    Raises:
        InvalidRequest: A limit has fewer slots in total, or no decay though the mode is `rate_limit`.
    """
    rates = [row["name"] for row in rows if not row["slot_decay_per_second"]] if mode == "rate_limit" else []
    if rates:
        raise InvalidRequest(
            f"Only limits with a slot decay can limit a rate, and {', '.join(map(repr, rates))} has none: set its "
            "slot_decay_per_second."
        )
    small = next((row for row in rows if row["active"] and slots > row["limit_"]), None)
    if small is not None:
        raise InvalidRequest(
            f"{slots} slots can never be taken of the limit {small['name']!r}, which has {small['limit_']}: request "
            "fewer."
        )


async def release_by_name(
    tx: Transaction, names: Sequence[str], slots: int, occupancy: float | None = None
) -> list[Row]:
    """Release slots of each limit of these names that were taken without a lease, and return the limits."""
    rows = await find_by_name(tx, names)
    await release_slots(tx, [row["id"] for row in rows], slots, occupancy)
    return rows


async def find_by_name(tx: Transaction, names: Sequence[str]) -> list[Row]:
    """Return the existing limits of these names, by name."""
    if not names:
        return []
    return await store.concurrency_limits.find(tx, {"name": set(names)}, store.concurrency_limits.order("name"))


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
    """Set fields of a limit, by their names in the API, and give slots that are free then to those that wait.

    `active_slots` are the slots that are taken without a lease; a limit that loses its decay has none of them.

    Raises:
        NotFound: There is no such limit.
        Conflict: There is another limit of the new name, or a value is null.
    """
    id_ = (await get(tx, key))["id"]
    locked = await slot_usage.lock_limits(tx, [id_])
    if id_ not in locked:
        raise NotFound("concurrency limit", key)
    row = locked[id_]
    empty = [name for name, value in values.items() if value is None]
    if empty:
        raise Conflict(f"A concurrency limit must have a value for {', '.join(empty)}.")
    if values.get("name", row["name"]) != row["name"] and await find_by_name(tx, [values["name"]]):
        raise _name_conflict(values["name"])
    columns = _columns(values)
    if row["slot_decay_per_second"] and columns.get("slot_decay_per_second") == 0:
        columns.setdefault("active_slots", 0)
    row.update(columns)
    await store.concurrency_limits.change(tx, [row], list(dict.fromkeys((*slot_usage.COUNTER_COLUMNS, *columns))))
    await slot_usage.read_usage(tx, [row])
    await waiting.grant_slots(tx, locked)
    await _emit(tx, "updated", row)
    return row


async def remove(tx: Transaction, key: UUID | str) -> None:
    """Delete a limit, or raise `NotFound`. Its slots are free for all who wait; leases of them stay without them."""
    row = await get(tx, key)
    locked = await slot_usage.lock_limits(tx, [row["id"]])
    for limit in locked.values():
        limit["active"] = False
    await waiting.grant_slots(tx, locked)
    await store.held_slots.remove(tx, {"limit_id": row["id"]})
    await store.concurrency_limits.remove(tx, {"id": row["id"]})
    await _emit(tx, "deleted", row)


async def find(tx: Transaction, limit: int | None, offset: int, where: Where | None = None) -> list[Answer]:
    """Return limits that satisfy a condition, or all, by name, with the slots that are taken now."""
    rows = await paging.find_page(tx, store.concurrency_limits, "NAME_ASC", limit, offset, where)
    await slot_usage.read_usage(tx, rows)
    return [present(row) for row in rows]


async def read(tx: Transaction, key: UUID | str) -> Answer:
    """Return a limit by its id or its name, with the slots that are taken now, or raise `NotFound`."""
    row = await get(tx, key)
    await slot_usage.read_usage(tx, [row])
    return present(row)


def present_new(row: Row) -> Answer:
    """Return a limit as the API shows a new one."""
    return {name.rstrip("_"): value for name, value in row.items() if name not in _USAGE}


def present(row: Row) -> Answer:
    """Return a limit, to which `slots.read_usage` has added its usage, as the API shows it."""
    hidden = ("denied_slots", "avg_slot_occupancy_seconds")
    shown = {name: value for name, value in present_new(row).items() if name not in hidden}
    return {**shown, "active_slots": row["occupied"]}


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
