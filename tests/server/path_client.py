"""Requests to the API by their paths as they are sent; answers are held to their schemas."""

from __future__ import annotations

from typing import Any

import httpx

from prefect.server.routes import list_operations
from prefect.server.routes.core.operation import Operation
from tests.server.route_client import assert_matches_schema


class PathClient:
    """A client of the API for tests.

    Args:
        client: The client that sends.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        """Send a request, and return its answer.

        Args:
            method: The HTTP method.
            path: The path below the API.
            body: The body's JSON.
            status: The status to expect; any success if None.
        """
        response = await self.client.request(method, path, json=body)
        assert response.is_success if status is None else response.status_code == status, response.text
        if not response.is_success or not response.content:
            return response.json() if response.content else None
        answer = response.json()
        assert_matches_schema(method, _operation(method, path).route, answer)
        return answer

    async def post(self, path: str, body: Any = None, status: int | None = None) -> Any:
        return await self("POST", path, {} if body is None else body, status)

    async def get(self, path: str, status: int | None = None) -> Any:
        return await self("GET", path, None, status)

    async def patch(self, path: str, body: Any, status: int = 204) -> Any:
        return await self("PATCH", path, body, status)

    async def delete(self, path: str, status: int = 204) -> Any:
        return await self("DELETE", path, None, status)

    async def events(self, *prefixes: str) -> list[dict[str, Any]]:
        """The events whose names begin so, oldest first."""
        ever = {"since": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
        criteria = {"order": "ASC", "event": {"prefix": list(prefixes)}, "occurred": ever}
        return (await self.post("/events/filter", {"filter": criteria, "limit": 50}))["events"]


def _operation(method: str, path: str) -> Operation:
    parts = path.strip("/").split("/")
    fitting = [operation for operation in list_operations() if operation.method == method and _fits(operation, parts)]
    # As when paths are tried: one without fields goes before one with.
    return min(fitting, key=lambda operation: operation.path.count("{"))


def _fits(operation: Operation, parts: list[str]) -> bool:
    declared = operation.route.strip("/").split("/")
    return len(declared) == len(parts) and all(
        name.startswith("{") or name == part for name, part in zip(declared, parts, strict=True)
    )
