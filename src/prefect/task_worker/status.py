"""The HTTP server that shows the status of a task worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from prefect.task_worker.worker import TaskWorker


def create_status_server(task_worker: TaskWorker) -> FastAPI:
    """Return an application whose `/status` shows a worker, its limit and its runs."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/status")
    def status() -> dict[str, Any]:
        return {
            "client_id": task_worker.client_id,
            "started_at": task_worker.started_at and task_worker.started_at.isoformat(),
            "stopping": task_worker.stopping,
            "limit": task_worker.limit,
            "current": task_worker.current_tasks,
            "available": task_worker.available_tasks,
            "tasks": sorted(task_worker.task_keys),
            "finished": task_worker.finished_task_runs,
            "in_flight": {
                key: {str(id_): since.isoformat() for id_, since in runs.items()}
                for key, runs in task_worker.in_flight_task_runs.items()
            },
        }

    return app
