"""The health of a runner over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

import uvicorn
from fastapi import FastAPI, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from prefect import settings
from prefect._io import drive
from prefect.types import now

__all__ = ["build_server", "perform_health_check", "run_count", "shutdown", "start_webserver"]

RunnableEndpoint: TypeAlias = Literal["deployment", "flow", "task"]
"""The kinds of objects that a request may run."""


class Runner(Protocol):
    """The facts of a runner that its server shows."""

    query_seconds: float
    last_polled: datetime | None

    @property
    def run_count(self) -> int: ...
    async def astop(self) -> None: ...


class RunnerGenericFlowRunRequest(BaseModel):
    """A request to run a flow."""

    entrypoint: str
    parameters: dict[str, Any] | None = None
    parent_task_run_id: UUID | None = None


def perform_health_check(runner: Runner, delay_threshold: int | None = None) -> Callable[..., JSONResponse]:
    """Return the handler of a request for the runner's health: 503 when it has not asked for runs for too long.

    Args:
        runner: The runner.
        delay_threshold: Seconds that may pass between two polls for runs; as the settings say if None.
    """
    if delay_threshold is None:
        tolerance = settings.get_current_settings().runner.server.missed_polls_tolerance
        delay_threshold = int(runner.query_seconds * tolerance)

    def check_health() -> JSONResponse:
        polled = runner.last_polled
        delay = 0.0 if polled is None else (now() - polled).total_seconds()
        if delay > delay_threshold:
            return JSONResponse(
                {"message": f"The runner has not asked for runs for {delay:.0f} seconds."},
                status.HTTP_503_SERVICE_UNAVAILABLE,
            )
        return JSONResponse({"message": "OK"})

    return check_health


def run_count(runner: Runner) -> Callable[..., int]:
    """Return the handler of a request for the number of flow runs under way."""
    return lambda: runner.run_count


def shutdown(runner: Runner) -> Callable[..., JSONResponse]:
    """Return the handler of a request to stop the runner."""

    def stop() -> JSONResponse:
        drive(runner.astop())
        return JSONResponse({"message": "The runner stops."})

    return stop


async def build_server(runner: Runner) -> FastAPI:
    """Return the application: `GET /health`, `GET /run_count` and `POST /shutdown`."""
    app = FastAPI(title="Prefect Runner", openapi_url=None)
    app.add_api_route("/health", perform_health_check(runner), methods=["GET"], response_model=None)
    app.add_api_route("/run_count", run_count(runner), methods=["GET"], response_model=None)
    app.add_api_route("/shutdown", shutdown(runner), methods=["POST"], response_model=None)
    return app


def create_webserver(runner: Runner, log_level: str | None = None) -> uvicorn.Server:
    """Return the server of the application, on the address of the settings."""
    options = settings.get_current_settings().runner.server
    app = drive(build_server(runner))
    level = (log_level or options.log_level).lower()
    return uvicorn.Server(uvicorn.Config(app, host=options.host, port=options.port, log_level=level, lifespan="off"))


def start_webserver(runner: Runner, log_level: str | None = None) -> None:
    """Serve the runner's health, in this thread, until the process ends."""
    create_webserver(runner, log_level).run()
