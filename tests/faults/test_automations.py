"""A server that is killed between an event, the firing of an automation and its actions.

`FAULTS=long` kills it 200 times. Each action on the store is carried out once, each webhook is called at least once and
at most once more for each kill, with the same idempotency key.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prefect.types import new_id, now
from tests.server.services.automations.endpoint import Endpoint, serve_endpoint
from tools.serving import Served, server

LONG = os.environ.get("FAULTS") == "long"
KILLS = int(os.environ.get("FAULTS_KILLS", "200" if LONG else "3"))
EVENTS_PER_KILL = 3
WAIT_SECONDS = 90.0
LATEST_KILL_SECONDS = 0.08
"""An action is done within this time; the server is killed at a random moment of it."""

pytestmark = [pytest.mark.served, pytest.mark.timeout(3600 if LONG else 180)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with server(tmp_path / "served") as running:
        yield running


async def prepare(api: httpx.AsyncClient, endpoint: Endpoint) -> None:
    """Make an automation that runs a deployment and calls a webhook, each with the id of the event."""
    flow = (await api.post("/flows/", json={"name": "etl"})).json()
    deployment = (await api.post("/deployments/", json={"name": "daily", "flow_id": flow["id"]})).json()
    block_type = (await api.get("/block_types/slug/webhook")).json()
    criteria = {"block_schemas": {"block_type_id": {"any_": [block_type["id"]]}}}
    (schema,) = (await api.post("/block_schemas/filter", json=criteria)).json()
    document = {"name": "hook", "block_type_id": block_type["id"], "block_schema_id": schema["id"]}
    block = (await api.post("/block_documents/", json={**document, "data": {"url": endpoint.url}})).json()
    run = {"type": "run-deployment", "deployment_id": deployment["id"], "parameters": {"event": "{{ event.id }}"}}
    call = {"type": "call-webhook", "block_document_id": block["id"], "payload": "{{ event.id }}"}
    trigger = {"type": "event", "posture": "Reactive", "expect": ["paid"]}
    automation = {"name": "watch", "trigger": trigger, "actions": [run, call]}
    (await api.post("/automations/", json=automation)).raise_for_status()


async def send(api: httpx.AsyncClient, event_id: str) -> None:
    """Send an event until the server has confirmed it."""
    event = {"id": event_id, "occurred": now().isoformat(), "event": "paid", "resource": {"prefect.resource.id": "x"}}
    while True:
        try:
            (await api.post("/events", json=[event])).raise_for_status()
            return
        except httpx.TransportError:
            await asyncio.sleep(0.05)


async def count_runs(api: httpx.AsyncClient) -> Counter[str]:
    """Count the flow runs of each event."""
    counts: Counter[str] = Counter()
    while True:
        body = {"offset": counts.total(), "limit": 200, "sort": "ID_DESC"}
        page: list[Any] = (await api.post("/flow_runs/filter", json=body)).json()
        counts.update(run["parameters"]["event"] for run in page)
        if len(page) < 200:
            return counts


async def test_killed_server_loses_no_action_and_repeats_none(served: Served) -> None:
    sent: list[str] = []
    async with serve_endpoint() as endpoint, httpx.AsyncClient(base_url=served.url, timeout=30) as api:
        await prepare(api, endpoint)
        for _ in range(KILLS):
            events = [str(new_id()) for _ in range(EVENTS_PER_KILL)]
            sent += events
            sending = [asyncio.create_task(send(api, event)) for event in events]
            await asyncio.sleep(random.random() * LATEST_KILL_SECONDS)
            await asyncio.to_thread(served.stop, signal.SIGKILL)
            await asyncio.to_thread(served.start)
            await asyncio.gather(*sending)
        async with asyncio.timeout(WAIT_SECONDS):
            while len({call.body for call in endpoint.calls}) < len(sent) or len(await count_runs(api)) < len(sent):
                await asyncio.sleep(0.1)
        assert await count_runs(api) == Counter(sent)
        calls = Counter(call.body for call in endpoint.calls)
        assert set(calls) == set(sent)
        keys = {(call.body, call.headers["idempotency-key"]) for call in endpoint.calls}
        assert len(keys) == len(sent), "a call was repeated under another key"
        assert len(endpoint.calls) <= len(sent) + EVENTS_PER_KILL * KILLS
        assert max(calls.values()) <= 2
