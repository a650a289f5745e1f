"""Work pools, their queues, and their workers."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Le

from prefect.schemas import wire
from prefect.schemas.sorting import LogSort
from prefect.schemas.wire.filters import LogFilter
from prefect.schemas.wire.objects import Log
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import BODY, UNSET, Body, Limit, Page, Routes, Rows, StatusResponse
from prefect.server.services.work import dispatch, pool_members, slot_usage
from prefect.server.services.work import work_pools as pools
from prefect.types._annotated import AwareDateTime

routes = Routes("Work Pools", "/work_pools")


@routes.writes("POST", "/", wire.WorkPoolResponse, 201)
async def create_work_pool(tx: Transaction, work_pool: wire.WorkPoolCreate) -> Any:
    """Create a work pool with a default queue."""
    return await pools.create(tx, work_pool.model_dump(mode="json"))


routes.reads_by_key("/{name}", wire.WorkPoolResponse, "read_work_pool", pools.read, "Return a work pool by its name.")


@routes.reads("POST", "/filter", list[wire.WorkPoolResponse])
async def read_work_pools(tx: Transaction, rows: Rows, work_pools: Body[wire.WorkPoolFilter | None] = None) -> Any:
    """Return the work pools that match a filter, by name."""
    return await pools.find(tx, work_pools, *rows)


@routes.reads("POST", "/count", int)
async def count_work_pools(tx: Transaction, work_pools: Body[wire.WorkPoolFilter | None] = None) -> Any:
    """Count the work pools that match a filter."""
    return await pools.count(tx, work_pools)


@routes.writes("PATCH", "/{name}")
async def update_work_pool(tx: Transaction, work_pool: wire.WorkPoolUpdate, name: str) -> None:
    """Update the fields of a work pool that are sent."""
    await pools.change(tx, name, work_pool.model_dump(mode="json", exclude_unset=True))


@routes.writes("DELETE", "/{name}")
async def delete_work_pool(tx: Transaction, name: str) -> None:
    """Delete a work pool with its queues and workers; its runs and deployments stay, without a pool."""
    await pools.remove(tx, name)


@routes.writes("POST", "/{name}/get_scheduled_flow_runs", list[wire.WorkerFlowRunResponse], requires=Permission.WORK)
async def get_scheduled_flow_runs(
    tx: Transaction,
    name: str,
    work_queue_names: Body[list[str]] = UNSET,
    scheduled_before: Body[AwareDateTime] = UNSET,
    scheduled_after: Body[AwareDateTime] = UNSET,
    limit: Limit = UNSET,
) -> Any:
    """Return the runs that a worker may start, by queue priority, within the limits of the pool and its queues."""
    return await dispatch.find_pool_runs(tx, name, work_queue_names, scheduled_before, scheduled_after, limit)


@routes.reads("POST", "/{name}/concurrency_status", wire.WorkPoolConcurrencyStatus)
async def read_work_pool_concurrency_status(
    tx: Transaction, name: str, page: Page, flow_run_limit: Annotated[int, BODY, Ge(0), Le(200)] = 10
) -> Any:
    """Return the slots of a work pool in use and the runs that hold them, for a page of its queues."""
    return await slot_usage.get_pool_usage(tx, name, *page, flow_run_limit)


# --- queues ----------------------------------------------------------------------------------------------------------


@routes.writes("POST", "/{work_pool_name}/queues", wire.WorkQueueResponse, 201)
async def create_work_queue(tx: Transaction, work_queue: wire.WorkQueueCreate, work_pool_name: str) -> Any:
    """Create a queue in a work pool."""
    return await pool_members.create_queue(tx, work_pool_name, work_queue.model_dump(mode="json"))


@routes.reads("GET", "/{work_pool_name}/queues/{name}", wire.WorkQueueResponse)
async def read_work_queue(tx: Transaction, work_pool_name: str, name: str) -> Any:
    """Return a queue of a work pool by its name."""
    return await pool_members.read_queue(tx, work_pool_name, name)


@routes.reads("POST", "/{work_pool_name}/queues/filter", list[wire.WorkQueueResponse])
async def read_work_queues(
    tx: Transaction, work_pool_name: str, rows: Rows, work_queues: Body[wire.WorkQueueFilter] = UNSET
) -> Any:
    """Return the queues of a work pool that match a filter, by priority."""
    return await pool_members.find_queues(tx, work_pool_name, work_queues, *rows)


@routes.writes("PATCH", "/{work_pool_name}/queues/{name}")
async def update_work_queue(tx: Transaction, work_queue: wire.WorkQueueUpdate, work_pool_name: str, name: str) -> None:
    """Update the fields of a queue of a work pool that are sent."""
    await pool_members.change_queue(tx, work_pool_name, name, work_queue.model_dump(exclude_unset=True))


@routes.writes("DELETE", "/{work_pool_name}/queues/{name}")
async def delete_work_queue(tx: Transaction, work_pool_name: str, name: str) -> None:
    """Delete a queue of a work pool; its runs and deployments stay, without a queue."""
    await pool_members.remove_queue(tx, work_pool_name, name)


# --- workers ---------------------------------------------------------------------------------------------------------


@routes.writes("POST", "/{work_pool_name}/workers/heartbeat", requires=Permission.WORK)
async def worker_heartbeat(
    tx: Transaction,
    work_pool_name: str,
    name: Body[str],
    heartbeat_interval_seconds: Body[int | None] = None,
    metadata: Body[dict[str, Any] | None] = None,
    return_id: Body[bool | None] = None,
) -> Any:
    """Record the heartbeat of a worker."""
    id_ = await pool_members.record_heartbeat(tx, work_pool_name, name, heartbeat_interval_seconds, metadata)
    return StatusResponse(200, id_) if return_id else None


@routes.reads("POST", "/{work_pool_name}/workers/{name}/logs/filter", list[Log], documented=False)
async def read_worker_logs(
    tx: Transaction,
    work_pool_name: str,
    name: str,
    rows: Rows,
    logs: Body[LogFilter | None] = None,
    sort: Body[LogSort] = LogSort.TIMESTAMP_ASC,
) -> Any:
    """Return the logs of a worker that match a filter."""
    return await pool_members.read_worker_logs(tx, work_pool_name, name, logs, sort, *rows)


@routes.reads("POST", "/{work_pool_name}/workers/filter", list[wire.WorkerResponse])
async def read_workers(
    tx: Transaction, work_pool_name: str, rows: Rows, workers: Body[wire.WorkerFilter | None] = None
) -> Any:
    """Return the workers of a work pool that match a filter, by their last heartbeat, newest first."""
    return await pool_members.find_workers(tx, work_pool_name, workers, *rows)


@routes.writes("DELETE", "/{work_pool_name}/workers/{name}")
async def delete_worker(tx: Transaction, work_pool_name: str, name: str) -> None:
    """Delete a worker of a work pool."""
    await pool_members.remove_worker(tx, work_pool_name, name)
