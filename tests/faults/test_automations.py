"""A server that is killed between an event, the firing of an automation and its actions, or gets many events.

`FAULTS=long` kills it 200 times. Each action on the store is executed once, each webhook is called at least once and
at most once more for each kill, with the same idempotency key.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
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
FLOOD = int(os.environ.get("FAULTS_EVENTS", "10000" if LONG else "300"))
FLOOD_SECONDS = FLOOD * 60 / 10_000 if LONG else 2.0
SHOWN_RUNS = 10
"""Runs before the first event: a request that is measured has the same answer when the server is idle."""

EARLIER = "none"
"""The event of these runs."""

LATEST_KILL_SECONDS = 0.08
"""An action is done within this time; the server is killed at a random moment of it."""

pytestmark = [pytest.mark.served, pytest.mark.timeout(3600 if LONG else 300)]


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
    for _ in range(SHOWN_RUNS):
        body = {"deployment_id": deployment["id"], "flow_id": flow["id"], "parameters": {"event": EARLIER}}
        (await api.post("/flow_runs/", json=body)).raise_for_status()


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
            del counts[EARLIER]
            return counts


async def test_killed_server_loses_no_action_and_repeats_none(served: Served) -> None:
    sent: list[str] = []
    async with serve_endpoint() as endpoint, httpx.AsyncClient(base_url=served.url, timeout=60) as api:
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
        # An action may be under way at each kill, of this event's and of later ones.
        assert max(calls.values()) <= (2 if LONG else 1 + KILLS)


# --- many events -----------------------------------------------------------------------------------------------------


PROBE = """
import http.client, json, select, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
body = json.dumps({"limit": int(sys.argv[2])})
durations = []
while not select.select([sys.stdin], [], [], 0.1)[0]:
    begun = time.perf_counter()
    connection.request("POST", "/api/flow_runs/filter", body, {"content-type": "application/json"})
    response = connection.getresponse()
    assert response.read() and response.status == 200
    durations.append(time.perf_counter() - begun)
print(json.dumps(durations))
"""
"""Makes requests, one after the other, until its input ends, and prints how long they took.

It is a program of its own, as those of users are: this process is busy with sending events and answering webhooks.
"""


@asynccontextmanager
async def probe(served: Served) -> AsyncIterator[list[float]]:
    """Measure requests while the block runs; the list has their durations once it has ended."""
    durations: list[float] = []
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROBE, str(served.port), str(SHOWN_RUNS), stdin=pipe, stdout=pipe
    )
    try:
        yield durations
    finally:
        durations += json.loads((await program.communicate(b""))[0])


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


async def flood(api: httpx.AsyncClient) -> list[str]:
    """Send events evenly over a time, a request for each ten of them; return their ids."""
    sent: list[str] = []
    begun = time.monotonic()
    while len(sent) < FLOOD:
        resource = {"prefect.resource.id": "x"}
        events = [
            {"id": str(new_id()), "occurred": now().isoformat(), "event": "paid", "resource": resource}
            for _ in range(min(10, FLOOD - len(sent)))
        ]
        (await api.post("/events", json=events)).raise_for_status()
        sent += [event["id"] for event in events]
        await asyncio.sleep(max(0.0, begun + FLOOD_SECONDS * len(sent) / FLOOD - time.monotonic()))
    return sent


async def test_many_events_fire_once_each_and_hold_up_no_request(served: Served) -> None:
    """`FAULTS=long` sends 10,000 in a minute, and compares the time of requests with that of an idle server."""
    async with serve_endpoint() as endpoint, httpx.AsyncClient(base_url=served.url, timeout=60) as api:
        await prepare(api, endpoint)
        async with probe(served) as idle:
            await asyncio.sleep(5.0 if LONG else 0.5)
        begun = time.monotonic()
        async with probe(served) as busy:
            sent = await flood(api)
        async with asyncio.timeout(600 if LONG else WAIT_SECONDS):
            while len(endpoint.calls) < FLOOD:
                endpoint.called.clear()
                await endpoint.called.wait()
        took = time.monotonic() - begun
        before, during = p95(idle) * 1e3, p95(busy) * 1e3
        print(f"{FLOOD} firings in {took:.1f} s; p95 of a request idle {before:.1f} ms, busy {during:.1f} ms")
        assert Counter(call.body for call in endpoint.calls) == Counter(sent)
        async with asyncio.timeout(WAIT_SECONDS):
            while (await count_runs(api)).total() < FLOOD:
                await asyncio.sleep(0.1)
        assert await count_runs(api) == Counter(sent)
        if LONG:
            assert during <= 2 * before
