"""The pages of work pools: their occupied slots, workers and waiting runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prefect.schemas.worker_channel import WorkerFacts
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages import catalog
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.catalog_shapes import (
    PoolOutcomes,
    PoolPage,
    PoolRow,
    PoolsPage,
    PoolWaits,
    QueueRow,
    WorkerPage,
    WorkerRow,
)
from prefect.server.services.work import work_pools, work_queues, workers
from prefect.server.store import Condition, Row
from prefect.server.store.queries import catalog_pages as queries
from prefect.server.store.queries import work as work_queries
from prefect.types import UTC, now

MAX_DEPLOYMENTS = 100
MAX_RUNS_OF_WORKER, MAX_RUNS_OF_WORKER_PAGE = 5, 100

OUTCOME_COLUMNS = 12
"""Columns of the small diagram of a pool's runs."""

WAIT_COLUMNS = 49
WAIT_WIDTH = timedelta(minutes=30)
"""Intervals in which waits are counted: those of a day, and the present one."""


async def build_pools_page(tx: Transaction) -> PoolsPage:
    """Return the page of work pools."""
    return {"rows": await present_pools(tx, await store.work_pools.find(tx, {}, queries.page_order(store.work_pools)))}


async def build_pool_page(tx: Transaction, name: str) -> PoolPage:
    """Return the page of a work pool, or raise `NotFound`."""
    row = await work_pools.get_by_name(tx, name)
    (pool,) = await present_pools(tx, [row])
    queues = await work_queues.find_by_pool(tx, row["id"])
    queue_ids = [queue["id"] for queue in queues]
    due = await queries.count_due_runs_by_queue(tx, queue_ids, now())
    slots = await work_queries.count_slots_by_queue(tx, queue_ids)
    found = await queries.find_workers(tx, {"work_pool_id": row["id"]})
    where = {"work_queue_id": queue_ids}
    order = queries.page_order(store.deployments)
    deployments = await store.deployments.find(tx, where, order, MAX_DEPLOYMENTS) if queues else []
    return {
        "pool": pool,
        "queues": [_present_queue(row, slots.get(row["id"], 0), due.get(row["id"], (0, 0))) for row in queues],
        "waits": await _compute_waits(tx, queue_ids),
        "workers": await _present_workers(tx, found, queue_ids),
        "deployments": await catalog.present_deployments(tx, deployments),
        "base_job_template": row["base_job_template"],
    }


async def build_worker_page(tx: Transaction, pool_name: str, name: str) -> WorkerPage:
    """Return the page of a worker of a pool by its name, or by its id, as workers of the original link to it.

    Raises:
        NotFound: There is no such worker, or no such pool.
    """
    pool = await work_pools.get_by_name(tx, pool_name)
    row = await workers.find_by_id(tx, pool, name) or await workers.get(tx, pool, name)
    queues = await work_queues.find_by_pool(tx, pool["id"])
    (worker,) = await _present_workers(tx, [row], [queue["id"] for queue in queues], MAX_RUNS_OF_WORKER_PAGE)
    return {"worker": worker, "pool_type": pool["type"]}


async def _present_workers(
    tx: Transaction, rows: Sequence[Row], queue_ids: Sequence[UUID], max_runs: int = MAX_RUNS_OF_WORKER
) -> list[WorkerRow]:
    runs = await work_queries.find_runs_by_worker(tx, queue_ids, max_runs)
    presented: list[WorkerRow] = []
    for row in rows:
        count, some = runs.get(row["name"], (0, []))
        presented.append(
            {
                "id": row["id"],
                "name": row["name"],
                "status": row["status"],
                "last_heartbeat_time": row["last_heartbeat_time"],
                "runs": count,
                "some_runs": [{"id": id_, "name": name} for id_, name in some],
                "facts": WorkerFacts.model_validate(row["metadata"]),
            }
        )
    return presented


async def compute_outcomes(tx: Transaction, since: datetime, span: timedelta, where: Condition) -> list[PoolOutcomes]:
    """Return the outcomes of the flow runs of each work pool that had some in a time or in the time before.

    Args:
        tx: The transaction.
        since: When the time begins.
        span: Its length, which is that of the time before as well.
        where: Which runs.
    """
    counts = await queries.count_by_queue(tx, since - span, span / OUTCOME_COLUMNS, OUTCOME_COLUMNS * 2, where)
    queue_ids = list({count.queue_id for count in counts})
    queues = await store.work_queues.find(tx, {"id": queue_ids}, columns=("id", "work_pool_id")) if queue_ids else []
    pools = {queue["id"]: queue["work_pool_id"] for queue in queues}
    by_pool: dict[UUID, list[queries.QueueCount]] = defaultdict(list)
    for count in counts:
        if count.queue_id in pools:
            by_pool[pools[count.queue_id]].append(count)
    return [_sum_outcomes(pool_id, some) for pool_id, some in by_pool.items()]


def _sum_outcomes(pool_id: UUID, counts: list[queries.QueueCount]) -> PoolOutcomes:
    current = [count for count in counts if count.bucket >= OUTCOME_COLUMNS]
    before = [count for count in counts if count.bucket < OUTCOME_COLUMNS]
    columns: Counter[tuple[int, str]] = Counter()
    for count in current:
        columns[count.bucket - OUTCOME_COLUMNS, count.state_type] += count.runs
    runs = columns.total()
    return {
        "pool": pool_id,
        "runs": runs,
        "completed": _share_completed(current),
        "completed_before": _share_completed(before),
        "late_seconds": sum(count.late_seconds for count in current) / runs if runs else None,
        "columns": [(column, type_, number) for (column, type_), number in sorted(columns.items())],
    }


async def _compute_waits(tx: Transaction, queue_ids: Sequence[UUID]) -> PoolWaits:
    step = WAIT_WIDTH.total_seconds()
    since = datetime.fromtimestamp((now() - WAIT_WIDTH * (WAIT_COLUMNS - 1)).timestamp() // step * step, UTC)
    rows = await queries.count_waits(tx, queue_ids, since, WAIT_WIDTH, WAIT_COLUMNS) if queue_ids else []

    def depth(column: int) -> int:
        return sum(runs for due, begun, runs, _ in rows if due <= column and (begun is None or begun > column))

    def wait(column: int) -> float | None:
        began = [(runs, late) for _, begun, runs, late in rows if begun == column]
        return sum(late for _, late in began) / sum(runs for runs, _ in began) if began else None

    columns = range(WAIT_COLUMNS)
    return {"since": since, "width": step, "depth": [depth(n) for n in columns], "seconds": [wait(n) for n in columns]}


def _share_completed(counts: list[queries.QueueCount]) -> float | None:
    ended = sum(count.runs for count in counts if count.state_type in run_rows.FINISHED)
    completed = sum(count.runs for count in counts if count.state_type == "COMPLETED")
    return completed / ended if ended else None


def _present_queue(row: Row, slots: int, due: tuple[int, int]) -> QueueRow:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "priority": row["priority"],
        "concurrency_limit": row["concurrency_limit"],
        "status": row["status"],
        "is_paused": row["is_paused"],
        "last_polled": row["last_polled"],
        "slots": slots,
        "waiting": due[0],
        "late": due[1],
    }


async def present_pools(tx: Transaction, rows: Sequence[Row]) -> list[PoolRow]:
    """Return work pools as rows of a list."""
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    queues: dict[UUID, list[Row]] = defaultdict(list)
    columns = ("id", "work_pool_id", "status", "is_paused")
    for queue in await store.work_queues.find(tx, {"work_pool_id": ids}, columns=columns):
        queues[queue["work_pool_id"]].append(queue)
    due = await queries.count_due_runs_by_queue(tx, [queue["id"] for some in queues.values() for queue in some], now())
    slots = await work_queries.count_slots_by_pool(tx, ids)
    workers: dict[UUID, list[Row]] = defaultdict(list)
    for worker in await queries.find_workers(tx, {"work_pool_id": ids}):
        workers[worker["work_pool_id"]].append(worker)

    def sum_due(pool_id: UUID, part: int) -> int:
        return sum(due.get(queue["id"], (0, 0))[part] for queue in queues[pool_id])

    return [
        {
            "id": row["id"],
            "name": row["name"],
            "type": row["type"],
            "description": row["description"],
            "status": "PAUSED" if row["is_paused"] else row["status"],
            "is_paused": row["is_paused"],
            "concurrency_limit": row["concurrency_limit"],
            "slots": slots.get(row["id"], 0),
            "waiting": sum_due(row["id"], 0),
            "late": sum_due(row["id"], 1),
            "queues": len(queues[row["id"]]),
            "queues_not_polled": sum(
                not queue["is_paused"] and queue["status"] != "READY" for queue in queues[row["id"]]
            ),
            "queues_paused": sum(queue["is_paused"] for queue in queues[row["id"]]),
            "workers_online": sum(worker["status"] == "ONLINE" for worker in workers[row["id"]]),
            "workers": len(workers[row["id"]]),
            "last_heartbeat": max(
                (worker["last_heartbeat_time"] for worker in workers[row["id"]] if worker["last_heartbeat_time"]),
                default=None,
            ),
        }
        for row in rows
    ]
