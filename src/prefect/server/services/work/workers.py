"""Workers: processes that poll a pool. One that has not said for some time that it is there is offline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services.core import paging
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.work import work_pools
from prefect.server.store import Row, filters
from prefect.types import new_id, now

ONLINE, OFFLINE = "ONLINE", "OFFLINE"


async def record_heartbeat(
    tx: Transaction,
    pool: Row,
    name: str,
    interval: int | None = None,
) -> Row:
    """Note that a worker is there: it is online, and its pool is ready.

    Args:
        tx: The transaction.
        pool: The row of its pool.
        name: Its name; it is created when it is not known.
        interval: Seconds until it says so again.
    """
    at = now()
    beat: dict[str, Any] = {"last_heartbeat_time": at, "status": ONLINE, "updated": at}
    if interval is not None:
        beat["heartbeat_interval_seconds"] = interval
    new = {"id": new_id(), "created": at, "name": name, "work_pool_id": pool["id"], **beat}
    row = await _named(tx, pool, name)
    if row is None and await store.workers.add(tx, [new]):
        row = new
    else:
        # It was there, or somebody else was first.
        row = {**(row or await _known(tx, pool, name)), **beat}
        await store.workers.change(tx, [row], list(beat))
    if not pool["is_paused"] and pool["status"] != work_pools.READY:
        locked = await store.work_pools.get(tx, pool["id"], lock=True)
        if locked is not None and not locked["is_paused"]:
            await work_pools.enter_status(tx, locked, work_pools.READY)
    return row


async def find(tx: Transaction, pool: Row, criteria: Any, limit: int | None, offset: int) -> list[Answer]:
    """The workers of a pool that satisfy a filter; first who was last heard of."""
    of_pool = one_of("worker.work_pool_id", [pool["id"]])
    where = all_of([of_pool, filters.compile_filter(tx.dialect, criteria)])
    rows = await paging.find_page(tx, store.workers, "LAST_HEARTBEAT_TIME_DESC", limit, offset, where)
    return rows


async def remove(tx: Transaction, pool: Row, name: str) -> None:
    """Forget a worker."""
    row = await _known(tx, pool, name)
    await store.workers.remove(tx, one_of("id", [row["id"]]))


async def mark_silent_offline(tx: Transaction, fallback: int, multiple: int) -> int:
    """Workers that have not been heard of for several of their intervals are offline.

    Args:
        tx: The transaction.
        fallback: The interval in seconds of a worker that has not told its own.
        multiple: How many intervals.

    Returns:
        How many are offline now that were online.
    """
    online = await store.workers.find(tx, one_of("worker.status", [ONLINE]), "worker.id", lock=True)
    at = now()
    silent = [
        {**row, "status": OFFLINE}
        for row in online
        if at - row["last_heartbeat_time"]
        > timedelta(seconds=(row["heartbeat_interval_seconds"] or fallback) * multiple)
    ]
    return await store.workers.change(tx, silent, ["status"])


async def _named(tx: Transaction, pool: Row, name: str) -> Row | None:
    where = Sql("worker.work_pool_id = ? AND worker.name = ?", (pool["id"], name))
    rows = await store.workers.find(tx, where)
    return rows[0] if rows else None


async def _known(tx: Transaction, pool: Row, name: str) -> Row:
    row = await _named(tx, pool, name)
    if row is None:
        raise NotFound("worker", f"{pool['name']}/{name}")
    return row
