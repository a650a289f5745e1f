"""A server killed while clients tell it of task runs: what was confirmed is there, what comes again counts once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import WebSocketException

from prefect.types import new_id
from tests.server.sockets import confirmed, connected, until
from tests.server.test_streams import task_run_events
from tools.serving import free_port

pytestmark = [pytest.mark.served, pytest.mark.timeout(120)]

PROGRAM = """
import sys, uvicorn
from prefect.server.app import create_app
from prefect.server.app.websocket import Websocket
uvicorn.run(create_app(), port=int(sys.argv[1]), ws=Websocket, log_level="warning")
"""

RUNS = 400
KILLS = 3


class Killable:
    """A server in a process that is killed and started again, on the same port and the same database."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.port = free_port()
        self.address = f"ws://127.0.0.1:{self.port}/api"
        self._variables = {**os.environ, **variables}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(self.port)], env=self._variables)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}/api") as client:

            async def healthy() -> bool:
                try:
                    return (await client.get("/health")).is_success
                except httpx.HTTPError:
                    return False

            async with asyncio.timeout(40):
                while not await healthy():
                    assert self._process.poll() is None, "the server ended"
                    await asyncio.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture(params=["sqlite", "postgres"])
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of the server."""
    named = {"PREFECT_HOME": str(tmp_path / "served")}
    if request.param == "postgres":
        named["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = request.getfixturevalue("postgres_url")
    return named


@pytest.fixture
async def killable(variables: dict[str, str]) -> AsyncIterator[Killable]:
    server = Killable(variables)
    try:
        await server.start()
        yield server
    finally:
        server.kill()


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
                async with connected(f"{self.address}/events/in") as socket:
                    while waiting:
                        self._unconfirmed.append(waiting.pop(0))
                        await socket.send(self._unconfirmed[-1])
                        self.sent += 1
                        if len(self._unconfirmed) >= 70 or not waiting:
                            await confirmed(socket)
                            self._unconfirmed.clear()
            except (WebSocketException, OSError):
                await asyncio.sleep(0.05)


@asynccontextmanager
async def killing(server: Killable, client: Client, total: int) -> AsyncIterator[None]:
    """Kill the server a few times while the client sends."""

    async def kill() -> None:
        for number in range(1, KILLS + 1):
            share = total * number // (KILLS + 1) + random.randrange(total // 20)
            await until(lambda share=share: client.sent >= share)
            server.kill()
            await server.start()

    task = asyncio.create_task(kill())
    try:
        yield
    finally:
        await task


async def test_every_task_run_ends_once_in_its_true_state(killable: Killable) -> None:
    flow_run = new_id()
    final = [random.choice(["Completed", "Failed"]) for _ in range(RUNS)]
    runs = [task_run_events(new_id(), flow_run, "Pending", "Running", end) for end in final]
    events = [event for told in runs for event in told]
    client = Client(killable.address)
    async with killing(killable, client, len(events)):
        await client.send([json.dumps(event) for event in events])
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{killable.port}/api", timeout=30) as api:
        assert client.sent > len(events), "nothing had to be sent again: the server was not killed in time"
        for state in ("Completed", "Failed"):
            asked = {"task_runs": {"state": {"name": {"any_": [state]}}}}
            assert (await api.post("/task_runs/count", json=asked)).json() == final.count(state)
        assert (await api.post("/task_runs/count", json={})).json() == RUNS
        page = (await api.post("/events/filter", json={"limit": 1})).json()
        assert page["total"] == len(events)
