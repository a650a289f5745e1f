"""The HTTP server that shows the status of a task worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.types import now

if TYPE_CHECKING:
    from fastapi import FastAPI

    from prefect.task_worker.worker import TaskWorker


def create_status_server(task_worker: TaskWorker) -> FastAPI:
    """Return an application whose `/status` shows a worker, its limit and its runs."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/status")
    def status() -> dict[str, Any]:
        running = task_worker.current_tasks
        return {
            "client_id": task_worker.client_id,
            "started_at": task_worker.started_at and task_worker.started_at.isoformat(),
            "limit": task_worker.limit,
            "current_tasks": running,
            "available_tasks": task_worker.available_tasks,
            "in_flight_task_runs": {
                key: {str(id_): (now() - since).total_seconds() for id_, since in runs.items()}
                for key, runs in task_worker.in_flight_task_runs.items()
            },
            "finished_task_runs": task_worker.finished_task_runs,
            "tasks": sorted(task_worker.task_keys),
        }

    return app
