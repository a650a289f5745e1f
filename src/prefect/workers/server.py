"""The HTTP server of a worker's health: `GET /health` answers 200 as long as the worker polls for flow runs."""

from __future__ import annotations

from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from prefect.settings import get_current_settings


class PollingWorker(Protocol):
    """A worker, of which only its health matters here."""

    def is_worker_still_polling(self, query_interval_seconds: float) -> bool:
        """Return whether the worker polls for flow runs."""
        ...


def build_healthcheck_server(
    worker: PollingWorker, query_interval_seconds: float, log_level: str = "error"
) -> uvicorn.Server:
    """Return the server of a worker's health, at the address of the settings `worker.webserver`.

    Args:
        worker: The worker.
        query_interval_seconds: Seconds between the worker's polls for flow runs.
        log_level: The level of what the server logs.
    """

    def check_health(request: Request) -> JSONResponse:
        if worker.is_worker_still_polling(query_interval_seconds=query_interval_seconds):
            return JSONResponse({"message": "OK"})
        return JSONResponse({"message": "Worker may be unresponsive at this time"}, 503)

    webserver = get_current_settings().worker.webserver
    app = Starlette(routes=[Route("/health", check_health, methods=["GET"])])
    config = uvicorn.Config(app, host=webserver.host, port=webserver.port, log_level=log_level)
    return uvicorn.Server(config)


def start_healthcheck_server(worker: PollingWorker, query_interval_seconds: float, log_level: str = "error") -> None:
    """Serve a worker's health until the process ends; arguments as for `build_healthcheck_server`."""
    build_healthcheck_server(worker, query_interval_seconds, log_level).run()
