"""Present runs as rows of the web page's lists, with the names of what they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages.core.shapes import Named, QueueHealth, RunRow
from prefect.server.store import Collection, Row
from prefect.server.store.queries import run_pages as queries

_ZERO = timedelta(0)

FINISHED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

MAX_MESSAGE_CHARACTERS = 300

_NO_QUEUE = dict.fromkeys(("work_pool", "work_queue", "work_queue_health"))


async def present_flow_runs(tx: Transaction, rows: Sequence[Row], count_tasks: bool = True) -> list[RunRow]:
    """Return flow runs as rows of a list."""
    flows = await find_names(tx, store.flows, [row["flow_id"] for row in rows])
    deployments = await find_names(tx, store.deployments, [row["deployment_id"] for row in rows])
    queues = await _find_queues(tx, rows)
    counts = await queries.count_task_states(tx, [row["id"] for row in rows]) if count_tasks else {}
    presented: list[Any] = []
    for row in rows:
        tasks = counts.get(row["id"], {})
        queue = queues.get(row["work_queue_id"], {**_NO_QUEUE, "work_queue": row["work_queue_name"]})
        # Whether its queue is polled does not matter to a run that a worker has taken, or that has ended.
        health = queue["work_queue_health"] if row["state_type"] == "SCHEDULED" else None
        presented.append(
            {
                **_present(row),
                "flow": flows.get(row["flow_id"]),
                "flow_run": None,
                "deployment": deployments.get(row["deployment_id"]),
                **queue,
                "work_queue_health": health,
                "parameters": row["parameters"],
                "tasks_done": sum(tasks.get(type_, 0) for type_ in FINISHED) if count_tasks else None,
                "tasks_total": sum(tasks.values()) if count_tasks else None,
                "is_subflow": row["parent_task_run_id"] is not None,
            }
        )
    return presented


async def present_task_runs(tx: Transaction, rows: Sequence[Row]) -> list[RunRow]:
    """Return task runs as rows of a list."""
    runs = await find_names(tx, store.flow_runs, [row["flow_run_id"] for row in rows])
    nothing = {**_NO_QUEUE, **dict.fromkeys(("flow", "deployment", "tasks_done"))}
    presented: list[Any] = [
        {
            **_present(row),
            **nothing,
            "flow_run": runs.get(row["flow_run_id"]),
            "parameters": {},
            "tasks_total": None,
            "is_subflow": False,
        }
        for row in rows
    ]
    return presented


def _present(row: Row) -> Any:
    states = row["states"]
    message = states[-1].get("message") if states else None
    shows_message = row["state_type"] in ("FAILED", "CRASHED", "CANCELLED", "PENDING", "PAUSED")
    return {
        "id": row["id"],
        "name": row["name"],
        "state_type": row["state_type"],
        "state_name": row["state_name"],
        "message": message[:MAX_MESSAGE_CHARACTERS] if message and shows_message else None,
        "start_time": row["start_time"],
        "expected_start_time": row["next_scheduled_start_time"] or row["expected_start_time"],
        "end_time": row["end_time"],
        "run_seconds": (row["total_run_time"] or _ZERO).total_seconds(),
        "running_since": row["state_timestamp"] if row["state_type"] == "RUNNING" else None,
        "run_count": row["run_count"] or 0,
        "tags": row["tags"],
    }


async def find_names(tx: Transaction, collection: Collection, ids: Sequence[UUID | None]) -> dict[Any, Named]:
    """Return the ids and names of objects, by id."""
    wanted = list({id_ for id_ in ids if id_ is not None})
    if not wanted:
        return {}
    rows = await collection.get_many(tx, wanted, columns=("id", "name"))
    return {id_: {"id": id_, "name": row["name"]} for id_, row in rows.items()}


async def _find_queues(tx: Transaction, rows: Sequence[Row]) -> dict[UUID | None, dict[str, Any]]:
    """Return the fields of runs that say what queue they are in, by the queue's id."""
    ids = list({row["work_queue_id"] for row in rows if row["work_queue_id"] is not None})
    if not ids:
        return {}
    queues = await store.work_queues.get_many(tx, ids, columns=("id", "name", "work_pool_id", "status", "is_paused"))
    pool_ids = list({queue["work_pool_id"] for queue in queues.values()})
    pools = await store.work_pools.get_many(tx, pool_ids, columns=("id", "name", "is_paused"))
    return {id_: _present_queue(queue, pools.get(queue["work_pool_id"])) for id_, queue in queues.items()}


def _present_queue(queue: Row, pool: Row | None) -> dict[str, Any]:
    is_paused = queue["is_paused"] or (pool is not None and pool["is_paused"])
    health: QueueHealth = "paused" if is_paused else "ready" if queue["status"] == "READY" else "not polled"
    return {"work_pool": pool and pool["name"], "work_queue": queue["name"], "work_queue_health": health}
