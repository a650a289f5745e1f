"""A server killed while clients tell it of task runs: what was confirmed is there, what comes again counts once."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import WebSocketException

from prefect.types import new_id
from tests.server.services.events.test_task_run_events import task_run_events
from tests.server.websocket_client import connect_client, ping, wait_until
from tools.serving import Served, server

pytestmark = [pytest.mark.served, pytest.mark.timeout(240)]

RUNS = 400
KILLS = 3


@pytest.fixture(params=["sqlite", "postgres"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A server in a process of its own."""
    variables: dict[str, str] = {}
    if request.param == "postgres":
        variables["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = request.getfixturevalue("postgres_url")
    with server(tmp_path / "served", **variables) as served:
        yield served


class Client:
    """One who sends events as the interface says: unconfirmed ones again after each new connection."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sent = 0
        self._unconfirmed: list[str] = []

    async def send(self, messages: list[str]) -> None:
        waiting = list(messages)
        while waiting or self._unconfirmed:
            waiting, self._unconfirmed = self._unconfirmed + waiting, []
            try:
                async with connect_client(f"{self.address}/events/in") as socket:
                    while waiting:
                        self._unconfirmed.append(waiting.pop(0))
                        await socket.send(self._unconfirmed[-1])
                        self.sent += 1
                        if len(self._unconfirmed) >= 70 or not waiting:
                            await ping(socket)
                            self._unconfirmed.clear()
            except (WebSocketException, OSError):
                await asyncio.sleep(0.05)


async def kill_now_and_then(served: Served, client: Client, total: int) -> None:
    """Kill the server a few times while the client sends."""
    for number in range(1, KILLS + 1):
        share = total * number // (KILLS + 1) + random.randrange(total // 20)
        await wait_until(lambda share=share: client.sent >= share)
        await asyncio.to_thread(served.stop, signal.SIGKILL)
        await asyncio.to_thread(served.start)


async def test_task_runs_end_in_their_last_state_when_the_server_is_killed(served: Served) -> None:
    flow_run = new_id()
    final = [random.choice(["Completed", "Failed"]) for _ in range(RUNS)]
    runs = [task_run_events(new_id(), flow_run, "Pending", "Running", end) for end in final]
    events = [event for sent in runs for event in sent]
    client = Client(served.url.replace("http", "ws", 1))
    killing = asyncio.create_task(kill_now_and_then(served, client, len(events)))
    await client.send([json.dumps(event) for event in events])
    await killing
    assert client.sent > len(events), "nothing had to be sent again: the server was not killed in time"
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as api:
        for state in ("Completed", "Failed"):
            criteria = {"task_runs": {"state": {"name": {"any_": [state]}}}}
            assert (await api.post("/task_runs/count", json=criteria)).json() == final.count(state)
        assert (await api.post("/task_runs/count", json={})).json() == RUNS
        page = (await api.post("/events/filter", json={"limit": 1})).json()
        assert page["total"] == len(events)
