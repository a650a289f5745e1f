"""Flow runs that another process cancels or suspends: no task begins any more, and the run ends as it was told."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect import flow, journal, task
from prefect.client.orchestration import get_client
from prefect.engine.flows.flow_run import FlowRunEngine
from prefect.engine.interruption import stopping
from prefect.engine.interruption.deadline import await_with_timeout
from prefect.events import clients
from prefect.exceptions import CancelledRun, Pause
from prefect.runtime import flow_run as runtime
from prefect.schemas.states import Cancelled, Cancelling, State, Suspended
from tests.outbox.servers import FakeServer
from tools import serving


@pytest.fixture(autouse=True)
def _always_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "CHECK_INTERVAL_SECONDS", 0.0)


class Outside:
    """What another process does to a run."""

    def set_state(self, run_id: str, state: State[Any]) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(run_id), state, force=True)

    def state_names(self, run_id: str) -> list[str | None]:
        with get_client(sync_client=True) as client:
            return [state.name for state in client.read_flow_run_states(UUID(run_id))]


class OutsideOfServer(Outside):
    def __init__(self, server: FakeServer) -> None:
        self._server = server

    def set_state(self, run_id: str, state: State[Any]) -> None:
        self._server._enter(self._server.flow_runs[run_id], state.model_dump(mode="json"))

    def state_names(self, run_id: str) -> list[str | None]:
        return [*self._server.state_names(run_id)]


@pytest.fixture(params=["local", "server"])
def outside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    if request.param == "local":
        yield Outside()
        return
    fake = FakeServer().start()
    monkeypatch.setenv("PREFECT_API_URL", fake.url)
    yield OutsideOfServer(fake)
    journal.close()
    fake.stop()


class Program:
    """A flow with a task, which another process stops between two calls of it."""

    def __init__(self, outside: Outside, state: State[Any], then: Callable[[Any], Any]) -> None:
        self.started: list[int] = []
        self.hooks: list[str | None] = []
        self.run_id = ""

        @task
        def step(number: int) -> int:
            self.started.append(number)
            return number

        @flow(on_cancellation=[lambda flow, run, state: self.hooks.append(state.name)])
        def main() -> Any:
            self.run_id = runtime.id
            step(0)
            outside.set_state(self.run_id, state)
            return then(step)

        self.main = main


def _submit_and_go_on(step: Any) -> Any:
    step.submit(1).wait()
    return 7


def _raise(step: Any) -> Any:
    raise ValueError("x")


WAYS: dict[str, Callable[[Any], Any]] = {
    "call": lambda step: step(1),
    "call for its state": lambda step: step(1, return_state=True),
    "submit": lambda step: step.submit(1).result(),
    "map": lambda step: step.map([1, 2]).result(),
    "go on": _submit_and_go_on,
    "return": lambda step: 7,
    "raise": _raise,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [Cancelled, Cancelling])
def test_cancelled_run_starts_no_task_and_ends_as_cancelled(outside: Outside, make: Any, way: str):
    program = Program(outside, make(), WAYS[way])
    with pytest.raises(CancelledRun):
        program.main()
    assert (program.started, program.hooks) == ([0], ["Cancelled"])
    assert outside.state_names(program.run_id)[-1] == "Cancelled"
    assert "Completed" not in outside.state_names(program.run_id)


def test_suspended_run_leaves_its_process(outside: Outside):
    program = Program(outside, Suspended(), lambda step: step(1))
    with pytest.raises(Pause):
        program.main()
    assert program.started == [0]
    assert outside.state_names(program.run_id)[-1] == "Suspended"


def test_subflow_of_a_cancelled_run_is_cancelled(outside: Outside):
    started: list[int] = []
    ids: dict[str, str] = {}

    @task
    def step(number: int) -> None:
        started.append(number)

    @flow
    def child() -> None:
        ids["child"] = runtime.id
        outside.set_state(ids["parent"], Cancelling())
        step(1)

    @flow
    def parent() -> None:
        ids["parent"] = runtime.id
        child()
        step(2)

    with pytest.raises(CancelledRun):
        parent()
    assert started == []
    assert [outside.state_names(ids[name])[-1] for name in ("child", "parent")] == ["Cancelled", "Cancelled"]


def test_cancelled_async_run_starts_no_task(outside: Outside):
    started: list[int] = []
    ids: list[str] = []

    @task
    async def step(number: int) -> None:
        started.append(number)

    @flow
    async def main() -> None:
        ids.append(runtime.id)
        await asyncio.to_thread(outside.set_state, ids[0], Cancelling())
        await asyncio.gather(step(1), step(2))

    with pytest.raises(CancelledRun):
        asyncio.run(main())
    assert started == []
    assert outside.state_names(ids[0])[-1] == "Cancelled"


def test_task_of_a_cancelled_run_is_not_retried(outside: Outside):
    attempts: list[int] = []
    ids: list[str] = []

    @task(retries=3)
    def step() -> None:
        attempts.append(1)
        outside.set_state(ids[0], Cancelling())
        raise ValueError("x")

    @flow
    def main() -> None:
        ids.append(runtime.id)
        step()

    with pytest.raises(CancelledRun):
        main()
    assert len(attempts) == 1


def test_hooks_of_a_cancelled_run_may_call_tasks():
    cleaned: list[str] = []

    @task
    def clean() -> None:
        cleaned.append("yes")

    def hook(*_: Any) -> None:
        clean()

    @flow(on_cancellation=[hook])
    def main() -> None:
        Outside().set_state(runtime.id, Cancelled())

    with pytest.raises(CancelledRun):
        main()
    assert cleaned == ["yes"]


def test_run_cancelled_at_its_end_is_not_completed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stopping, "CHECK_INTERVAL_SECONDS", 1000.0)
    program = Program(Outside(), Cancelled(), lambda step: 7)
    with pytest.raises(CancelledRun):
        program.main()
    assert Outside().state_names(program.run_id) == ["Pending", "Running", "Cancelled"]


@pytest.mark.parametrize("timeout", [None, 60])
@pytest.mark.parametrize("depth", [1, 2])
def test_async_run_is_interrupted_where_it_awaits(depth: int, timeout: float | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stopping, "CHECK_INTERVAL_SECONDS", 0.05)
    ids: list[str] = []
    cleaned: list[int] = []

    @flow(timeout_seconds=timeout)
    async def main(level: int) -> None:
        ids.append(runtime.id)
        if level > 1:
            await main(level - 1)
        Outside().set_state(ids[0], Cancelling())
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(level)

    async def program() -> int:
        with pytest.raises(CancelledRun):
            await main(depth)
        await asyncio.sleep(0)  # the caller is not cancelled
        task = asyncio.current_task()
        return task.cancelling() if task else -1

    assert asyncio.run(program()) == 0
    assert cleaned == [1]
    assert {Outside().state_names(run_id)[-1] for run_id in ids} == {"Cancelled"}


def test_run_ends_as_cancelled_when_its_end_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "CHECK_INTERVAL_SECONDS", 0.05)
    propose_state = FlowRunEngine.propose_state
    interrupted: list[str] = []
    ids: list[str] = []

    async def interrupt_first(self: FlowRunEngine, state: State[Any], *args: Any) -> State[Any]:
        if state.is_cancelled() and not interrupted:
            interrupted.append(runtime.id or "")
            raise asyncio.CancelledError
        return await propose_state(self, state, *args)

    monkeypatch.setattr(FlowRunEngine, "propose_state", interrupt_first)

    @flow
    async def main() -> None:
        ids.append(runtime.id)
        Outside().set_state(ids[0], Cancelling())
        await asyncio.sleep(60)

    with pytest.raises((CancelledRun, asyncio.CancelledError)):
        asyncio.run(main())
    assert interrupted
    assert Outside().state_names(ids[0])[-1] == "Cancelled"


async def test_cancelled_code_with_a_timeout_ends_before_its_caller_goes_on() -> None:
    order: list[str] = []
    begun = asyncio.Event()

    async def body() -> None:
        try:
            begun.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            order.append("body")

    async def caller() -> None:
        try:
            await await_with_timeout(body(), 60, TimeoutError)
        finally:
            order.append("caller")

    task = asyncio.create_task(caller())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert order == ["body", "caller"]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[serving.Served]:
    """Run a server that the programs of the test use."""
    with serving.server(tmp_path / "served") as server:
        monkeypatch.setenv("PREFECT_API_URL", server.url)
        yield server
        journal.close()


@pytest.fixture
def following(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return an event that is set once the events of a run are followed."""
    begun = asyncio.Event()
    subscribe = clients.get_events_subscriber

    class Announced:
        def __init__(self, **options: Any) -> None:
            self._subscriber = subscribe(**options)

        async def __aenter__(self) -> Any:
            await self._subscriber.__aenter__()
            begun.set()
            return self._subscriber

        async def __aexit__(self, *error: Any) -> None:
            await self._subscriber.__aexit__(*error)

    monkeypatch.setattr(clients, "get_events_subscriber", Announced)
    monkeypatch.setattr(stopping, "CHECK_INTERVAL_SECONDS", 0.05)
    return begun


@pytest.mark.parametrize("depth", [1, 2])
async def test_async_run_of_a_server_is_interrupted_where_it_awaits(
    served: serving.Served, following: asyncio.Event, depth: int
) -> None:
    ids: list[str] = []

    @flow
    async def main(level: int) -> None:
        ids.append(runtime.id)
        if level > 1:
            await main(level - 1)
        await following.wait()
        async with get_client() as client:
            await client.set_flow_run_state(UUID(ids[0]), Cancelling(), force=True)
        await asyncio.sleep(60)

    async with asyncio.timeout(90):
        with pytest.raises(CancelledRun):
            await main(depth)
    assert {Outside().state_names(run_id)[-1] for run_id in ids} == {"Cancelled"}


async def test_run_of_a_server_is_followed_until_it_ends(served: serving.Served, following: asyncio.Event) -> None:
    @flow
    async def main() -> None:
        await following.wait()

    await main()
    async with asyncio.timeout(60):
        while asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0.01)
