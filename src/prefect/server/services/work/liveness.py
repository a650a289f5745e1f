"""Liveness: workers without heartbeats, and the pools, queues and deployments that no worker polls any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.services.deployments import deployments
from prefect.server.services.work import work_pools, work_queues, workers
from prefect.server.store.queries import deployments as deployment_queries
from prefect.server.store.queries import work as queries
from prefect.types import now

SWEEP_BATCH_SIZE = 200
"""Objects of one kind that are changed in one transaction."""


async def mark_silent_workers(tx: Transaction, foreman: Any) -> None:
    """Set workers that have missed heartbeats offline, and pools without an online worker not ready.

    Args:
        tx: The transaction.
        foreman: The settings `server.services.foreman`.
    """
    await workers.mark_silent_offline(
        tx, foreman.fallback_heartbeat_interval_seconds, foreman.inactivity_heartbeat_multiple
    )
    for pool in await queries.lock_pools_without_workers(tx, SWEEP_BATCH_SIZE):
        await work_pools.enter_status(tx, pool, work_pools.NOT_READY)


async def mark_silent_queues(tx: Transaction, foreman: Any) -> int:
    """Set a batch of work queues that no worker polls not ready and return its size."""
    polled_before = now() - timedelta(seconds=foreman.work_queue_last_polled_timeout_seconds)
    rows = await queries.lock_silent_queues(tx, polled_before, SWEEP_BATCH_SIZE)
    await work_queues.mark_not_ready(tx, rows)
    return len(rows)


async def mark_silent_deployments(tx: Transaction, foreman: Any) -> int:
    """Set a batch of deployments that no worker polls not ready and return its size."""
    polled_before = now() - timedelta(seconds=foreman.deployment_last_polled_timeout_seconds)
    rows = await deployment_queries.lock_silent_deployments(tx, polled_before, SWEEP_BATCH_SIZE)
    await deployments.mark_not_ready(tx, rows)
    return len(rows)
