"""Why a flow run has not started, for each reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from prefect.types import now
from tests.server.route_client import RouteClient


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


async def deploy(call: RouteClient, **values: Any) -> str:
    flow_id = await call.flow()
    return (await call("POST", "/deployments/", {"name": "daily", "flow_id": flow_id, **values}))["id"]


async def in_pool(call: RouteClient, **values: Any) -> str:
    await call("POST", "/work_pools/", {"name": "pool", "type": "process"})
    await call("POST", "/work_pools/{name}/workers/heartbeat", {"name": "worker"}, name="pool")
    return await deploy(call, work_pool_name="pool", **values)


async def start(call: RouteClient, deployment_id: str, **values: Any) -> str:
    return (await call("POST", "/deployments/{id}/create_flow_run", values, id=deployment_id))["id"]


async def without_deployment(call: RouteClient) -> str:
    return await call.flow_run("SCHEDULED")


async def without_runner(call: RouteClient) -> str:
    return await start(call, await deploy(call))


async def for_later(call: RouteClient) -> str:
    due = {"scheduled_time": (now() + timedelta(hours=2.5)).isoformat()}
    return await start(call, await deploy(call), state={"type": "SCHEDULED", "state_details": due})


async def explain_paused_deployment(call: RouteClient) -> str:
    schedule = {"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"}
    deployment_id = await deploy(call, schedules=[{"schedule": schedule}], paused=True)
    await call("POST", "/deployments/{id}/schedule", {}, id=deployment_id)
    return (await call("POST", "/flow_runs/filter", {}))[0]["id"]


async def explain_paused_queue(call: RouteClient) -> str:
    deployment_id = await in_pool(call)
    await call("PATCH", "/work_pools/{pool}/queues/{name}", {"is_paused": True}, pool="pool", name="default")
    return await start(call, deployment_id)


async def behind_a_queue_limit(call: RouteClient) -> str:
    deployment_id = await in_pool(call)
    await call("PATCH", "/work_pools/{pool}/queues/{name}", {"concurrency_limit": 1}, pool="pool", name="default")
    holder = await start(call, deployment_id, name="holder")
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "PENDING"}}, id=holder)
    return await start(call, deployment_id)


async def behind_a_deployment_limit(call: RouteClient) -> str:
    deployment_id = await in_pool(call, concurrency_limit=1)
    holder = await start(call, deployment_id, name="holder")
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "PENDING"}}, id=holder)
    return await start(call, deployment_id)


async def behind_an_earlier_run_of_a_limited_deployment(call: RouteClient) -> str:
    deployment_id = await in_pool(call, concurrency_limit=1)
    await call("POST", "/work_pools/{name}/get_scheduled_flow_runs", {}, name="pool")
    await start(call, deployment_id)
    return await start(call, deployment_id)


async def add_run_in_unpolled_queue(call: RouteClient) -> str:
    return await start(call, await in_pool(call))


async def that_runs(call: RouteClient) -> str:
    return await call.flow_run("RUNNING")


async def that_has_ended(call: RouteClient) -> str:
    return await call.flow_run("COMPLETED")


@pytest.mark.parametrize(
    "make, reason, words",
    [
        (without_deployment, "no_deployment", "nothing starts it"),
        (without_runner, "no_runner", "the process that serves its deployment 'daily', which has never been there"),
        (for_later, "scheduled", "UTC, in 2 hours."),
        (explain_paused_deployment, "deployment_paused", "will not start: its deployment 'daily' is paused"),
        (explain_paused_queue, "queue_paused", "its work queue 'default' in the pool 'pool' is paused"),
        (behind_a_queue_limit, "queue_limit", "limit of 1 of its work queue 'default', which is held by 'holder'"),
        (behind_a_deployment_limit, "deployment_limit", "limit of 1 of its deployment 'daily', which is held by 'hol"),
        (
            behind_an_earlier_run_of_a_limited_deployment,
            "queued",
            "of its deployment that were due before it come first, 1",
        ),
        (add_run_in_unpolled_queue, "queue_not_polled", "'default' in the pool 'pool', which has never been polled"),
        (that_runs, "running", "has started"),
        (that_has_ended, "ended", "has ended: it is Completed"),
    ],
)
async def test_reason_is_named(
    make: Callable[[RouteClient], Awaitable[str]], reason: str, words: str, call: RouteClient
) -> None:
    answer = await call("GET", "/flow_runs/{id}/why", id=await make(call))
    assert answer["reason"] == reason
    assert words in answer["message"]
