"""Jobs of the web page that act on many flow runs. They are not part of the interface."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, Routes
from prefect.server.services.bulk import jobs
from prefect.server.services.bulk.actions import Action

routes = Routes("Bulk", "/ui/bulk")


@routes.writes("POST", "/runs", jobs.BulkJob, documented=False)
async def act_on_many_runs(
    tx: Transaction,
    action: Body[Action],
    q: Body[str] = "",
    ids: Body[list[UUID] | None] = None,
    options: Body[dict[str, Any] | None] = None,
) -> Any:
    """Create a job that acts on the flow runs that match a query, or on selected ones."""
    return await jobs.add(tx, action, q, ids, options or {})


@routes.reads("GET", "/runs", list[jobs.BulkJob], documented=False, etag=True)
async def read_bulk_jobs(tx: Transaction) -> Any:
    """Return the latest jobs."""
    return await jobs.find_latest(tx)


@routes.reads("GET", "/runs/count", int, documented=False)
async def count_runs_of_query(tx: Transaction, q: str) -> Any:
    """Return how many flow runs a job on a query would act on."""
    return await jobs.count(tx, q)


@routes.writes("POST", "/runs/{id:uuid}/batch", jobs.BulkJobPage, documented=False)
async def run_batch_of_bulk_job(tx: Transaction, id: UUID) -> Any:
    """Run the next batch of a job immediately, as the loop of a server does: a home without a server has no loops."""
    return await jobs.go_on(tx, id)


@routes.reads("GET", "/runs/{id:uuid}", jobs.BulkJobPage, documented=False, etag=True)
async def read_bulk_job(tx: Transaction, id: UUID) -> Any:
    """Return a job with its results."""
    return await jobs.get(tx, id)


@routes.writes("POST", "/runs/{id:uuid}/undo", jobs.BulkJob, documented=False)
async def undo_bulk_job(tx: Transaction, id: UUID) -> Any:
    """Start a job that undoes the changes of tags that another job made."""
    return await jobs.undo(tx, id)


@routes.writes("POST", "/runs/{id:uuid}/stop", jobs.BulkJob, documented=False)
async def stop_bulk_job(tx: Transaction, id: UUID) -> Any:
    """Stop a job after its present batch."""
    return await jobs.stop(tx, id)
