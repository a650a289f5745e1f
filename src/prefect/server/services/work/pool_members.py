"""The queues and workers of work pools, as operations name them: by the pool's name or the queue's id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.presenters import Answer
from prefect.server.services.core.reading import get_row
from prefect.server.services.work import work_pools, work_queues, workers
from prefect.server.store import Row

# --- queues by the names of their pools ------------------------------------------------------------------------------


async def create_queue(tx: Transaction, pool_name: str | None, values: dict[str, Any]) -> Answer:
    """Create a queue in a pool, the default one if None, and return it."""
    if pool_name is None:
        pool = await work_pools.get_default(tx)
    else:
        pool = await work_pools.get_by_name(tx, pool_name, lock=True)
    return await _present(tx, await work_queues.add(tx, pool, values))


async def read_queue(tx: Transaction, pool_name: str, name: str) -> Answer:
    """Return a queue of a pool."""
    pool = await work_pools.get_by_name(tx, pool_name)
    return await _present(tx, await work_queues.get_by_name(tx, pool, name))


async def read_default_pool_queue(tx: Transaction, name: str) -> Answer:
    """Return a queue of the default pool."""
    return await read_queue(tx, work_pools.DEFAULT_POOL_NAME, name)


async def find_queues(tx: Transaction, pool_name: str, criteria: Any, limit: int | None, offset: int) -> list[Answer]:
    """Return the queues of a pool that match a filter."""
    pool = await work_pools.get_by_name(tx, pool_name)
    return await work_queues.find(tx, criteria, limit, offset, pool)


async def change_queue(tx: Transaction, pool_name: str, name: str, values: dict[str, Any]) -> None:
    """Update fields of a queue of a pool."""
    pool = await work_pools.get_by_name(tx, pool_name, lock=True)
    await work_queues.change(tx, await work_queues.get_by_name(tx, pool, name), pool, values)


async def remove_queue(tx: Transaction, pool_name: str, name: str) -> None:
    """Delete a queue of a pool."""
    pool = await work_pools.get_by_name(tx, pool_name, lock=True)
    await work_queues.remove(tx, await work_queues.get_by_name(tx, pool, name), pool)


# --- queues by their ids ---------------------------------------------------------------------------------------------


async def read_queue_by_id(tx: Transaction, id_: UUID) -> Answer:
    """Return a queue."""
    return await _present(tx, await get_row(tx, store.work_queues, id_))


async def read_queue_health(tx: Transaction, id_: UUID) -> Answer:
    """Return the health of a queue."""
    return await work_queues.get_health(tx, await get_row(tx, store.work_queues, id_))


async def change_queue_by_id(tx: Transaction, id_: UUID, values: dict[str, Any]) -> None:
    """Update fields of a queue."""
    row = await get_row(tx, store.work_queues, id_)
    await work_queues.change(tx, row, await _lock_pool(tx, row), values)


async def remove_queue_by_id(tx: Transaction, id_: UUID) -> None:
    """Delete a queue."""
    row = await get_row(tx, store.work_queues, id_)
    await work_queues.remove(tx, row, await _lock_pool(tx, row))


# --- workers ---------------------------------------------------------------------------------------------------------


async def record_heartbeat(
    tx: Transaction,
    pool_name: str,
    name: str,
    interval_seconds: int | None,
    metadata: dict[str, Any] | None,
) -> UUID:
    """Record the heartbeat of a worker of a pool, and return its id."""
    pool = await work_pools.get_by_name(tx, pool_name)
    return (await workers.record_heartbeat(tx, pool, name, interval_seconds, metadata))["id"]


async def read_worker_logs(
    tx: Transaction, pool_name: str, name: str, logs: Any, sort: Any, limit: int | None, offset: int
) -> list[Answer]:
    """Return the logs of a worker of a pool that match a filter."""
    return await workers.find_logs(tx, await work_pools.get_by_name(tx, pool_name), name, logs, sort, limit, offset)


async def find_workers(tx: Transaction, pool_name: str, criteria: Any, limit: int | None, offset: int) -> list[Answer]:
    """Return the workers of a pool that match a filter."""
    return await workers.find(tx, await work_pools.get_by_name(tx, pool_name), criteria, limit, offset)


async def remove_worker(tx: Transaction, pool_name: str, name: str) -> None:
    """Delete a worker of a pool."""
    await workers.remove(tx, await work_pools.get_by_name(tx, pool_name), name)


async def _present(tx: Transaction, row: Row) -> Answer:
    return (await work_queues.present(tx, [row]))[0]


async def _lock_pool(tx: Transaction, queue: Row) -> Row:
    return await get_row(tx, store.work_pools, queue["work_pool_id"], lock=True)
