"""Requests for a flow run that are answered when it has ended."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from prefect.server.app import endpoints
from tests.server.route_client import RouteClient


async def test_request_for_a_flow_run_waits_for_its_end(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = RouteClient(api)
    run_id = await call.flow_run("RUNNING")
    waits = asyncio.Event()
    wait = endpoints.RequestChanges.wait

    async def note(*args: object) -> None:
        waits.set()
        await wait(*args)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(endpoints.RequestChanges, "wait", note)
    begun = time.monotonic()
    request = asyncio.create_task(api.get(f"/flow_runs/{run_id}", headers={"prefer": "wait=60"}))
    await waits.wait()
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "COMPLETED"}}, id=run_id)
    assert (await request).json()["state_type"] == "COMPLETED"
    assert time.monotonic() - begun < 60


async def test_request_is_answered_when_its_time_is_over(api: httpx.AsyncClient) -> None:
    run_id = await RouteClient(api).flow_run("RUNNING")
    answer = await api.get(f"/flow_runs/{run_id}", headers={"prefer": "wait=0.01"})
    assert answer.json()["state_type"] == "RUNNING"
