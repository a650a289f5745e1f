"""Heartbeats that clients send as records become events, one in an interval at most."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest

from prefect.schemas.run_events import FLOW_RUN_HEARTBEAT
from prefect.server.db.interface import Database
from prefect.server.services.runs.ingestion import heartbeat_events
from prefect.server.services.runs.ingestion.journal_ingestion import apply_records
from prefect.types import new_id, now
from tests.server.route_client import RouteClient


async def send_heartbeat(database: Database, run_id: str) -> None:
    record = {"kind": "heartbeat", "id": str(new_id()), "flow_run_id": run_id, "at": now().isoformat(), "ttl": 25}
    await database.write(lambda tx: apply_records(tx, orjson.dumps(record)))


async def read_heartbeats(call: RouteClient) -> list[dict[str, Any]]:
    body = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}, "limit": 50}
    return (await call("POST", "/events/filter", body))["events"]


async def test_heartbeat_records_become_one_event_in_an_interval(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(heartbeat_events, "time", SimpleNamespace(monotonic=lambda: clock.at))
    call = RouteClient(api)
    run_id = await call.flow_run()
    for seconds in (0, 10, 20, 10):
        clock.at += seconds
        await send_heartbeat(database, run_id)
    first, second = await read_heartbeats(call)
    assert first["event"] == FLOW_RUN_HEARTBEAT and first["id"] != second["id"]
    run = await call("GET", "/flow_runs/{id}", id=run_id)
    resource = first["resource"]
    assert (resource["prefect.resource.id"], resource["prefect.resource.name"]) == (
        f"prefect.flow-run.{run_id}",
        run["name"],
    )
    assert "prefect.version" in resource
    flow = {f"prefect.flow.{run['flow_id']}": "flow"}
    assert {one["prefect.resource.id"]: one["prefect.resource.role"] for one in first["related"]} == flow


async def test_run_that_has_finished_has_no_heartbeat_events(api: httpx.AsyncClient, database: Database) -> None:
    call = RouteClient(api)
    run_id = await call.flow_run()
    await call.set_state("flow", run_id, "COMPLETED")
    await send_heartbeat(database, run_id)
    await send_heartbeat(database, str(new_id()))
    assert await read_heartbeats(call) == []
