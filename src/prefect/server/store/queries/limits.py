"""Queries about concurrency limits and the leases that hold their slots, or wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, any_of, one_of
from prefect.server.store import Condition, Order, Row

_LIVE = "(lease.expires IS NULL OR lease.expires > ?)"

_LEASES_OF_LIMITS = "held_slot JOIN lease ON lease.id = held_slot.lease_id"

HELD_SLOTS = (
    f"coalesce((SELECT sum(held_slot.slots) FROM {_LEASES_OF_LIMITS} WHERE held_slot.limit_id = concurrency_limit.id"
    f" AND lease.granted IS NOT NULL AND {_LIVE}), 0)"
)
"""How many slots leases hold of the `concurrency_limit` of a query, whose next value is the time."""


# --- slots -----------------------------------------------------------------------------------------------------------


async def count_slots(tx: Transaction, limit_ids: Sequence[UUID], at: datetime) -> dict[UUID, tuple[int, int]]:
    """Return, for limits of which leases hold slots or wait for them, how many are held, and the largest request.

    Leases that have expired by `at` count no more.
    """
    where = one_of("held_slot.limit_id", limit_ids)
    rows = await tx.fetch(
        Sql(
            "SELECT held_slot.limit_id, sum(CASE WHEN lease.granted IS NULL THEN 0 ELSE held_slot.slots END),"
            " max(CASE WHEN lease.granted IS NULL THEN held_slot.slots ELSE 0 END)"
            f" FROM {_LEASES_OF_LIMITS} WHERE {where.text} AND {_LIVE} GROUP BY held_slot.limit_id",
            (*where.values, at),
        )
    )
    return {tx.dialect.decode("uuid", id_): (int(held), int(largest)) for id_, held, largest in rows}


async def find_slots(tx: Transaction, lease_ids: Sequence[UUID]) -> dict[UUID, dict[UUID, int]]:
    """Return how many slots of which limits leases hold or wait for, by the ids of the leases."""
    found: dict[UUID, dict[UUID, int]] = {id_: {} for id_ in lease_ids}
    for some in store.chunks(lease_ids):
        for row in await store.held_slots.find(tx, {"lease_id": list(some)}):
            found[row["lease_id"]][row["limit_id"]] = row["slots"]
    return found


async def find_waiting_leases(
    tx: Transaction, limit_ids: Sequence[UUID], at: datetime, limit: int, offset: int
) -> list[Row]:
    """Return the leases that wait for slots of these limits, in the order of their requests."""
    of_limits = one_of("held_slot.limit_id", limit_ids)
    where = Sql(
        f"lease.granted IS NULL AND {_LIVE}"
        f" AND lease.id IN (SELECT held_slot.lease_id FROM held_slot WHERE {of_limits.text})",
        (at, *of_limits.values),
    )
    return await store.leases.find(tx, where, store.leases.order("created", "id"), limit, offset)


async def find_leases_of_limit(tx: Transaction, limit_id: UUID, at: datetime) -> list[Row]:
    """Return the leases that hold slots of a limit, and then those that wait, each with their `slots`."""
    columns = store.leases.table.names
    rows = await tx.fetch(
        Sql(
            f"SELECT {', '.join(f'lease.{name}' for name in columns)}, held_slot.slots FROM {_LEASES_OF_LIMITS}"
            f" WHERE held_slot.limit_id = ? AND {_LIVE}"
            " ORDER BY CASE WHEN lease.granted IS NULL THEN 1 ELSE 0 END, lease.granted, lease.created, lease.id",
            (limit_id, at),
        )
    )
    found = tx.dialect.decode_rows(store.leases.table, columns, [row[:-1] for row in rows])
    return [{**row, "slots": raw[-1]} for row, raw in zip(found, rows, strict=True)]


async def count_slots_up_to(tx: Transaction, limit_id: UUID, lease_id: UUID) -> int:
    """Return how many slots of a limit a waiting lease and those before it wait for."""
    ((slots,),) = await tx.fetch(
        Sql(
            f"SELECT sum(held_slot.slots) FROM {_LEASES_OF_LIMITS} WHERE held_slot.limit_id = ?"
            " AND lease.granted IS NULL AND lease.created <= (SELECT own.created FROM lease AS own WHERE own.id = ?)",
            (limit_id, lease_id),
        )
    )
    return int(slots or 0)


async def has_earlier_waiting_lease(tx: Transaction, limit_id: UUID, lease_id: UUID, at: datetime) -> bool:
    """Return whether another lease waits for slots of a limit that was there before a waiting one."""
    rows = await tx.fetch(
        Sql(
            f"SELECT 1 FROM {_LEASES_OF_LIMITS} WHERE held_slot.limit_id = ? AND lease.granted IS NULL AND {_LIVE}"
            " AND lease.created < (SELECT own.created FROM lease AS own WHERE own.id = ?) LIMIT 1",
            (limit_id, at, lease_id),
        )
    )
    return bool(rows)


async def count_waiting_processes(tx: Transaction) -> int:
    """Return how many processes have leases that wait for slots."""
    ((count,),) = await tx.fetch(
        Sql(
            "SELECT count(*) FROM (SELECT DISTINCT lease.process FROM lease"
            " WHERE lease.granted IS NULL AND lease.process IS NOT NULL) AS processes"
        )
    )
    return count


async def find_next_expiry(tx: Transaction, limit_ids: Sequence[UUID]) -> datetime | None:
    """Return when the first of the leases that hold slots of these limits expires, if one does."""
    where = one_of("held_slot.limit_id", limit_ids)
    ((expires,),) = await tx.fetch(
        Sql(
            f"SELECT min(lease.expires) FROM {_LEASES_OF_LIMITS} WHERE {where.text} AND lease.granted IS NOT NULL",
            where.values,
        )
    )
    return None if expires is None else tx.dialect.decode("time", expires)


async def remove_slots(tx: Transaction, limit_id: UUID, lease_ids: Sequence[UUID] | None = None) -> None:
    """Remove slots of a limit that some leases hold, or all leases."""
    await store.held_slots.remove(
        tx, {"limit_id": limit_id} | ({} if lease_ids is None else {"lease_id": list(lease_ids)})
    )


async def remove_leases_without_slots(tx: Transaction, lease_ids: Sequence[UUID]) -> None:
    """Remove the leases among these that hold no slot."""
    for some in store.chunks(lease_ids):
        holds_none = Sql("NOT EXISTS (SELECT 1 FROM held_slot WHERE held_slot.lease_id = lease.id)")
        await store.leases.remove(tx, store.leases.where({"id": list(some)}, holds_none))


# --- leases ----------------------------------------------------------------------------------------------------------


async def find_expired_leases(tx: Transaction, at: datetime, limit: int) -> list[Row]:
    """Return expired leases, by their expiration.

    Claims on task runs that are renewed are left out: their runs have to be delivered again.
    """
    kind = tx.dialect.json_field("lease.holder", "type")
    where = Sql(f"lease.expires < ? AND (lease.duration IS NULL OR coalesce({kind}, '') <> 'task_worker_claim')", (at,))
    return await store.leases.find(tx, where, Order("lease.expires"), limit)


async def find_leases_of_processes(
    tx: Transaction, limit_ids: Sequence[UUID] | None = None, waiting: bool = False
) -> list[Row]:
    """Return the leases of processes, except claims: those that hold slots, or those that wait for some.

    Args:
        tx: The transaction.
        limit_ids: The limits of the slots; all if None.
        waiting: Whether those that wait are wanted.
    """
    kind = tx.dialect.json_field("lease.holder", "type")
    where = Sql(
        f"lease.process IS NOT NULL AND coalesce({kind}, '') <> 'task_worker_claim'"
        f" AND lease.granted IS {'' if waiting else 'NOT '}NULL"
    )
    if limit_ids is not None:
        of_limits = one_of("held_slot.limit_id", limit_ids)
        where = store.leases.where(
            where,
            Sql(
                f"lease.id IN (SELECT held_slot.lease_id FROM held_slot WHERE {of_limits.text})",
                of_limits.values,
            ),
        )
    return await store.leases.find(tx, where)


async def find_task_run_leases(tx: Transaction, limit_ids: Sequence[UUID], lock: bool = False) -> list[dict[str, Any]]:
    """Return the leases by which task runs hold slots of these limits, oldest first; by their ids if `lock`.

    Each has the `limits` of which it holds slots, among these.
    """
    of_limits = one_of("held_slot.limit_id", limit_ids)
    slots: dict[UUID, list[UUID]] = {}
    for row in await store.held_slots.find(tx, of_limits):
        slots.setdefault(row["lease_id"], []).append(row["limit_id"])
    found: list[Row] = []
    for some in store.chunks(list(slots)):
        where = store.leases.where(
            {"id": list(some)}, _holder(tx, "type", "task_run"), Sql("lease.granted IS NOT NULL")
        )
        order = store.leases.by_key if lock else store.leases.order("created", "id")
        found += await store.leases.find(tx, where, order, lock=lock)
    return [{**row, "limits": slots[row["id"]]} for row in found]


def with_name_prefix(prefix: str) -> Condition:
    """Return the condition that a limit's name begins with `prefix`."""
    return Sql(f"substr(concurrency_limit.name, 1, {len(prefix)}) = ?", (prefix,))


def search_conditions(tx: Transaction, tag_prefix: str, text: str) -> tuple[Condition, Condition]:
    """Return the conditions of global limits, and of limits of tags, whose name holds a text.

    Of a global limit also the name of a deployment that uses it may hold the text.
    """
    of_tag, contains = with_name_prefix(tag_prefix), tx.dialect.contains
    deployed = contains("deployment.name", text)
    users = Sql(
        "concurrency_limit.id IN (SELECT deployment.concurrency_limit_id FROM deployment"
        f" WHERE deployment.concurrency_limit_id IS NOT NULL AND {deployed.text})",
        deployed.values,
    )
    is_global = Sql(f"NOT {of_tag.text}", of_tag.values)
    tag = f"substr(concurrency_limit.name, {len(tag_prefix) + 1})"
    return all_of([is_global, any_of([contains("concurrency_limit.name", text), users])]), all_of(
        [of_tag, contains(tag, text)]
    )


# --- leases of task workers ------------------------------------------------------------------------------------------


async def find_leases_by_holder_type(tx: Transaction, holder_type: str, at: datetime) -> list[Row]:
    """Return the leases of holders of a type that have not expired, oldest first."""
    where = store.leases.where(
        _holder(tx, "type", holder_type), Sql("lease.expires IS NOT NULL AND lease.expires > ?", (at,))
    )
    return await store.leases.find(tx, where, store.leases.order("created", "id"))


async def find_renewed_claims(tx: Transaction, holder_type: str) -> list[Row]:
    """Return the claims of holders that renew them."""
    where = store.leases.where(
        _holder(tx, "type", holder_type), Sql("lease.duration IS NOT NULL AND lease.expires IS NOT NULL")
    )
    return await store.leases.find(tx, where, store.leases.order("created", "id"))


async def renew_task_run_claims(tx: Transaction, holder_type: str, holder_id: str, expires: datetime) -> int:
    """Renew the claims of a holder on task runs that have not started, and return how many there are."""
    where = store.leases.where(
        _holder(tx, "type", holder_type),
        _holder(tx, "id", holder_id),
        Sql("EXISTS (SELECT 1 FROM task_run WHERE task_run.id = lease.id AND task_run.state_type = 'SCHEDULED')"),
    )
    return await tx.run(Sql(f"UPDATE lease SET expires = ? WHERE {where.text}", (expires, *where.values)))


def _holder(tx: Transaction, field: str, value: str) -> Condition:
    return one_of(tx.dialect.json_field("lease.holder", field), [value])
