"""Work pools, their queues and workers over the API."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.server.path_client import PathClient

TEMPLATE = {
    "job_configuration": {"command": "{{ command }}"},
    "variables": {"type": "object", "properties": {"command": {"type": "string"}}},
}


@pytest.fixture
def ask(api: httpx.AsyncClient) -> PathClient:
    return PathClient(api)


async def pool(ask: PathClient, name: str = "pool", **more: Any) -> dict[str, Any]:
    return await ask.post("/work_pools/", {"name": name, "type": "process", **more}, 201)


async def priorities(ask: PathClient) -> list[tuple[str, int]]:
    return [(queue["name"], queue["priority"]) for queue in await ask.post("/work_pools/pool/queues/filter")]


class TestDefaultPool:
    async def test_is_created_once_by_concurrent_requests(self, ask: PathClient) -> None:
        queues = [ask.post("/work_queues/", {"name": f"q{number}"}, 201) for number in range(6)]
        made = await asyncio.gather(*queues)
        assert {queue["work_pool_name"] for queue in made} == {"default-agent-pool"}
        assert await ask.post("/work_pools/count") == 1


class TestPools:
    async def test_pool_has_a_default_queue(self, ask: PathClient) -> None:
        made = await pool(ask)
        assert made["status"] == "NOT_READY"
        assert made["active_slots"] is None
        queues = await ask.post("/work_pools/pool/queues/filter")
        assert [(queue["id"], queue["name"]) for queue in queues] == [(made["default_queue_id"], "default")]
        assert await ask.get("/work_pools/pool") == made

    async def test_duplicate_name_is_refused(self, ask: PathClient) -> None:
        await pool(ask)
        await ask.post("/work_pools/", {"name": "pool"}, 409)
        await ask.post("/work_pools/", {"name": "Prefect-mine"}, 403)
        await ask.post("/work_pools/", {"name": "a/b"}, 422)

    async def test_template_must_declare_its_variables(self, ask: PathClient) -> None:
        await pool(ask, base_job_template=TEMPLATE)
        undeclared = {**TEMPLATE, "job_configuration": {"command": "{{ other }}"}}
        for wrong in ({"command": 1}, undeclared):
            await ask.patch("/work_pools/pool", {"base_job_template": wrong}, 422)
        assert (await ask.get("/work_pools/pool"))["base_job_template"] == TEMPLATE

    async def test_missing_objects_are_not_found(self, ask: PathClient) -> None:
        await ask.get("/work_pools/none", 404)
        await ask.patch("/work_pools/none", {"is_paused": True}, 404)
        await ask.delete("/work_pools/none", 404)

    async def test_pausing_changes_the_status(self, ask: PathClient) -> None:
        await pool(ask)
        await ask.post("/work_pools/pool/workers/heartbeat", {"name": "me"})
        await ask.patch("/work_pools/pool", {"is_paused": True})
        assert (await ask.get("/work_pools/pool"))["status"] == "PAUSED"
        await ask.patch("/work_pools/pool", {"is_paused": False})
        assert (await ask.get("/work_pools/pool"))["status"] == "READY"

    async def test_filter_selects_pools(self, ask: PathClient) -> None:
        for name, type_ in (("b", "process"), ("a", "docker"), ("c", "process")):
            await pool(ask, name, type=type_)
        of_type = {"work_pools": {"type": {"any_": ["process"]}}}
        assert [found["name"] for found in await ask.post("/work_pools/filter", of_type)] == ["b", "c"]
        assert [found["name"] for found in await ask.post("/work_pools/filter", {"limit": 1, "offset": 1})] == ["b"]
        assert await ask.post("/work_pools/count", of_type) == 2
        await ask.post("/work_pools/filter", {"limit": 201}, 422)

    async def test_remove_keeps_runs_and_deployments(self, ask: PathClient) -> None:
        await pool(ask)
        flow = await ask.post("/flows/", {"name": "flow"})
        deployment = await ask.post(
            "/deployments/", {"name": "d", "flow_id": flow["id"], "work_pool_name": "pool"}, 201
        )
        run = await ask.post(f"/deployments/{deployment['id']}/create_flow_run", status=201)
        await ask.delete("/work_pools/pool")
        await ask.get("/work_pools/pool", 404)
        assert (await ask.get(f"/deployments/{deployment['id']}"))["work_queue_id"] is None
        assert (await ask.get(f"/flow_runs/{run['id']}"))["work_pool_name"] is None

    async def test_changes_emit_events(self, ask: PathClient) -> None:
        made = await pool(ask)
        await ask.post("/work_pools/pool/workers/heartbeat", {"name": "me"})
        await ask.patch("/work_pools/pool", {"is_paused": True})
        await ask.patch("/work_pools/pool", {"concurrency_limit": 3})
        await ask.delete("/work_pools/pool")
        events = await ask.events("prefect.work-pool", "prefect.work-queue")
        assert [event["event"].removeprefix("prefect.work-") for event in events] == [
            "queue.created",
            "pool.created",
            "pool.not-ready",
            "pool.ready",
            "pool.paused",
            "pool.updated",
            "queue.deleted",
            "pool.deleted",
        ]
        by_name = {event["event"]: event for event in events}
        assert by_name["prefect.work-pool.created"]["resource"] == {
            "prefect.resource.id": f"prefect.work-pool.{made['id']}",
            "prefect.resource.name": "pool",
            "prefect.resource.role": "work-pool",
            "prefect.work-pool.type": "process",
        }
        assert by_name["prefect.work-pool.ready"]["follows"] == by_name["prefect.work-pool.not-ready"]["id"]
        assert by_name["prefect.work-pool.updated"]["payload"] == {
            "updated_fields": ["concurrency_limit"],
            "updates": {"concurrency_limit": {"from": None, "to": 3}},
        }


class TestQueues:
    async def test_duplicate_priority_shifts_the_other_queue(self, ask: PathClient) -> None:
        await pool(ask)
        await ask.post("/work_pools/pool/queues", {"name": "second"}, 201)
        await ask.post("/work_pools/pool/queues", {"name": "first", "priority": 1}, 201)
        assert await priorities(ask) == [("first", 1), ("default", 2), ("second", 3)]
        await ask.post("/work_pools/pool/queues", {"name": "ninth", "priority": 9}, 201)
        await ask.post("/work_pools/pool/queues", {"name": "free"}, 201)
        await ask.patch("/work_pools/pool/queues/free", {"priority": 2})
        assert await priorities(ask) == [("first", 1), ("free", 2), ("default", 3), ("second", 4), ("ninth", 9)]
        await ask.patch("/work_pools/pool/queues/first", {"priority": 9})
        assert await priorities(ask) == [("free", 2), ("default", 3), ("second", 4), ("first", 9), ("ninth", 10)]

    async def test_duplicate_name_is_refused(self, ask: PathClient) -> None:
        await pool(ask)
        await ask.post("/work_pools/pool/queues", {"name": "queue"}, 201)
        await ask.post("/work_pools/pool/queues", {"name": "queue"}, 409)
        await ask.patch("/work_pools/pool/queues/queue", {"name": "default"}, 409)
        await ask.post("/work_pools/none/queues", {"name": "queue"}, 404)

    async def test_simultaneous_ensure_returns_one_queue(self, ask: PathClient) -> None:
        await pool(ask)
        flow = await ask.post("/flows/", {"name": "flow"})
        body = {"name": "d", "flow_id": flow["id"], "work_pool_name": "pool"}
        deployment = await ask.post("/deployments/", body)
        start, named = f"/deployments/{deployment['id']}/create_flow_run", {"work_queue_name": "new"}
        runs = await asyncio.gather(*(ask.post(start, named) for _ in range(8)))
        made = await ask.get("/work_pools/pool/queues/new")
        assert {run["work_queue_id"] for run in runs} == {made["id"]}
        assert await priorities(ask) == [("default", 1), ("new", 2)]

    async def test_default_queue_cannot_be_removed(self, ask: PathClient) -> None:
        await pool(ask)
        await ask.delete("/work_pools/pool/queues/default", 409)
        await ask.post("/work_pools/pool/queues", {"name": "queue"}, 201)
        await ask.delete("/work_pools/pool/queues/queue")
        await ask.get("/work_pools/pool/queues/queue", 404)

    async def test_pausing_changes_the_status(self, ask: PathClient) -> None:
        await pool(ask)
        await ask.patch("/work_pools/pool/queues/default", {"is_paused": True})
        assert (await ask.get("/work_pools/pool/queues/default"))["status"] == "PAUSED"
        await ask.patch("/work_pools/pool/queues/default", {"is_paused": False})
        assert (await ask.get("/work_pools/pool/queues/default"))["status"] == "NOT_READY"
        await ask.post("/work_pools/pool/get_scheduled_flow_runs")
        assert (await ask.get("/work_pools/pool/queues/default"))["status"] == "READY"

    async def test_queue_without_a_pool_is_in_the_default_pool(self, ask: PathClient) -> None:
        queue = await ask.post("/work_queues/", {"name": "mine"}, 201)
        assert queue["work_pool_name"] == "default-agent-pool"
        assert (await ask.get("/work_queues/name/mine"))["id"] == queue["id"]
        await ask.post("/work_queues/", {"name": "mine"}, 409)
        assert (await ask.get("/work_pools/default-agent-pool"))["status"] is None
        await ask.patch(f"/work_queues/{queue['id']}", {"concurrency_limit": 2, "description": "two"})
        assert (await ask.get(f"/work_queues/{queue['id']}"))["active_slots"] == 0
        found = await ask.post("/work_queues/filter", {"work_queues": {"name": {"startswith_": ["mi", "x"]}}})
        assert [found["name"] for found in found] == ["mine"]
        assert (await ask.get(f"/work_queues/{queue['id']}/status"))["healthy"] is False
        await ask.post(f"/work_queues/{queue['id']}/get_runs")
        assert (await ask.get(f"/work_queues/{queue['id']}/status"))["healthy"] is True
        await ask.delete(f"/work_queues/{queue['id']}")
        await ask.get(f"/work_queues/{queue['id']}", 404)


class TestWorkers:
    async def test_heartbeat_makes_worker_and_pool_ready(self, ask: PathClient) -> None:
        await pool(ask)
        await ask.post("/work_pools/pool/workers/heartbeat", {"name": "a", "heartbeat_interval_seconds": 5}, 204)
        await ask.post("/work_pools/pool/workers/heartbeat", {"name": "b"}, 204)
        await ask.post("/work_pools/pool/workers/heartbeat", {"name": "a"}, 204)
        found = await ask.post("/work_pools/pool/workers/filter")
        assert [(worker["name"], worker["heartbeat_interval_seconds"]) for worker in found] == [("a", 5), ("b", None)]
        assert {worker["status"] for worker in found} == {"ONLINE"}
        assert (await ask.get("/work_pools/pool"))["status"] == "READY"
        assert await ask.post("/work_pools/pool/workers/filter", {"workers": {"status": {"any_": ["OFFLINE"]}}}) == []

    async def test_missing_objects_are_not_found(self, ask: PathClient) -> None:
        await ask.post("/work_pools/none/workers/heartbeat", {"name": "a"}, 404)
        await pool(ask)
        await ask.delete("/work_pools/pool/workers/a", 404)
        await ask.post("/work_pools/pool/workers/heartbeat", {"name": "a"}, 204)
        await ask.delete("/work_pools/pool/workers/a")
        assert await ask.post("/work_pools/pool/workers/filter") == []
