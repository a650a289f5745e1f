"""Calling the API in tests: every answer is held to the schema that its operation documents."""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx
from pydantic import TypeAdapter

from prefect.server.routes import find_operation


class RouteClient:
    """The API of a server, for tests.

    Args:
        client: A client whose base is the API.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def __call__(self, method: str, route: str, body: Any = None, status: int | None = None, **path: Any) -> Any:
        """Send a request and return its answer's JSON.

        Args:
            method: The HTTP method.
            route: The path as the API declares it, for instance `"/flow_runs/{id}"`.
            body: The JSON of the body.
            status: The status that is expected; any that says success if None.
            path: The fields of the path; others are the query's.
        """
        code, answer = await self.send(method, route, body, **path)
        assert code == status if status else code < 300, (method, route, code, answer)
        return answer

    async def send(self, method: str, route: str, body: Any = None, **path: Any) -> tuple[int, Any]:
        """Send a request and return the status and the JSON of its answer."""
        query = {name: value for name, value in path.items() if f"{{{name}}}" not in route}
        response = await self.client.request(method, route.format(**path), json=body, params=query or None)
        if response.headers.get("content-type") != "application/json":
            return response.status_code, response.text or None
        answer = response.json()
        if response.status_code < 300:
            assert_matches_schema(method, route, answer)
        return response.status_code, answer

    async def flow(self, name: str = "etl", **values: Any) -> str:
        """Create a flow and return its id."""
        return (await self("POST", "/flows/", {"name": name, **values}))["id"]

    async def flow_run(self, type_: str | None = "RUNNING", **values: Any) -> str:
        """Create a flow run, of the flow `etl` unless another is state, and return its id."""
        flow_id = values.pop("flow_id", None) or await self.flow()
        state = {"state": {"type": type_}} if type_ else {}
        return (await self("POST", "/flow_runs/", {"flow_id": flow_id, **state, **values}))["id"]

    async def task_run(self, flow_run_id: str | None, key: str = "0", **values: Any) -> str:
        """Create a task run and return its id."""
        place = {"task_key": "t", "dynamic_key": key, "flow_run_id": flow_run_id}
        return (await self("POST", "/task_runs/", {**place, **values}))["id"]

    async def set_state(self, kind: str, id_: str, type_: str, force: bool = False, **state: Any) -> tuple[int, Any]:
        """Ask for a state of a `"flow"` or a `"task"` run."""
        body = {"state": {"type": type_, **state}, "force": force}
        return await self.send("POST", f"/{kind}_runs/{{id}}/set_state", body, id=id_)


@cache
def _adapter(method: str, route: str) -> TypeAdapter[Any]:
    return TypeAdapter(find_operation(method, route).response_type)


def assert_matches_schema(method: str, route: str, answer: Any) -> None:
    """Fail unless an answer has exactly the fields that its operation documents, with values of their types."""
    if find_operation(method, route).response_type in (None, Any):
        return
    adapter = _adapter(method, route)
    whole = adapter.dump_python(adapter.validate_python(answer), mode="json")
    _same_fields(whole, answer, f"{method} {route}")


def _same_fields(documented: Any, answer: Any, where: str) -> None:
    if isinstance(documented, dict) and isinstance(answer, dict):
        assert set(documented) == set(answer), f"{where}: {set(documented) ^ set(answer)}"
        for name, value in documented.items():
            _same_fields(value, answer[name], f"{where}.{name}")
    elif isinstance(documented, list) and isinstance(answer, list):
        for position, (one, other) in enumerate(zip(documented, answer, strict=True)):
            _same_fields(one, other, f"{where}[{position}]")
