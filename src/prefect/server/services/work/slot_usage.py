"""Which flow runs take the slots of work pools and queues."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services.core import paging, reading
from prefect.server.services.core.presenters import Answer
from prefect.server.services.work import work_pools, work_queues
from prefect.server.store import Row
from prefect.server.store.queries import work
from prefect.types import now

_COLUMNS = ("id", "name", "state_type", "state_name", "start_time", "state_timestamp", "work_queue_id")
_LONGEST_FIRST = "flow_run.state_timestamp, flow_run.id"


async def get_queue_usage(tx: Transaction, id_: UUID, page: int, limit: int | None) -> Answer:
    """What takes the slots of a queue, a page of its runs: those that have been in their state longest come first."""
    limit = paging.resolve_page_size(limit)
    queue = await reading.get_row(tx, store.work_queues, id_)
    taken = (await work.taken_by_queue(tx, [id_])).get(id_, 0)
    where = all_of([Sql(work.OCCUPIED), one_of("flow_run.work_queue_id", [id_])])
    runs = await store.flow_runs.find(tx, where, _LONGEST_FIRST, limit, (page - 1) * limit, _COLUMNS)
    at = now()
    return {
        "active_slots": taken,
        "concurrency_limit": queue["concurrency_limit"],
        "flow_runs": [_summary(run, at) for run in runs],
        **_paging(taken, page, limit),
    }


async def get_pool_usage(tx: Transaction, name: str, page: int, limit: int | None, runs_per_queue: int) -> Answer:
    """What takes the slots of a pool, a page of its queues by priority.

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
    shown = queues[(page - 1) * limit : page * limit]
    taken = await work.taken_by_queue(tx, [row["id"] for row in queues])
    runs = await _by_queue(tx, [row["id"] for row in shown], runs_per_queue)
    at = now()
    return {
        "active_slots": sum(taken.values()),
        "concurrency_limit": pool["concurrency_limit"],
        "queues": [
            {
                "queue_id": row["id"],
                "queue_name": row["name"],
                "active_slots": taken.get(row["id"], 0),
                "concurrency_limit": row["concurrency_limit"],
                "flow_runs": [_summary(run, at) for run in runs[row["id"]]],
                "flow_run_count": taken.get(row["id"], 0),
            }
            for row in shown
        ],
        **_paging(len(queues), page, limit),
    }


async def _by_queue(tx: Transaction, ids: Sequence[UUID], each: int) -> dict[UUID, list[Row]]:
    """Some of the runs that take slots, by their queue."""
    found: dict[UUID, list[Row]] = defaultdict(list)
    if not ids or not each:
        return found
    places = (
        "flow_run.id IN (SELECT placed.id FROM (SELECT flow_run.id, row_number() OVER (PARTITION BY"
        f" flow_run.work_queue_id ORDER BY {_LONGEST_FIRST}) AS place FROM flow_run WHERE {work.OCCUPIED} AND"
    )
    asked = one_of("flow_run.work_queue_id", ids)
    where = Sql(f"{places} {asked.text}) AS placed WHERE placed.place <= ?)", (*asked.values, each))
    for run in await store.flow_runs.find(tx, where, _LONGEST_FIRST, columns=_COLUMNS):
        found[run["work_queue_id"]].append(run)
    return found


def _summary(run: Row, at: datetime) -> Answer:
    summary = {name: value for name, value in run.items() if name != "work_queue_id"}
    entered = run["state_timestamp"]
    return {**summary, "time_in_current_state": at - entered if entered is not None else None}


def _paging(count: int, page: int, limit: int) -> dict[str, Any]:
    return {"count": count, "limit": limit, "pages": -(-count // limit) if limit else 0, "page": page}
