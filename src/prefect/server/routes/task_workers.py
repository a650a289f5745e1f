"""Task workers."""

from __future__ import annotations

from typing import Any

from prefect.schemas.wire.runs import TaskWorkerFilter, TaskWorkerResponse
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import Body, Routes
from prefect.server.services.runs import background_tasks

routes = Routes("Task Workers", "/task_workers")


@routes.reads("POST", "/filter", list[TaskWorkerResponse])
async def read_task_workers(tx: Transaction, task_worker_filter: Body[TaskWorkerFilter | None] = None) -> Any:
    """Return the connected task workers; with a filter, those that run one of its tasks."""
    return await background_tasks.find_workers(tx, task_worker_filter and task_worker_filter.task_keys)
