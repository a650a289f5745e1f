"""Queries about concurrency limits and the leases that hold their slots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, one_of
from prefect.server.store import Condition, Order, Row


async def lock_expired_leases(tx: Transaction, at: datetime, limit: int) -> list[Row]:
    """Lock and return leases that have expired, those that expired first before the others."""
    expired = Sql("lease.expires < ?", (at,))
    rows = await store.leases.find(tx, expired, Order("lease.expires"), limit, columns=["id"])
    # Read again once they are locked, since a lease may have been renewed or ended before the lock.
    locked = await store.leases.get_many(tx, [row["id"] for row in rows], lock=True)
    return [row for row in locked.values() if row["expires"] is not None and row["expires"] < at]


async def find_task_run_leases(tx: Transaction, limit_ids: Sequence[UUID], lock: bool = False) -> list[Row]:
    """Return the leases by which task runs hold slots of these limits, oldest first; by their ids if `lock`."""
    where = store.leases.where(
        _holder(tx, "type", "task_run"), tx.dialect.array_has_any("lease.limits", [str(id_) for id_ in limit_ids])
    )
    return await store.leases.find(
        tx, where, store.leases.by_key if lock else store.leases.order("created", "id"), lock=lock
    )


def with_name_prefix(prefix: str) -> Condition:
    """Return the condition that a limit's name begins with `prefix`."""
    return Sql(f"substr(concurrency_limit.name, 1, {len(prefix)}) = ?", (prefix,))


# --- leases of task workers ------------------------------------------------------------------------------------------


async def find_leases_by_holder_type(tx: Transaction, holder_type: str, at: datetime) -> list[Row]:
    """Return the leases of holders of a type that have not expired, oldest first."""
    where = store.leases.where(
        _holder(tx, "type", holder_type), Sql("lease.expires IS NOT NULL AND lease.expires > ?", (at,))
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
