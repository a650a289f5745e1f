"""Tag limits: how many task runs with a tag run at the same time.

The limit of a tag is the limit named `tag:<tag>`. A task run holds at most one slot of each, by a lease without an
expiration whose id is computed from the run's: taking twice takes one slot, and releasing needs no search.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import limits, slots, waiting
from prefect.server.services.core import paging
from prefect.server.services.core.errors import Locked, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Row, Where
from prefect.server.store.queries import limits as queries
from prefect.settings import get_current_settings
from prefect.types import named_id, now

TAG_PREFIX = "tag:"


# --- slots of task runs ----------------------------------------------------------------------------------------------


async def find_by_tags(tx: Transaction, tags: Sequence[str]) -> list[Row]:
    """Return the limits of tags with their usage; tags without a limit are left out."""
    rows = await limits.find_by_name(tx, [TAG_PREFIX + tag for tag in tags])
    await slots.read_usage(tx, rows)
    return rows


async def find_held_limits(tx: Transaction, task_run_id: UUID) -> set[UUID]:
    """Return the ids of the limits of which a task run holds a slot."""
    lease_id = _lease_id(task_run_id)
    return set((await queries.find_slots(tx, [lease_id]))[lease_id])


async def take_slots(tx: Transaction, task_run_id: UUID, ids: Sequence[UUID]) -> bool:
    """Take a slot of each of these limits for a task run, or of none; slots that it holds already count.

    Returns:
        Whether the task run holds a slot of each.
    """
    if not ids:
        return True
    lease_id = _lease_id(task_run_id)
    locked = await slots.lock_limits(tx, ids)
    held = (await queries.find_slots(tx, [lease_id]))[lease_id]
    missing = [row for id_, row in locked.items() if id_ not in held and row["active"]]
    if any(slots.is_full(row, 1) for row in missing):
        return False
    at = now()
    holder = {"type": "task_run", "id": str(task_run_id)}
    await store.leases.add(tx, [{"id": lease_id, "created": at, "granted": at, "holder": holder}])
    await store.held_slots.add(tx, [{"limit_id": row["id"], "lease_id": lease_id, "slots": 1} for row in missing])
    await slots.occupy(tx, missing, 1, by_lease=True)
    return True


async def release_slots(tx: Transaction, task_run_id: UUID, ids: Sequence[UUID] | None = None) -> None:
    """Release the slots that a task run holds of these limits, or of all."""
    lease_id = _lease_id(task_run_id)
    held = (await queries.find_slots(tx, [lease_id]))[lease_id]
    released = [id_ for id_ in held if ids is None or id_ in ids]
    if not released:
        return
    locked = await slots.lock_limits(tx, released)
    await store.held_slots.remove(tx, {"lease_id": lease_id, "limit_id": released})
    await queries.remove_leases_without_slots(tx, [lease_id])
    await slots.read_usage(tx, locked.values())
    await waiting.grant_slots(tx, locked)


def _lease_id(task_run_id: UUID) -> UUID:
    return named_id("task-run-slots", str(task_run_id))


# --- requests --------------------------------------------------------------------------------------------------------


async def acquire_slots(tx: Transaction, tags: Sequence[str], task_run_id: UUID) -> list[Answer]:
    """Take a slot of the limit of each of these tags for a task run; tags without a limit are left out.

    Returns:
        The limits.

    Raises:
        Locked: A limit has no free slot.
    """
    rows = await find_by_tags(tx, tags)
    for row in rows:
        if row["limit_"] <= 0:
            raise Locked(f'The concurrency limit on tag "{_tag(row)}" is 0: the task can never run.')
    if not await take_slots(tx, task_run_id, [row["id"] for row in rows]):
        wait = get_current_settings().server.tasks.tag_concurrency_slot_wait_seconds
        full = next((row for row in await find_by_tags(tx, tags) if slots.count_missing(row, 1) > 0), rows[0])
        raise Locked(f'All slots of the concurrency limit on tag "{_tag(full)}" are taken.', wait)
    return [{**limits.present_short(row), "name": _tag(row)} for row in rows]


async def release_by_tags(tx: Transaction, tags: Sequence[str], task_run_id: UUID) -> list[Answer]:
    """Release the slots that a task run holds of the limits of these tags, and return those limits."""
    rows = await find_by_tags(tx, tags)
    await release_slots(tx, task_run_id, [row["id"] for row in rows])
    return [limits.present_short(row) for row in rows]


# --- the limits themselves -------------------------------------------------------------------------------------------


async def put(tx: Transaction, tag: str, limit: int) -> tuple[Answer, bool]:
    """Set how many task runs with a tag may run at the same time.

    Returns:
        The limit, and whether it is new.
    """
    existing = await limits.find_by_name(tx, [TAG_PREFIX + tag])
    if existing:
        await limits.change(tx, existing[0]["id"], {"limit": limit})
        return await get_by_tag(tx, tag), False
    await limits.add(tx, {"name": TAG_PREFIX + tag, "limit": limit})
    return await get_by_tag(tx, tag), True


async def get(tx: Transaction, id_: UUID) -> Answer:
    """Return a tag's limit, by its id, with the task runs that hold its slots, or raise `NotFound`."""
    return await _with_holders(tx, await limits.get(tx, id_))


async def get_by_tag(tx: Transaction, tag: str) -> Answer:
    """Return the limit of a tag with the task runs that hold its slots, or raise `NotFound`."""
    return await _with_holders(tx, await limits.get(tx, TAG_PREFIX + tag))


async def find_all(tx: Transaction, limit: int | None, offset: int, where: Where | None = None) -> list[Answer]:
    """Return the limits of tags that satisfy a condition, or all, by tag."""
    where = where or queries.with_name_prefix(TAG_PREFIX)
    rows = await paging.find_page(tx, store.concurrency_limits, "NAME_ASC", limit, offset, where)
    holders = await _find_holders(tx, [row["id"] for row in rows])
    return [_present(row, holders[row["id"]]) for row in rows]


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete the limit of a tag by its id, or raise `NotFound`."""
    await get(tx, id_)
    await limits.remove(tx, id_)


async def remove_by_tag(tx: Transaction, tag: str) -> None:
    """Delete the limit of a tag, or raise `NotFound`."""
    await limits.remove(tx, TAG_PREFIX + tag)


async def reset(tx: Transaction, tag: str, task_run_ids: Sequence[UUID]) -> None:
    """Replace the task runs that hold the slots of a tag's limit."""
    id_ = (await limits.get(tx, TAG_PREFIX + tag))["id"]
    locked = await slots.lock_limits(tx, [id_])
    # Read once the limit is locked: others may have taken slots before.
    former = [lease["id"] for lease in await queries.find_task_run_leases(tx, [id_])]
    await queries.remove_slots(tx, id_, former)
    await queries.remove_leases_without_slots(tx, former)
    at = now()
    for run in dict.fromkeys(task_run_ids):
        holder = {"type": "task_run", "id": str(run)}
        await store.leases.add(tx, [{"id": _lease_id(run), "created": at, "granted": at, "holder": holder}])
        await store.held_slots.add(tx, [{"limit_id": id_, "lease_id": _lease_id(run), "slots": 1}])
    await limits.change(tx, id_, {"active_slots": 0})
    await slots.read_usage(tx, locked.values())
    await waiting.grant_slots(tx, locked)


async def _with_holders(tx: Transaction, row: Row) -> Answer:
    if not row["name"].startswith(TAG_PREFIX):
        raise NotFound("concurrency limit", row["id"])
    return _present(row, (await _find_holders(tx, [row["id"]]))[row["id"]])


async def _find_holders(tx: Transaction, limit_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Return the task runs that hold slots of these limits, by the id of the limit."""
    holders: dict[UUID, list[UUID]] = defaultdict(list)
    for lease in await queries.find_task_run_leases(tx, limit_ids):
        for id_ in lease["limits"]:
            holders[id_].append(UUID(lease["holder"]["id"]))
    return holders


def _present(row: Row, holders: list[UUID]) -> Answer:
    return {
        **{name: row[name] for name in ("id", "created", "updated")},
        "tag": _tag(row),
        "concurrency_limit": row["limit_"],
        "active_slots": holders,
    }


def _tag(row: Row) -> Any:
    return row["name"].removeprefix(TAG_PREFIX)
