"""Slot usage: which flow runs occupy the slots of work pools and queues."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, reading
from prefect.server.services.core.presenters import Answer
from prefect.server.services.work import work_pools, work_queues
from prefect.server.store import Row
from prefect.server.store.queries import work as queries
from prefect.types import now


async def get_queue_usage(tx: Transaction, id_: UUID, page: int, limit: int | None) -> Answer:
    """Return the slot usage of a queue with a page of its runs, those longest in their state first."""
    limit = paging.resolve_page_size(limit)
    queue = await reading.get_row(tx, store.work_queues, id_)
    occupied = (await queries.count_slots_by_queue(tx, [id_])).get(id_, 0)
    runs = await queries.find_occupying_runs(tx, id_, limit, (page - 1) * limit)
    at = now()
    return {
        "active_slots": occupied,
        "concurrency_limit": queue["concurrency_limit"],
        "flow_runs": [_summarize(run, at) for run in runs],
        **_paging(occupied, page, limit),
    }


async def get_pool_usage(tx: Transaction, name: str, page: int, limit: int | None, runs_per_queue: int) -> Answer:
    """Return the slot usage of a pool with a page of its queues, by priority.

    Args:
        tx: The transaction.
        name: The pool.
        page: Which page of its queues, from 1.
        limit: How many queues a page has.
        runs_each: How many runs of each queue are shown.
    """
    limit = paging.resolve_page_size(limit)
    pool = await work_pools.get_by_name(tx, name)
    queues = await work_queues.find_by_pool(tx, pool["id"])
    shown_queues = queues[(page - 1) * limit : page * limit]
    occupied = await queries.count_slots_by_queue(tx, [row["id"] for row in queues])
    runs: dict[UUID, list[Row]] = defaultdict(list)
    for run in await queries.find_occupying_runs_by_queue(tx, [row["id"] for row in shown_queues], runs_per_queue):
        runs[run["work_queue_id"]].append(run)
    at = now()
    return {
        "active_slots": sum(occupied.values()),
        "concurrency_limit": pool["concurrency_limit"],
        "queues": [
            {
                "queue_id": row["id"],
                "queue_name": row["name"],
                "active_slots": occupied.get(row["id"], 0),
                "concurrency_limit": row["concurrency_limit"],
                "flow_runs": [_summarize(run, at) for run in runs[row["id"]]],
                "flow_run_count": occupied.get(row["id"], 0),
            }
            for row in shown_queues
        ],
        **_paging(len(queues), page, limit),
    }


def _summarize(run: Row, at: datetime) -> Answer:
    summary = {name: value for name, value in run.items() if name != "work_queue_id"}
    entered = run["state_timestamp"]
    return {**summary, "time_in_current_state": at - entered if entered is not None else None}


def _paging(count: int, page: int, limit: int) -> dict[str, Any]:
    return {"count": count, "limit": limit, "pages": -(-count // limit) if limit else 0, "page": page}
