"""Dispatch: the flow runs that workers and runners, which poll for them, may start now.

Nothing is claimed here. A run is claimed by the state transition that starts it, which locks it; until then everybody
who polls gets it. Polling makes the polled queues, and the deployments whose runs they hold, ready.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, presenters, reading
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.deployments import deployments
from prefect.server.services.work import work_pools, work_queues
from prefect.server.store import Row
from prefect.server.store.queries import work as queries
from prefect.types import now

POLL_FRESHNESS = timedelta(seconds=10)
"""A poll is not recorded again before the recorded one is older than this, since polls are frequent."""


async def find_pool_runs(
    tx: Transaction,
    name: str,
    queue_names: Sequence[str] | None,
    before: datetime | None,
    after: datetime | None,
    limit: int | None,
) -> list[Answer]:
    """Return the runs of a pool that a worker may start, each a `WorkerFlowRunResponse`.

    Args:
        tx: The transaction.
        name: The pool.
        queue_names: The polled queues; all if None or empty.
        before: Only runs that are due by then.
        after: Only runs that are not due before.
        limit: How many at most.
    """
    limit = paging.resolve_page_size(limit)
    pool = await work_pools.get_by_name(tx, name)
    queues = await work_queues.find_by_pool(tx, pool["id"])
    if queue_names:
        unknown = sorted(set(queue_names) - {row["name"] for row in queues})
        if unknown:
            raise NotFound("work queue", f"{name}/{unknown[0]}")
        queues = [row for row in queues if row["name"] in queue_names]
    runs = await _find_due_runs(tx, pool, queues, before, after, limit)
    await _record_poll(tx, pool, queues)
    return [
        {
            "work_pool_id": pool["id"],
            "work_queue_id": run["work_queue_id"],
            "flow_run": presenters.present_flow_run(run, {}),
        }
        for run in runs
    ]


async def find_queue_runs(
    tx: Transaction, id_: UUID, before: datetime | None, limit: int | None, polls: bool = True
) -> list[Answer]:
    """Return the runs of a queue that may start; for a queue with a filter, the runs of any queue that satisfy it.

    Args:
        tx: The transaction.
        id_: The queue.
        before: Only runs that are due by then.
        limit: How many at most.
        polls: Whether the caller is going to run them.
    """
    limit = paging.resolve_page_size(limit)
    row = await reading.get_row(tx, store.work_queues, id_)
    pool = await reading.get_row(tx, store.work_pools, row["work_pool_id"])
    if row["filter"]:
        runs = await _find_runs_by_filter(tx, row, before, limit)
    else:
        runs = await _find_due_runs(tx, pool, [row], before, None, limit)
    if polls:
        await _record_poll(tx, pool, [row])
    return await reading.present_flow_runs(tx, runs)


async def find_deployment_runs(
    tx: Transaction, ids: Sequence[UUID], before: datetime | None, limit: int | None
) -> list[Answer]:
    """Return the runs of deployments that their runner may start, by their due time."""
    runs = await queries.find_scheduled_runs(tx, before, paging.resolve_page_size(limit), deployment_ids=ids)
    await deployments.mark_polled(tx, {"id": list(ids)}, POLL_FRESHNESS)
    return await reading.present_flow_runs(tx, runs)


async def find_deployment_queues(tx: Transaction, deployment_id: UUID) -> list[Answer]:
    """Return the queues from which runs of a deployment can start: its queue, and those whose filter it satisfies."""
    deployment = await deployments.get(tx, deployment_id)
    own_id = deployment["work_queue_id"]
    rows = await queries.find_queues_with_filter_or_id(tx, own_id)
    matching = [row for row in rows if row["id"] == own_id or _is_matching(row["filter"], deployment)]
    return [{name: value for name, value in row.items() if name != "status"} for row in matching]


def _is_matching(criteria: Mapping[str, Any], deployment: Row) -> bool:
    tags, ids = criteria.get("tags"), criteria.get("deployment_ids")
    has_tags = not tags or set(tags) <= set(deployment["tags"])
    return has_tags and (not ids or str(deployment["id"]) in map(str, ids))


async def _find_due_runs(
    tx: Transaction, pool: Row, queues: Sequence[Row], before: datetime | None, after: datetime | None, limit: int
) -> list[Row]:
    if pool["is_paused"]:
        return []
    if pool["concurrency_limit"] is not None:
        taken = await queries.count_slots_by_pool(tx, [pool["id"]])
        limit = min(limit, pool["concurrency_limit"] - taken.get(pool["id"], 0))
    ids = await queries.find_due_runs(tx, [row["id"] for row in queues if not row["is_paused"]], before, after, limit)
    runs = await store.flow_runs.get_many(tx, ids)
    return [runs[id_] for id_ in ids if id_ in runs]


async def _find_runs_by_filter(tx: Transaction, queue: Row, before: datetime | None, limit: int) -> list[Row]:
    """Return the runs that satisfy the filter of a queue, which queues had before there were pools."""
    if queue["is_paused"]:
        return []
    if queue["concurrency_limit"] is not None:
        taken = await queries.count_slots_by_queue(tx, [queue["id"]])
        limit = min(limit, queue["concurrency_limit"] - taken.get(queue["id"], 0))
    ids = [UUID(str(id_)) for id_ in queue["filter"].get("deployment_ids") or ()]
    return await queries.find_scheduled_runs(
        tx, before, max(limit, 0), deployment_ids=ids or None, tags=queue["filter"].get("tags") or ()
    )


async def _record_poll(tx: Transaction, pool: Row, queues: Sequence[Row]) -> None:
    """Record that a worker polls queues and can run the deployments in them."""
    before = now() - POLL_FRESHNESS
    stale = [
        row["id"]
        for row in queues
        if row["last_polled"] is None
        or row["last_polled"] < before
        or (row["status"] != work_queues.READY and not row["is_paused"])
    ]
    locked = await store.work_queues.get_many(tx, stale, lock=True)
    await work_queues.mark_polled(tx, list(locked.values()), pool)
    if queues:
        await deployments.mark_polled(tx, {"work_queue_id": [row["id"] for row in queues]}, POLL_FRESHNESS)
