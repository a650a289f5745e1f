"""Flow runs in real processes: what becomes of them when these are ended."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.runner.claims import Claims
from prefect.runner.execution import RunExecution
from prefect.runner.launch import Launch, SubprocessLauncher
from prefect.runner.supervise import StopReason
from prefect.schemas.runs import FlowRun
from prefect.schemas.states import Scheduled, State, StateType
from prefect.types import now

PROGRAM = """
import asyncio, pathlib, time
from prefect import flow

PIPE = pathlib.Path("pipe")

def ready():
    PIPE.write_text("ready")

def hook(flow, run, state):
    pathlib.Path("hook").write_text(state.name)

async def ahook(flow, run, state):
    pathlib.Path("ahook").write_text(str(run.id))

def broken_hook(flow, run, state):
    raise ValueError("broken hook")

@flow(on_cancellation=[hook], on_crashed=[broken_hook, hook, ahook])
def blocks():
    ready()
    time.sleep(60)

@flow
async def waits():
    ready()
    await asyncio.sleep(60)

def name_run():
    ready()
    return "named before it begins"

@flow(flow_run_name=name_run, on_crashed=[hook])
def begins_later():
    pathlib.Path("hook").write_text("it has begun")
"""


async def _no_records() -> None:
    """There is nothing to wait for: the client reads the store of the home."""


class Running:
    """A flow run under way in a process."""

    def __init__(self, client: PrefectClient, run: FlowRun, execution: RunExecution) -> None:
        self.client = client
        self.run = run
        self.execution = execution
        self.task = asyncio.create_task(execution.run())

    async def read_state(self) -> State:
        state = (await self.client.read_flow_run(self.run.id)).state
        assert state is not None
        return state


@pytest.fixture
async def client():
    async with get_client() as opened:
        yield opened


@pytest.fixture
def start(tmp_path: Path, client: PrefectClient) -> Callable[..., Awaitable[Running]]:
    (tmp_path / "program.py").write_text(PROGRAM)
    os.mkfifo(tmp_path / "pipe")

    async def start(flow: str, state: State | None = None, **env: str) -> Running:
        deployment_id = await client.create_deployment(await client.create_flow_from_name(flow), "test")
        run = await client.create_flow_run_from_deployment(deployment_id, state=state)
        claims = Claims("test", is_renewed=False)
        assert await claims.claim(client, run) is None
        assert await Claims("another", is_renewed=False).claim(client, run) is not None
        launch = Launch(
            flow_run_id=run.id, env={"PREFECT__FLOW_ENTRYPOINT": f"program.py:{flow}", **env}, cwd=str(tmp_path)
        )
        running = Running(client, run, RunExecution(client, claims, run, launch, SubprocessLauncher(), _no_records))
        assert await asyncio.to_thread((tmp_path / "pipe").read_text) == "ready"
        return running

    return start


async def test_cancelled_run_is_cancelled_and_its_hooks_are_called(start, tmp_path, client):
    running = await start("blocks")
    await client.set_flow_run_state(running.run.id, State(type=StateType.CANCELLING))
    running.execution.stop(StopReason.CANCELLED, grace_seconds=30)
    assert await running.task is None  # it has said so itself
    assert (await running.read_state()).is_cancelled()
    assert (tmp_path / "hook").read_text() == "Cancelled"
    assert not [log for log in await client.read_logs() if "Crash" in log.message]


@pytest.mark.parametrize("flow", ["blocks", "waits"])
async def test_run_is_scheduled_again_on_sigterm_when_that_is_wanted(start, flow):
    running = await start(flow, PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR="reschedule")
    running.execution.stop(StopReason.SHUTDOWN, grace_seconds=30)
    await running.task
    state = await running.read_state()
    assert (state.type, state.name) == (StateType.SCHEDULED, "AwaitingRetry")


@pytest.mark.parametrize("flow", ["blocks", "waits"])
async def test_run_crashes_on_sigterm_otherwise(start, flow):
    running = await start(flow)
    running.execution.stop(StopReason.SHUTDOWN, grace_seconds=30)
    await running.task
    state = await running.read_state()
    assert state.is_crashed() and state.message == "Execution was aborted by a termination signal."


async def test_run_that_has_not_begun_keeps_its_time_on_sigterm(start, tmp_path):
    tomorrow = now() + timedelta(days=1)
    running = await start("begins_later", Scheduled(scheduled_time=tomorrow))
    running.execution.stop(StopReason.SHUTDOWN, grace_seconds=30)
    await running.task
    state = await running.read_state()
    assert (state.type, state.name) == (StateType.SCHEDULED, "Scheduled")
    assert state.state_details.scheduled_time == tomorrow
    assert not (tmp_path / "hook").exists()


async def test_cancelled_run_that_has_not_begun_is_cancelled(start, client):
    running = await start("begins_later", Scheduled(scheduled_time=now() + timedelta(days=1)))
    await client.set_flow_run_state(running.run.id, State(type=StateType.CANCELLING))
    running.execution.stop(StopReason.CANCELLED, grace_seconds=30)
    await running.task
    assert (await running.read_state()).is_cancelled()


async def test_killed_run_has_crashed_and_its_hooks_are_called(start, tmp_path, client):
    running = await start("blocks")
    os.kill(running.execution.process.pid, signal.SIGKILL)
    state = await running.task
    assert state is not None and state.is_crashed() and "SIGKILL" in state.message
    assert (await running.read_state()).message == state.message
    assert (tmp_path / "hook").read_text() == "Crashed"
    assert (tmp_path / "ahook").read_text() == str(running.run.id)
    assert any("'broken_hook' failed" in log.message for log in await client.read_logs())


async def test_run_whose_process_cannot_be_started_has_crashed(client):
    deployment_id = await client.create_deployment(await client.create_flow_from_name("made"), "test")
    run = await client.create_flow_run_from_deployment(deployment_id)
    launch = Launch(flow_run_id=run.id, cwd="/no/such/place")
    state = await RunExecution(
        client, Claims("test", is_renewed=False), run, launch, SubprocessLauncher(), _no_records
    ).run()
    assert state is not None and "'/no/such/place' does not exist" in state.message
    assert (await client.read_flow_run(run.id)).state.is_crashed()
