"""The runner: which runs it starts, when, how many at a time, and how it ends them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from prefect import flow, get_client
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.worker import EventsWorker
from prefect.runner import Runner
from prefect.runner import runner as runner_module
from prefect.schemas.states import Completed, Running, Scheduled, State, StateType
from prefect.types import now
from tests.runner.fakes import FakeLauncher

TIMEOUT_SECONDS = 60


@flow
def hello(x: int = 1):
    return x


class Serving:
    """A runner that serves `hello` with played processes, and the server that it has brought along."""

    def __init__(self, runner: Runner, launcher: FakeLauncher, deployment_id: UUID) -> None:
        self.runner = runner
        self.launcher = launcher
        self.deployment_id = deployment_id

    @property
    def client(self):
        return self.runner.client

    async def start_run(self, **options) -> UUID:
        run = await self.client.create_flow_run_from_deployment(self.deployment_id, **options)
        return run.id

    async def wait_for_process(self, run_id: UUID):
        await self.launcher.wait_for(lambda processes: run_id in processes)
        return self.launcher.processes[run_id]

    async def wait_for_state(self, run_id: UUID, name: str) -> State:
        while (state := (await self.client.read_flow_run(run_id)).state).name != name:
            await asyncio.sleep(0.01)
        return state


@asynccontextmanager
async def serve(launcher: FakeLauncher | None = None, schedule=None, **options) -> AsyncIterator[Serving]:
    runner = Runner(**{"limit": 5, **options})
    launcher = launcher or FakeLauncher()
    runner.launcher = launcher
    interval = {"interval": schedule} if schedule else {}
    deployment_id = await runner.aadd_deployment(await hello.ato_deployment("test", paused=False, **interval))
    started = asyncio.Event()
    runner.on_started = started.set
    task = asyncio.create_task(runner.start())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            yield Serving(runner, launcher, deployment_id)
    finally:
        for process in launcher.processes.values():
            process.end()
        await runner.astop()
        await task


async def test_requested_run_starts_immediately_and_its_exit_is_recorded():
    async with serve(query_seconds=1000) as serving:
        run_id = await serving.start_run()
        process = await serving.wait_for_process(run_id)
        assert (await serving.client.read_flow_run(run_id)).state.is_pending()
        await serving.client.set_flow_run_state(run_id, Running())
        process.end(3)
        state = await serving.wait_for_state(run_id, "Crashed")
    assert "ended with the exit code 3" in state.message


async def test_process_records_into_the_home_and_knows_its_flow():
    async with serve() as serving:
        process = await serving.wait_for_process(await serving.start_run())
    assert "PREFECT_API_URL" not in process.launch.build_environment()
    assert process.launch.env["PREFECT__FLOW_ENTRYPOINT"].endswith("test_runner.py:hello")


class _Code:
    """A storage whose code is fetched again for each run."""

    pull_interval = 0
    destination = Path()

    def __init__(self) -> None:
        self.pulls = 0

    def set_base_path(self, path: Path) -> None: ...

    def to_pull_step(self):
        return {"made.step": {}}

    async def pull_code(self) -> None:
        self.pulls += 1
        if self.pulls > 2:
            raise OSError("no such repository")


async def test_code_is_fetched_again_after_its_interval(monkeypatch):
    code = _Code()
    monkeypatch.setattr(hello, "storage", code)
    monkeypatch.setattr(hello, "entrypoint", "program.py:hello")
    async with serve() as serving:
        assert code.pulls == 1
        process = await serving.wait_for_process(await serving.start_run())
        assert code.pulls == 2
        code.pull_interval = 1000
        await serving.wait_for_process(await serving.start_run())
        assert code.pulls == 2
        code.pull_interval = 0
        state = await serving.wait_for_state(await serving.start_run(), "Crashed")
        assert state.message == "The code of the flow run could not be fetched: no such repository"
    assert (process.launch.cwd, process.launch.env["PREFECT__FLOW_ENTRYPOINT"]) == (Path(), "program.py:hello")


async def test_schedule_fires():
    async with serve(schedule=1) as serving:
        await serving.launcher.wait_for(lambda processes: len(processes) >= 2)
        first, second = [await serving.client.read_flow_run(id_) for id_ in list(serving.launcher.processes)[:2]]
    assert abs(second.expected_start_time - first.expected_start_time) == timedelta(seconds=1)
    assert first.auto_scheduled


async def test_later_run_waits_for_its_time():
    async with serve(query_seconds=1000) as serving:
        later = await serving.start_run(state=Scheduled(scheduled_time=now() + timedelta(seconds=0.5)))
        due = (await serving.client.read_flow_run(later)).next_scheduled_start_time
        await serving.wait_for_process(later)
        assert now() >= due


async def test_no_more_runs_than_the_limit_run_at_the_same_time():
    async with serve(limit=2, query_seconds=1000) as serving:
        for _ in range(3):
            await serving.start_run()
        await serving.launcher.wait_for(lambda processes: len(processes) == 2)
        assert not serving.runner.has_slots_available()
        await serving.client.read_flow_runs()
        assert len(serving.launcher.processes) == 2
        next(iter(serving.launcher.processes.values())).end()
        await serving.launcher.wait_for(lambda processes: len(processes) == 3)


async def test_cancelled_run_is_ended_immediately():
    async with serve(query_seconds=1000) as serving:
        run_id = await serving.start_run()
        process = await serving.wait_for_process(run_id)
        await serving.client.set_flow_run_state(run_id, Running())
        await serving.client.set_flow_run_state(run_id, State(type=StateType.CANCELLING))
        await serving.wait_for_state(run_id, "Cancelled")
        run = await serving.client.read_flow_run(run_id)
    assert process.signals[0] == signal.SIGTERM
    EventsWorker.instance().wait_until_empty()
    async with get_client() as client:
        name = EventNameFilter(name=["prefect.runner.cancelled-flow-run"])
        (event,) = (await client.read_events(EventFilter(event=name))).events
    assert event.resource.name == serving.runner.name
    assert {related.id: related.role for related in event.related} == {
        f"prefect.deployment.{serving.deployment_id}": "deployment",
        f"prefect.flow.{run.flow_id}": "flow",
        f"prefect.flow-run.{run_id}": "flow-run",
    }


async def test_run_that_another_program_of_the_home_cancels_is_ended(home: Path):
    async with serve(query_seconds=1000) as serving:
        run_id = await serving.start_run()
        await serving.wait_for_process(run_id)
        await serving.client.set_flow_run_state(run_id, Running())
        async with get_client() as client:  # the store of the home, without the runner's server
            await client.set_flow_run_state(run_id, State(type=StateType.CANCELLING))
        await serving.wait_for_state(run_id, "Cancelled")


async def test_run_that_ignores_sigterm_is_killed_and_cancelled(monkeypatch):
    monkeypatch.setattr(runner_module, "CANCEL_GRACE_SECONDS", 0.05)
    async with serve(FakeLauncher(ignored=(signal.SIGTERM,))) as serving:
        run_id = await serving.start_run()
        process = await serving.wait_for_process(run_id)
        await serving.client.set_flow_run_state(run_id, Running())
        await serving.client.set_flow_run_state(run_id, State(type=StateType.CANCELLING))
        await serving.wait_for_state(run_id, "Cancelled")
    assert process.signals[:2] == [signal.SIGTERM, signal.SIGKILL]


async def test_stop_ends_runs_and_pauses_the_deployment():
    async with serve() as serving:
        run_id = await serving.start_run()
        await serving.wait_for_process(run_id)
        await serving.client.set_flow_run_state(run_id, Running())
        await serving.runner.astop()
        await serving.launcher.processes[run_id].wait()
    async with get_client() as client:
        assert (await client.read_deployment(serving.deployment_id)).paused
        state = (await client.read_flow_run(run_id)).state
    assert state.is_crashed() and "when its runner was stopped" in state.message


async def test_second_signal_waits_for_nothing(monkeypatch):
    hangs = asyncio.Event()

    async def hang(*_: object) -> None:
        hangs.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(runner_module, "SHUTDOWN_REQUEST_SECONDS", 1000)
    async with serve(FakeLauncher(ignored=(signal.SIGTERM,))) as serving:
        run_id = await serving.start_run()
        process = await serving.wait_for_process(run_id)
        monkeypatch.setattr(serving.client, "pause_deployment", hang)
        serving.runner.handle_sigterm()
        await hangs.wait()
        serving.runner.handle_sigterm()
        assert process.signals[-1] == signal.SIGKILL


async def test_deployment_is_not_paused_when_that_is_not_wanted():
    async with serve(pause_on_shutdown=False) as serving:
        pass
    async with get_client() as client:
        assert not (await client.read_deployment(serving.deployment_id)).paused


async def test_run_is_started_by_one_of_two_runners():
    async with serve() as first, serve() as second:
        runs = [await first.start_run() for _ in range(4)]
        both = (first.launcher, second.launcher)
        while sum(len(each.processes) for each in both) < len(runs):
            await asyncio.sleep(0.01)
        started = [id_ for each in both for id_ in each.processes]
        for each in both:
            for process in each.processes.values():
                await first.client.set_flow_run_state(process.flow_run_id, Completed(), force=True)
    assert sorted(started) == sorted(runs)


async def test_run_once_runs_what_is_due_and_returns():
    runner = Runner(pause_on_shutdown=False)
    runner.launcher = launcher = FakeLauncher()
    id_ = await runner.aadd_deployment(await hello.ato_deployment("test"))
    async with get_client() as client:
        run = await client.create_flow_run_from_deployment(id_)
    task = asyncio.create_task(runner.start(run_once=True))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await launcher.wait_for(lambda processes: run.id in processes)
        launcher.processes[run.id].end(1)
        await task
    async with get_client() as client:
        assert (await client.read_flow_run(run.id)).state.is_crashed()
    assert not runner.started
