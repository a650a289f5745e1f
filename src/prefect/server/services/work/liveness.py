"""Noticing who fell silent: workers, and then the pools, queues and deployments that nobody serves any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of
from prefect.server.services.deployments import deployments
from prefect.server.services.work import work_pools, work_queues, workers
from prefect.types import now

SWEEP_BATCH_SIZE = 200
"""Objects of one kind that are looked at in one transaction."""


async def mark_silent_workers(tx: Transaction, foreman: Any) -> None:
    """Workers that are not heard of are offline, and a pool without one that is online is not ready.

    Args:
        tx: The transaction.
        told: The settings of the loop.
    """
    await workers.mark_silent_offline(
        tx, foreman.fallback_heartbeat_interval_seconds, foreman.inactivity_heartbeat_multiple
    )
    deserted = Sql(
        "work_pool.status = 'READY' AND NOT EXISTS (SELECT 1 FROM worker"
        " WHERE worker.work_pool_id = work_pool.id AND worker.status = 'ONLINE')"
    )
    for pool in await store.work_pools.find(tx, deserted, "work_pool.id", SWEEP_BATCH_SIZE, lock=True):
        await work_pools.enter_status(tx, pool, work_pools.NOT_READY)


async def mark_silent_queues(tx: Transaction, foreman: Any) -> int:
    """Queues that nobody polls are not ready; returns how many there were."""
    where = _silent("work_queue", foreman.work_queue_last_polled_timeout_seconds)
    rows = await store.work_queues.find(tx, where, "work_queue.id", SWEEP_BATCH_SIZE, lock=True)
    await work_queues.mark_not_ready(tx, rows)
    return len(rows)


async def mark_silent_deployments(tx: Transaction, foreman: Any) -> int:
    """Deployments that nobody polls are not ready; returns how many there were."""
    where = _silent("deployment", foreman.deployment_last_polled_timeout_seconds)
    rows = await store.deployments.find(tx, where, "deployment.id", SWEEP_BATCH_SIZE, lock=True)
    await deployments.mark_not_ready(tx, rows)
    return len(rows)


def _silent(table: str, seconds: int) -> Sql:
    polled = Sql(f"({table}.last_polled IS NULL OR {table}.last_polled < ?)", (now() - timedelta(seconds=seconds),))
    return all_of([Sql(f"{table}.status = 'READY'"), polled])
