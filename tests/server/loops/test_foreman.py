"""Foreman loop: workers without heartbeats, then pools, queues and deployments that no worker polls any more."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import httpx
import pytest

from prefect.server.bus import Bus
from prefect.server.db.interface import Database
from prefect.server.loops import Environment, sweeps
from prefect.settings import get_current_settings
from prefect.types import UTC
from tests.server.clock import Clock
from tests.server.path_client import PathClient


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, datetime(2026, 5, 1, 12, tzinfo=UTC))


async def look(database: Database) -> None:
    await sweeps.mark_silent(Environment(database, Bus(), get_current_settings()))


async def statuses(ask: PathClient) -> dict[str, str]:
    workers = await ask.post("/work_pools/pool/workers/filter")
    return {
        **{worker["name"]: worker["status"] for worker in workers},
        "pool": (await ask.get("/work_pools/pool"))["status"],
        "queue": (await ask.get("/work_pools/pool/queues/default"))["status"],
        "deployment": (await ask.get("/deployments/name/flow/d"))["status"],
    }


async def test_foreman_marks_each_object_not_ready_after_its_timeout(
    api: httpx.AsyncClient, database: Database, clock: Clock
) -> None:
    ask = PathClient(api)
    await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
    flow = await ask.post("/flows/", {"name": "flow"})
    await ask.post("/deployments/", {"name": "d", "flow_id": flow["id"], "work_pool_name": "pool"}, 201)
    heartbeat = "/work_pools/pool/workers/heartbeat"
    await ask.post(heartbeat, {"name": "quick", "heartbeat_interval_seconds": 5}, 204)
    await ask.post(heartbeat, {"name": "usual"}, 204)
    await ask.post("/work_pools/pool/get_scheduled_flow_runs")
    alive = {"quick": "ONLINE", "usual": "ONLINE", "pool": "READY", "queue": "READY", "deployment": "READY"}
    assert await statuses(ask) == alive

    clock.advance(seconds=15)
    await look(database)
    assert await statuses(ask) == alive
    clock.advance(seconds=1)
    await look(database)
    assert await statuses(ask) == {**alive, "quick": "OFFLINE"}
    clock.advance(seconds=45)
    await look(database)
    silent = {"queue": "NOT_READY", "deployment": "NOT_READY"}
    assert await statuses(ask) == {**alive, "quick": "OFFLINE", **silent}
    clock.advance(seconds=30)
    await look(database)
    assert set((await statuses(ask)).values()) == {"OFFLINE", "NOT_READY"}

    events = [
        event["event"]
        for event in await ask.events("prefect.work-", "prefect.deployment.")
        if "ready" in event["event"]
    ]
    assert events[-3:] == [
        "prefect.work-queue.not-ready",
        "prefect.deployment.not-ready",
        "prefect.work-pool.not-ready",
    ]
    await ask.post(heartbeat, {"name": "quick"}, 204)
    await ask.post("/work_pools/pool/get_scheduled_flow_runs")
    assert await statuses(ask) == {**alive, "usual": "OFFLINE"}


async def test_foreman_leaves_paused_objects_paused(api: httpx.AsyncClient, database: Database, clock: Clock) -> None:
    ask = PathClient(api)
    await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
    await ask.post("/work_pools/pool/workers/heartbeat", {"name": "me"}, 204)
    await ask.patch("/work_pools/pool", {"is_paused": True})
    await ask.patch("/work_pools/pool/queues/default", {"is_paused": True})
    clock.advance(hours=1)
    await look(database)
    assert (await ask.get("/work_pools/pool"))["status"] == "PAUSED"
    assert (await ask.get("/work_pools/pool/queues/default"))["status"] == "PAUSED"
    await ask.patch("/work_pools/pool", {"is_paused": False})
    assert (await ask.get("/work_pools/pool"))["status"] == "NOT_READY"


async def test_stopped_worker_is_offline_before_its_heartbeats_are_missed(
    api: httpx.AsyncClient, database: Database, clock: Clock
) -> None:
    ask = PathClient(api)
    pool = await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)

    async def stop(name: str, occurred: datetime) -> None:
        event = {
            "id": str(uuid4()),
            "event": "prefect.worker.stopped",
            "occurred": occurred.isoformat(),
            "resource": {"prefect.resource.id": f"prefect.worker.process.{name}", "prefect.resource.name": name},
            "related": [
                {"prefect.resource.id": f"prefect.work-pool.{pool['id']}", "prefect.resource.role": "work-pool"}
            ],
        }
        await ask.post("/events", [event], 204)

    for name in ("done", "restarted", "busy"):
        await ask.post("/work_pools/pool/workers/heartbeat", {"name": name}, 204)
    clock.advance(seconds=1)
    stopped = clock.at
    clock.advance(seconds=1)
    await ask.post("/work_pools/pool/workers/heartbeat", {"name": "restarted"}, 204)
    await stop("done", stopped)
    await stop("restarted", stopped)
    workers = await ask.post("/work_pools/pool/workers/filter")
    statuses = {worker["name"]: worker["status"] for worker in workers}
    assert statuses == {"done": "OFFLINE", "restarted": "ONLINE", "busy": "ONLINE"}
    await stop("restarted", clock.at)
    await stop("busy", clock.at)
    await look(database)
    assert (await ask.get("/work_pools/pool"))["status"] == "NOT_READY"
