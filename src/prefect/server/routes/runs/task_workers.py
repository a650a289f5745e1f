"""Task workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from annotated_types import Ge, Le

from prefect.schemas.wire.runs import TaskWorkerFilter, TaskWorkerResponse
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import Body, RequestInfo, Routes
from prefect.server.routes.runs import run_waiting
from prefect.server.services.runs import background_tasks

routes = Routes("Task Workers", "/task_workers")


@routes.reads("POST", "/filter", list[TaskWorkerResponse])
async def read_task_workers(tx: Transaction, task_worker_filter: Body[TaskWorkerFilter | None] = None) -> Any:
    """Return the connected task workers; with a filter, those that run one of its tasks."""
    return await background_tasks.find_workers(tx, task_worker_filter and task_worker_filter.task_keys)


Seconds: TypeAlias = Annotated[float, Ge(1), Le(3600)]


@routes.writes("POST", "/claim", Any, requires=Permission.WORK, documented=False)
async def claim_task_run(
    tx: Transaction, request: RequestInfo, worker: Body[str], task_keys: Body[list[str]], lease_seconds: Body[Seconds]
) -> Any:
    """Claim the next due run of these tasks; null when none waits. `Prefer: wait=20` waits for one."""
    return await run_waiting.claim(tx, request, worker, task_keys, timedelta(seconds=lease_seconds))


@routes.writes("POST", "/renew", list[UUID], requires=Permission.WORK, documented=False)
async def renew_task_run_claims(
    tx: Transaction, worker: Body[str], task_run_ids: Body[list[UUID]], lease_seconds: Body[Seconds]
) -> Any:
    """Renew the claims of a worker, and return the runs whose claim it has lost."""
    return await background_tasks.renew_claims(tx, worker, task_run_ids, timedelta(seconds=lease_seconds))


@routes.writes("POST", "/release", list[UUID], requires=Permission.WORK, documented=False)
async def release_task_run_claims(tx: Transaction, worker: Body[str], task_run_ids: Body[list[UUID]]) -> Any:
    """End the claims of a worker on finished runs, and return the runs whose end has been recorded."""
    return await background_tasks.end_claims(tx, worker, task_run_ids)
