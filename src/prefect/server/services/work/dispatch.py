"""Handing out work: the flow runs that whoever polls may start now.

Nothing is claimed here. A run is claimed by the change of state that starts it, which locks it; until then everybody
who polls is shown it. Polling is a sign of life: of the queues that are polled, and of the deployments that are served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, any_of, one_of
from prefect.server.services.core import paging, presenters, reading
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.deployments import deployments
from prefect.server.services.work import work_pools, work_queues
from prefect.server.store import Row
from prefect.server.store.queries import work
from prefect.types import now

POLL_FRESHNESS = timedelta(seconds=10)
"""A sign of life is not written again before it is older than this, since everybody polls all the time."""


async def find_pool_runs(
    tx: Transaction,
    name: str,
    queue_names: Sequence[str] | None,
    before: datetime | None,
    after: datetime | None,
    limit: int | None,
) -> list[Answer]:
    """The runs of a pool that a worker may start, as `WorkerFlowRunResponse`.

    Args:
        tx: The transaction.
        name: The pool.
        queue_names: The queues that are polled; all if None or empty.
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
    runs = await _due(tx, pool, queues, before, after, limit)
    await _polled(tx, pool, queues)
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
    """The runs of a queue that may be started; of a queue with a filter, those that satisfy it, whatever their queue.

    Args:
        tx: The transaction.
        id_: The queue.
        before: Only runs that are due by then.
        limit: How many at most.
        polls: Who asks is there to run them.
    """
    limit = paging.resolve_page_size(limit)
    row = await reading.get_row(tx, store.work_queues, id_)
    pool = await reading.get_row(tx, store.work_pools, row["work_pool_id"])
    if row["filter"]:
        runs = await _filtered(tx, row, before, limit)
    else:
        runs = await _due(tx, pool, [row], before, None, limit)
    if polls:
        await _polled(tx, pool, [row])
    return await reading.present_flow_runs(tx, runs)


async def find_deployment_runs(
    tx: Transaction, ids: Sequence[UUID], before: datetime | None, limit: int | None
) -> list[Answer]:
    """The runs of deployments that their runner may start, those that are due first."""
    where = all_of([one_of("flow_run.deployment_id", ids), *work.scheduled(before)])
    order = "flow_run.next_scheduled_start_time, flow_run.id"
    runs = await store.flow_runs.find(tx, where, order, paging.resolve_page_size(limit))
    await deployments.mark_polled(tx, one_of("deployment.id", ids), POLL_FRESHNESS)
    return await reading.present_flow_runs(tx, runs)


async def find_deployment_queues(tx: Transaction, deployment_id: UUID) -> list[Answer]:
    """The queues from which runs of a deployment can be started: its own, and those whose filter it satisfies."""
    deployment = await deployments.get(tx, deployment_id)
    own = one_of("work_queue.id", [deployment["work_queue_id"]])
    rows = await store.work_queues.find(tx, any_of([own, Sql("work_queue.filter IS NOT NULL")]), "work_queue.name")
    shown = [row for row in rows if row["id"] == deployment["work_queue_id"] or _holds(row["filter"], deployment)]
    return [{name: value for name, value in row.items() if name != "status"} for row in shown]


def _holds(criteria: Mapping[str, Any], deployment: Row) -> bool:
    tags, ids = criteria.get("tags"), criteria.get("deployment_ids")
    in_tags = not tags or set(tags) <= set(deployment["tags"])
    return in_tags and (not ids or str(deployment["id"]) in map(str, ids))


async def _due(
    tx: Transaction, pool: Row, queues: Sequence[Row], before: datetime | None, after: datetime | None, limit: int
) -> list[Row]:
    if pool["is_paused"]:
        return []
    if pool["concurrency_limit"] is not None:
        taken = await work.taken_by_pool(tx, [pool["id"]])
        limit = min(limit, pool["concurrency_limit"] - taken.get(pool["id"], 0))
    ids = await work.due(tx, [row["id"] for row in queues if not row["is_paused"]], before, after, limit)
    found = await store.flow_runs.get_many(tx, ids)
    return [found[id_] for id_ in ids if id_ in found]


async def _filtered(tx: Transaction, queue: Row, before: datetime | None, limit: int) -> list[Row]:
    """Runs by the filter that queues had before there were pools."""
    if queue["is_paused"]:
        return []
    if queue["concurrency_limit"] is not None:
        taken = await work.taken_by_queue(tx, [queue["id"]])
        limit = min(limit, queue["concurrency_limit"] - taken.get(queue["id"], 0))
    parts = work.scheduled(before)
    if tags := queue["filter"].get("tags"):
        parts.append(tx.dialect.array_has_all("flow_run.tags", tags))
    if ids := queue["filter"].get("deployment_ids"):
        parts.append(one_of("flow_run.deployment_id", [UUID(str(id_)) for id_ in ids]))
    order = "flow_run.next_scheduled_start_time, flow_run.id"
    return await store.flow_runs.find(tx, all_of(parts), order, max(limit, 0))


async def _polled(tx: Transaction, pool: Row, queues: Sequence[Row]) -> None:
    """Note that queues are polled, and that their deployments have somebody who runs them."""
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
        await deployments.mark_polled(
            tx, one_of("deployment.work_queue_id", [row["id"] for row in queues]), POLL_FRESHNESS
        )
