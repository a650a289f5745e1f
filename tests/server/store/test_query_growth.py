"""No list asks the database more often because there is more to list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from prefect.types import now
from tests.server.transactions import replace_method

LISTS = [
    *("/flows/filter", "/flows/paginate", "/flow_runs/filter", "/flow_runs/paginate", "/task_runs/filter"),
    *("/task_runs/paginate", "/deployments/filter", "/deployments/paginate", "/work_pools/filter"),
    *("/work_queues/filter", "/artifacts/filter", "/artifacts/latest/filter", "/variables/filter", "/logs/filter"),
    *("/block_types/filter", "/block_schemas/filter", "/block_documents/filter", "/concurrency_limits/filter"),
    *("/v2/concurrency_limits/filter", "/saved_searches/filter", "/automations/filter", "/events/filter"),
    *("/flows/count", "/flow_runs/count", "/flow_runs/lateness", "/ui/task_runs/count"),
]
"""Operations that take an empty body."""


async def post(api: httpx.AsyncClient, path: str, body: Any) -> Any:
    response = await api.post(path, json=body)
    assert response.is_success, (path, response.text)
    return response.json() if response.content else None


async def some(api: httpx.AsyncClient, number: int, parent: str | None) -> str:
    """One more of everything; returns the id of the flow run that all task runs belong to."""
    name = f"n{number}"
    flow_id = (await post(api, "/flows/", {"name": name}))["id"]
    await post(api, "/work_pools/", {"name": name, "type": "process"})
    await post(api, f"/work_pools/{name}/queues", {"name": "more"})
    await post(api, f"/work_pools/{name}/workers/heartbeat", {"name": name})
    deployment = {"name": name, "flow_id": flow_id, "work_pool_name": name, "tags": [name], "concurrency_limit": 3}
    schedules = [{"schedule": {"interval": 3600, "timezone": "UTC"}}]
    deployed = await post(api, "/deployments/", {**deployment, "schedules": schedules})
    run = await post(api, f"/deployments/{deployed['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    first: str = parent or run["id"]
    place = {"task_key": "t", "dynamic_key": name, "flow_run_id": first, "state": {"type": "RUNNING"}}
    task_run = (await post(api, "/task_runs/", place))["id"]
    await post(api, "/flow_runs/", {"flow_id": flow_id, "parent_task_run_id": task_run})
    log = {"name": "x", "level": 20, "message": name, "timestamp": now().isoformat(), "flow_run_id": run["id"]}
    await post(api, "/logs/", [log])
    await post(api, "/artifacts/", {"key": name, "flow_run_id": first, "task_run_id": task_run})
    await post(api, "/variables/", {"name": name, "value": 1})
    await api.put("/saved_searches/", json={"name": name})
    await post(api, "/concurrency_limits/", {"tag": name, "concurrency_limit": 1})
    await post(api, "/v2/concurrency_limits/", {"name": name, "limit": 1})
    await _block(api, name)
    return first


async def _block(api: httpx.AsyncClient, name: str) -> None:
    """A block with another one inside, of two types of their own."""

    async def block(named: str, schema: dict[str, Any], data: dict[str, Any]) -> str:
        kind = (await post(api, "/block_types/", {"name": named, "slug": named}))["id"]
        fields = {"title": named, "type": "object", "block_type_slug": named, "block_schema_references": {}, **schema}
        schema_id = (await post(api, "/block_schemas/", {"fields": fields, "block_type_id": kind}))["id"]
        body = {"name": named, "data": data, "block_type_id": kind, "block_schema_id": schema_id}
        return (await post(api, "/block_documents/", body))["id"]

    inner = await block(f"{name}-inner", {"properties": {"x": {"type": "integer"}}}, {"x": 1})
    await block(
        f"{name}-outer",
        {"properties": {"inner": {"type": "object"}}},
        {"inner": {"$ref": {"block_document_id": inner}}},
    )


async def queries(api: httpx.AsyncClient, counted: list[str], parent: str) -> dict[str, int]:
    """How many queries each list takes."""
    span = {"history_start": (now() - timedelta(hours=1)).isoformat(), "history_end": now().isoformat()}
    history = {**span, "history_interval_seconds": 60}
    requests: list[tuple[str, str, Any]] = [("POST", route, {}) for route in LISTS]
    requests += [("POST", "/events/count-by/event", {"filter": {}})]
    requests += [("POST", "/flow_runs/history", history), ("POST", "/task_runs/history", history)]
    requests += [("GET", f"/flow_runs/{parent}/{graph}", None) for graph in ("graph", "graph-v2")]
    requests += [("POST", "/work_pools/n0/queues/filter", {}), ("POST", "/work_pools/n0/workers/filter", {})]
    requests += [("POST", "/work_pools/n0/get_scheduled_flow_runs", {})]
    flows = [flow["id"] for flow in await post(api, "/flows/filter", {})]
    requests += [("POST", f"/ui/flows/{what}", {"flow_ids": flows}) for what in ("count-deployments", "next-runs")]
    found: dict[str, int] = {}
    for method, path, body in requests:
        counted.clear()
        response = await api.request(method, path, json=body)
        assert response.status_code == 200, (path, response.text)
        found[path] = len(counted)
    return found


async def test_number_of_queries_does_not_grow_with_rows(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []

    def count_before(fetch: Any) -> Any:
        async def counting(self: Any, sql: Any) -> Any:
            counted.append(sql.text)
            return await fetch(self, sql)

        return counting

    replace_method(monkeypatch, "fetch", count_before)
    parent = await some(api, 0, None)
    await some(api, 1, parent)
    await queries(api, counted, parent)  # a pool that is polled for the first time becomes ready
    few = await queries(api, counted, parent)
    for number in range(2, 8):
        await some(api, number, parent)
    assert all(few.values())
    assert await queries(api, counted, parent) == few
