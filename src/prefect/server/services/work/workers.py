"""Workers: processes that poll a work pool. A worker that has stopped, or misses several heartbeats, is offline."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from prefect.logging.loggers import get_logger
from prefect.schemas.worker_channel import WorkerFacts
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, presenters
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events.event_store import Event
from prefect.server.services.work import work_pools
from prefect.server.store import Row, filters
from prefect.server.store.filters.events import split_resource_id
from prefect.types import named_id, now

ONLINE, OFFLINE = "ONLINE", "OFFLINE"

logger = get_logger("server.workers")


async def record_heartbeat(
    tx: Transaction,
    pool: Row,
    name: str,
    interval: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> Row:
    """Record the heartbeat of a worker, which is then online, and its pool ready.

    Args:
        tx: The transaction.
        pool: The row of its pool.
        name: Its name; an unknown worker is added.
        interval: Seconds until its next heartbeat.
        metadata: What it reports of itself; what was reported before stays if None.
    """
    at = now()
    columns: dict[str, Any] = {"last_heartbeat_time": at, "status": ONLINE, "updated": at}
    if interval is not None:
        columns["heartbeat_interval_seconds"] = interval
    if metadata is not None:
        columns["metadata"] = _read_facts(name, metadata)
    # A worker that was removed and comes back has the id that it gives with its logs.
    id_ = named_id("worker", f"{pool['id']}/{name}")
    new = {"id": id_, "created": at, "name": name, "work_pool_id": pool["id"], **columns}
    row = await _find(tx, pool, name)
    if row is None and await store.workers.add(tx, [new]):
        row = new
    else:
        # It existed, or another transaction has added it since the look-up.
        row = {**(row or await get(tx, pool, name)), **columns}
        await store.workers.change(tx, [row], list(columns))
    if not pool["is_paused"] and pool["status"] != work_pools.READY:
        locked = await store.work_pools.get(tx, pool["id"], lock=True)
        if locked is not None and not locked["is_paused"]:
            await work_pools.enter_status(tx, locked, work_pools.READY)
    return row


async def find(tx: Transaction, pool: Row, criteria: Any, limit: int | None, offset: int) -> list[Answer]:
    """Return the workers of a pool that satisfy a filter, the last heartbeat first."""
    where = store.workers.where({"work_pool_id": pool["id"]}, filters.compile_filter(tx.dialect, criteria))
    rows = await paging.find_page(tx, store.workers, "LAST_HEARTBEAT_TIME_DESC", limit, offset, where)
    return [{key: value for key, value in row.items() if key != "metadata"} for row in rows]


async def find_logs(
    tx: Transaction, pool: Row, name: str, criteria: Any, sort: Any, limit: int | None, offset: int
) -> list[Answer]:
    """Return the logs of a worker of a pool that satisfy a filter, or raise `NotFound`."""
    worker = await get(tx, pool, name)
    where = store.logs.where({"worker_id": worker["id"]}, filters.compile_filter(tx.dialect, criteria))
    return [presenters.present_log(row) for row in await paging.find_page(tx, store.logs, sort, limit, offset, where)]


async def remove(tx: Transaction, pool: Row, name: str) -> None:
    """Delete a worker, or raise `NotFound`; its logs are removed later, as those of runs that were deleted."""
    row = await get(tx, pool, name)
    await store.workers.remove(tx, {"id": row["id"]})


async def mark_silent_offline(tx: Transaction, fallback: int, multiple: int) -> int:
    """Set workers that have missed several heartbeats offline.

    Args:
        tx: The transaction.
        fallback: The interval in seconds of a worker whose interval is not known.
        multiple: After how many intervals without a heartbeat a worker is offline.

    Returns:
        How many workers went offline.
    """
    online = await store.workers.find(tx, {"status": ONLINE}, store.workers.by_key, lock=True)
    at = now()
    expired = [
        {**row, "status": OFFLINE}
        for row in online
        if at - row["last_heartbeat_time"]
        > timedelta(seconds=(row["heartbeat_interval_seconds"] or fallback) * multiple)
    ]
    return await store.workers.change(tx, expired, ["status"])


async def mark_stopped_offline(tx: Transaction, events: Iterable[Event]) -> None:
    """Set the workers offline that, as events say, have stopped.

    A worker with a later heartbeat stays online: another process may use its name.
    """
    for event in events:
        if event["event"] != "prefect.worker.stopped":
            continue
        name = event["resource"].get("prefect.resource.name")
        resources = (split_resource_id(labels["prefect.resource.id"]) for labels in event["related"])
        pool_ids = [id_ for kind, id_ in resources if kind == "prefect.work-pool" and id_ is not None]
        where = {"work_pool_id": pool_ids, "name": name, "status": ONLINE}
        rows = await store.workers.find(tx, where, lock=True) if name and pool_ids else []
        stopped = [{**row, "status": OFFLINE} for row in rows if row["last_heartbeat_time"] <= event["occurred"]]
        await store.workers.change(tx, stopped, ["status"])


async def find_by_id(tx: Transaction, pool: Row, id_: str) -> Row | None:
    """Return the row of a worker of a pool by a text that may be its id."""
    try:
        rows = await store.workers.find(tx, {"work_pool_id": pool["id"], "id": UUID(id_)})
    except ValueError:  # it is not an id
        return None
    return rows[0] if rows else None


def _read_facts(name: str, metadata: dict[str, Any]) -> dict[str, Any]:
    try:
        return WorkerFacts.model_validate(metadata).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:  # a heartbeat counts, whatever comes with it
        logger.warning("What the worker %r reports of itself is not kept: %s", name, error.errors()[0]["msg"])
        return {}


async def _find(tx: Transaction, pool: Row, name: str) -> Row | None:
    rows = await store.workers.find(tx, {"work_pool_id": pool["id"], "name": name})
    return rows[0] if rows else None


async def get(tx: Transaction, pool: Row, name: str) -> Row:
    """Return the row of a worker, or raise `NotFound`."""
    row = await _find(tx, pool, name)
    if row is None:
        raise NotFound("worker", f"{pool['name']}/{name}")
    return row
