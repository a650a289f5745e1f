"""The limits of tags: how many task runs with a tag run at once.

The limit of a tag is the limit named `tag:<tag>`. A task run holds at most one slot of each, by a lease without an end
whose id follows from the run's: taking twice takes one, and giving back asks for no look-up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services.concurrency import leases, limits
from prefect.server.services.core import paging
from prefect.server.services.core.errors import Locked, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Row
from prefect.settings import get_current_settings
from prefect.types import named_id

TAG_PREFIX = "tag:"


# --- slots of task runs ----------------------------------------------------------------------------------------------


async def find_by_tags(tx: Transaction, tags: Sequence[str]) -> list[Row]:
    """The limits that apply to tags, as they are now; tags without one are left out."""
    return [limits.apply_decay(row) for row in await limits.find_by_name(tx, [TAG_PREFIX + tag for tag in tags])]


async def find_held_limits(tx: Transaction, task_run_id: UUID) -> set[UUID]:
    """The limits of which a task run holds a slot."""
    row = await store.leases.get(tx, _lease_id(task_run_id))
    return {UUID(id_) for id_ in row["limits"]} if row else set()


async def take_slots(tx: Transaction, task_run_id: UUID, ids: Sequence[UUID]) -> bool:
    """Take a slot of each of these limits for a task run, or of none; those that it holds already are its own."""
    if not ids:
        return True
    lease_id = _lease_id(task_run_id)
    lease: Row | None = None
    while lease is None:  # whoever gives the slots back may end it just before it is locked here
        await leases.create_lease(tx, [], 1, None, {"type": "task_run", "id": task_run_id}, lease_id)
        lease = await store.leases.get(tx, lease_id, lock=True)
    wanted = [id_ for id_ in ids if str(id_) not in lease["limits"]]
    taken = await limits.take_slots(tx, wanted)
    if taken:
        lease["limits"] += map(str, wanted)
    await _keep(tx, lease)
    return taken


async def release_slots(tx: Transaction, task_run_id: UUID, ids: Sequence[UUID] | None = None) -> None:
    """Give back the slots that a task run holds of these limits, or of all of them."""
    lease = await store.leases.get(tx, _lease_id(task_run_id), lock=True)
    if lease is None:
        return
    given = [id_ for id_ in lease["limits"] if ids is None or UUID(id_) in ids]
    lease["limits"] = [id_ for id_ in lease["limits"] if id_ not in given]
    await _keep(tx, lease)
    await limits.release_slots(tx, [UUID(id_) for id_ in given])


async def _keep(tx: Transaction, lease: Row) -> None:
    if lease["limits"]:
        await store.leases.change(tx, [lease], ["limits"])
    else:
        await store.leases.remove(tx, one_of("id", [lease["id"]]))


def _lease_id(task_run_id: UUID) -> UUID:
    return named_id("task-run-slots", str(task_run_id))


# --- requests --------------------------------------------------------------------------------------------------------


async def acquire_slots(tx: Transaction, tags: Sequence[str], task_run_id: UUID) -> list[Answer]:
    """Take a slot of the limit of each of these tags for a task run; tags without a limit are left out.

    Returns:
        The limits.

    Raises:
        Locked: One has none.
    """
    rows = await find_by_tags(tx, tags)
    for row in rows:
        if row["limit_"] <= 0:
            raise Locked(f'The concurrency limit on tag "{_tag(row)}" is 0: the task can never run.')
    if not await take_slots(tx, task_run_id, [row["id"] for row in rows]):
        wait = get_current_settings().server.tasks.tag_concurrency_slot_wait_seconds
        full = next((row for row in await find_by_tags(tx, tags) if limits.count_missing_slots(row, 1) > 0), rows[0])
        raise Locked(f'All slots of the concurrency limit on tag "{_tag(full)}" are taken.', wait)
    return [{**limits.present_short(row), "name": _tag(row)} for row in rows]


async def release_by_tags(tx: Transaction, tags: Sequence[str], task_run_id: UUID) -> list[Answer]:
    """Give back what a task run holds of the limits of these tags, and return those limits."""
    rows = await find_by_tags(tx, tags)
    await release_slots(tx, task_run_id, [row["id"] for row in rows])
    return [limits.present_short(row) for row in rows]


# --- the limits themselves -------------------------------------------------------------------------------------------


async def put(tx: Transaction, tag: str, limit: int) -> tuple[Answer, bool]:
    """Set how many task runs with a tag may run at once.

    Returns:
        The limit, and whether it is new.
    """
    there = await limits.find_by_name(tx, [TAG_PREFIX + tag])
    if there:
        await limits.change(tx, there[0]["id"], {"limit": limit})
        return await get_by_tag(tx, tag), False
    await limits.add(tx, {"name": TAG_PREFIX + tag, "limit": limit})
    return await get_by_tag(tx, tag), True


async def get(tx: Transaction, id_: UUID) -> Answer:
    """A tag's limit with the task runs that hold its slots, or raise `NotFound`."""
    return await _with_holders(tx, await limits.get(tx, id_))


async def get_by_tag(tx: Transaction, tag: str) -> Answer:
    """The limit of a tag with the task runs that hold its slots, or raise `NotFound`."""
    return await _with_holders(tx, await limits.get(tx, TAG_PREFIX + tag))


async def find_all(tx: Transaction, limit: int | None, offset: int) -> list[Answer]:
    """The limits of tags, by tag."""
    where = Sql(f"substr(concurrency_limit.name, 1, {len(TAG_PREFIX)}) = ?", (TAG_PREFIX,))
    rows = await paging.find_page(tx, store.concurrency_limits, "NAME_ASC", limit, offset, where)
    holders = await _holders(tx, [row["id"] for row in rows])
    return [_answer(row, holders[row["id"]]) for row in rows]


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete the limit of a tag."""
    await get(tx, id_)
    await limits.remove(tx, id_)


async def remove_by_tag(tx: Transaction, tag: str) -> None:
    """Delete the limit of a tag."""
    await limits.remove(tx, TAG_PREFIX + tag)


async def reset(tx: Transaction, tag: str, task_run_ids: Sequence[UUID]) -> None:
    """Have exactly these task runs hold the slots of a tag's limit."""
    id_ = (await limits.get(tx, TAG_PREFIX + tag))["id"]
    held_by = await store.leases.find(tx, _by_task_runs(tx, [id_]), "lease.id", lock=True)
    for lease in held_by:
        lease["limits"] = [other for other in lease["limits"] if other != str(id_)]
    await store.leases.change(tx, held_by, ["limits"])
    there = await store.leases.get_many(tx, [_lease_id(run) for run in task_run_ids], lock=True)
    for run in dict.fromkeys(task_run_ids):
        if _lease_id(run) not in there:
            await leases.create_lease(tx, [id_], 1, None, {"type": "task_run", "id": run}, _lease_id(run))
    for lease in there.values():
        lease["limits"].append(str(id_))
    await store.leases.change(tx, there.values(), ["limits"])
    await limits.change(tx, id_, {"active_slots": len(set(task_run_ids))})


async def _with_holders(tx: Transaction, row: Row) -> Answer:
    if not row["name"].startswith(TAG_PREFIX):
        raise NotFound("concurrency limit", row["id"])
    return _answer(row, (await _holders(tx, [row["id"]]))[row["id"]])


async def _holders(tx: Transaction, limit_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The task runs that hold slots of these limits, by limit."""
    holders: dict[UUID, list[UUID]] = defaultdict(list)
    for lease in await store.leases.find(tx, _by_task_runs(tx, limit_ids), "lease.created, lease.id"):
        for id_ in lease["limits"]:
            holders[UUID(id_)].append(UUID(lease["holder"]["id"]))
    return holders


def _by_task_runs(tx: Transaction, limit_ids: Sequence[UUID]) -> Sql:
    held_by = one_of(tx.dialect.json_field("lease.holder", "type"), ["task_run"])
    return all_of([held_by, tx.dialect.array_has_any("lease.limits", [str(id_) for id_ in limit_ids])])


def _answer(row: Row, holders: list[UUID]) -> Answer:
    return {
        **{name: row[name] for name in ("id", "created", "updated")},
        "tag": _tag(row),
        "concurrency_limit": row["limit_"],
        "active_slots": holders,
    }


def _tag(row: Row) -> Any:
    return row["name"].removeprefix(TAG_PREFIX)
