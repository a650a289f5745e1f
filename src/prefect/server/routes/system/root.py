"""Health, readiness and version of the server."""

from __future__ import annotations

from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Routes, StatusResponse
from prefect.server.services.core import reading
from prefect.server.services.upkeep import startup

routes = Routes("Root")


@routes.reads("GET", "/health", bool, uses_database=False)
async def health_check(tx: Transaction) -> bool:
    """Respond while the process is up, whether or not the database is."""
    return True


@routes.reads("GET", "/hello", str, uses_database=False)
async def hello(tx: Transaction) -> str:
    """Return a greeting."""
    return "👋"


@routes.reads("GET", "/version", str, uses_database=False)
async def server_version(tx: Transaction) -> str:
    """Return the version of the REST API."""
    return startup.API_VERSION


@routes.reads("GET", "/ready", Any, timeout_seconds=5.0)
async def perform_readiness_check(tx: Transaction) -> Any:
    """Check that the database answers; status 503 when it does not."""
    if await reading.is_database_reachable(tx):
        return {"message": "OK"}
    return StatusResponse(503, {"message": "Database is not available"})
