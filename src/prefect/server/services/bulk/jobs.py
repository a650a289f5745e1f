"""Bulk jobs: actions on the flow runs that match a query, or on selected ones, in batches that outlive the server.

A batch is one transaction: it locks the job, acts on the next runs, stores a result for each and where the next batch
begins. A server that ends in between has done all of a batch or nothing of it, and any server continues with the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.bulk.actions import OPPOSITES, Action, act, check_options
from prefect.server.services.core import reading
from prefect.server.services.core.errors import Conflict, InvalidRequest
from prefect.server.services.pages.run_list import run_query, runs
from prefect.server.store import Row
from prefect.server.store.queries import run_pages as queries
from prefect.types import new_id, now

BATCH_SIZE = 50
"""Runs of a batch: other writers wait for it."""

SHOWN_RESULTS = 500
"""Results that the answer about a job has: first those that stayed as they were."""

LATEST_JOBS = 20
RETENTION = timedelta(days=30)
"""How long jobs and their results are kept."""

TOPIC = "bulk-jobs"
"""The topic of jobs that are to be continued."""


class BulkResult(TypedDict):
    """The outcome for one run: whether it is done, and if not, why."""

    id: UUID
    name: str
    done: bool
    reason: str | None


class BulkJob(TypedDict):
    """A job; `status` is running, finished, stopped or failed."""

    id: UUID
    created: datetime
    updated: datetime
    action: Action
    options: dict[str, Any]
    query: str
    status: str
    message: str | None
    total: int
    done: int
    left: int


class BulkJobPage(BulkJob):
    """A job with its results; those that stayed as they were come first."""

    results: list[BulkResult]


async def add(
    tx: Transaction, action: Action, query: str, ids: Sequence[UUID] | None, options: Mapping[str, Any]
) -> BulkJob:
    """Add a job, which any server begins immediately.

    Args:
        tx: The transaction.
        action: What to do.
        query: Which runs, in the query language; ignored with `ids`.
        ids: The runs, by their ids.
        options: `state` and `message` of the action `set-state`, `tags` of those about tags.

    Raises:
        InvalidRequest: The query is not valid, or an option of the action is missing or wrong.
    """
    chosen = None if ids is None else [str(id_) for id_ in ids]
    return await _add(tx, {"action": action, "query": query, "ids": chosen, "options": check_options(action, options)})


async def undo(tx: Transaction, id_: UUID) -> BulkJob:
    """Add a job that undoes another job: only the tags that it did add or remove.

    Raises:
        InvalidRequest: What the job does cannot be undone.
        Conflict: It has not ended.
    """
    job = await reading.get_row(tx, store.bulk_jobs, id_)
    if job["action"] not in OPPOSITES:
        raise InvalidRequest(f"The action {job['action']!r} cannot be undone.")
    if job["status"] == "running":
        raise Conflict("The job has not ended. Stop it first.")
    options = {**job["options"], "undone": str(id_)}
    return await _add(tx, {"action": OPPOSITES[job["action"]], "query": "", "ids": None, "options": options})


async def _add(tx: Transaction, values: Row) -> BulkJob:
    at = now()
    row: Row = {
        **dict.fromkeys(store.bulk_jobs.table.names),
        "id": new_id(),
        "created": at,
        "updated": at,
        "status": "running",
        "done": 0,
        "left_": 0,
        **values,
    }
    row["total"] = await store.flow_runs.count(tx, queries.created_until(_condition(tx, row), at))
    await _remove_old(tx, at)
    await store.bulk_jobs.add(tx, [row])
    tx.notify(TOPIC)
    return _present(row)


async def count(tx: Transaction, query: str) -> int:
    """Return how many flow runs a job on a query would act on, or raise `InvalidRequest`."""
    return await store.flow_runs.count(tx, _compile(tx, query, now()))


async def _remove_old(tx: Transaction, at: datetime) -> None:
    old = await queries.find_old_jobs(tx, at - RETENTION)
    if old:
        await store.bulk_results.remove(tx, {"job_id": old})
        await store.bulk_jobs.remove(tx, {"id": old})


def _condition(tx: Transaction, job: Row) -> Any:
    """Return the condition of the flow runs that a job acts on."""
    if (undone := _find_undone(job)) is not None:
        return queries.done_by(undone)
    if job["ids"] is not None:
        return store.flow_runs.where({"id": [UUID(id_) for id_ in job["ids"]]})
    return _compile(tx, job["query"], job["created"])


def _find_undone(job: Row) -> UUID | None:
    """Return the job that a job undoes, if it undoes one."""
    return UUID(job["options"]["undone"]) if "undone" in (job["options"] or {}) else None


def _compile(tx: Transaction, query: str, at: datetime) -> Any:
    return runs.compile_where(tx, store.flow_runs, run_query.parse_query(query, "flow_run", at), at)


async def find_latest(tx: Transaction) -> list[BulkJob]:
    """Return the latest jobs, newest first."""
    order = store.bulk_jobs.order("-created", "-id")
    return [_present(row) for row in await store.bulk_jobs.find(tx, {}, order, LATEST_JOBS)]


async def get(tx: Transaction, id_: UUID) -> BulkJobPage:
    """Return a job with its results, or raise `NotFound`."""
    row = await reading.get_row(tx, store.bulk_jobs, id_)
    order = store.bulk_results.order("-outcome", "run_id")
    results = await store.bulk_results.find(tx, {"job_id": id_}, order, SHOWN_RESULTS)
    shown: list[BulkResult] = [
        {"id": each["run_id"], "name": each["name"], "done": each["outcome"] == "done", "reason": each["reason"]}
        for each in results
    ]
    return {**_present(row), "results": shown}


async def stop(tx: Transaction, id_: UUID) -> BulkJob:
    """Stop a job after its present batch; what is done stays done."""
    row = await reading.get_row(tx, store.bulk_jobs, id_, lock=True)
    if row["status"] == "running":
        row |= {"status": "stopped", "updated": now()}
        await store.bulk_jobs.change(tx, [row], ["status", "updated"])
    return _present(row)


async def find_running(tx: Transaction) -> list[UUID]:
    """Return the jobs that are to be continued, oldest first."""
    rows = await store.bulk_jobs.find(tx, {"status": "running"}, store.bulk_jobs.order("created", "id"), columns=["id"])
    return [row["id"] for row in rows]


async def run_batch(tx: Transaction, id_: UUID) -> bool:
    """Act on the next runs of a job; return whether there are more."""
    job = await store.bulk_jobs.get(tx, id_, lock=True)
    if job is None or job["status"] != "running":
        return False
    rows = await queries.find_batch(tx, _condition(tx, job), job["created"], job["after"], BATCH_SIZE)
    tags = await _find_changed_tags(tx, job, [row["id"] for row in rows])
    results: list[Row] = []
    for row in rows:
        outcome = await act(tx, job["action"], job["options"] | tags.get(row["id"], {}), row)
        result = {"outcome": "done" if outcome.done else "left", "reason": outcome.reason, "tags": list(outcome.tags)}
        results.append({"job_id": id_, "run_id": row["id"], "name": row["name"], **result})
    await store.bulk_results.add(tx, results)
    more = len(rows) == BATCH_SIZE
    done = sum(result["outcome"] == "done" for result in results)
    job |= {
        "done": job["done"] + done,
        "left_": job["left_"] + len(results) - done,
        "after": rows[-1]["id"] if rows else job["after"],
        "status": "running" if more else "finished",
        "updated": now(),
    }
    await store.bulk_jobs.change(tx, [job], ["done", "left_", "after", "status", "updated"])
    return more


async def _find_changed_tags(tx: Transaction, job: Row, run_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return the option `tags` of each run for a job that undoes another one."""
    undone = _find_undone(job)
    if undone is None or not run_ids:
        return {}
    results = await store.bulk_results.find(tx, {"job_id": undone, "run_id": list(run_ids)})
    return {result["run_id"]: {"tags": result["tags"]} for result in results}


async def go_on(tx: Transaction, id_: UUID) -> BulkJobPage:
    """Act on the next runs of a job, and return it with its results, or raise `NotFound`."""
    await run_batch(tx, id_)
    return await get(tx, id_)


async def fail(tx: Transaction, id_: UUID, message: str) -> None:
    """End a job that cannot be continued, with the reason."""
    job = await store.bulk_jobs.get(tx, id_, lock=True)
    if job is not None and job["status"] == "running":
        await store.bulk_jobs.change(
            tx, [{**job, "status": "failed", "message": message, "updated": now()}], ["status", "message", "updated"]
        )


def _present(row: Row) -> BulkJob:
    return {
        "id": row["id"],
        "created": row["created"],
        "updated": row["updated"],
        "action": row["action"],
        "options": row["options"] or {},
        "query": row["query"],
        "status": row["status"],
        "message": row["message"],
        "total": row["total"],
        "done": row["done"],
        "left": row["left_"],
    }
