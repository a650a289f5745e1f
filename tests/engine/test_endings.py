"""Whatever a run ends with, wherever it is called: no run stays Running or Pending once its caller has gone on."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from prefect import flow, task
from prefect._io import drive
from prefect.client.orchestration import get_client
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.flow_runs import asuspend_flow_run
from prefect.schemas.states import Cancelled, Cancelling, Crashed, Failed, Pending, Running, Suspended
from tests.engine.shells import SHELLS, Shell
from tests.recorded import finished, run, started


def raise_(error: BaseException) -> Any:
    raise error


ENDINGS: dict[str, tuple[Callable[[], Any], str, str]] = {
    # what the body does, and the state that a task and a flow end in
    "return": (lambda: 1, "Completed", "Completed"),
    "exception": (lambda: raise_(ValueError("x")), "Failed", "Failed"),
    "Abort": (lambda: raise_(Abort("x")), "Failed", "Crashed"),
    "Pause": (lambda: raise_(Pause("x")), "Failed", "Crashed"),
    "suspend without a deployment": (lambda: drive(asuspend_flow_run()), "Failed", "Failed"),
    "KeyboardInterrupt": (lambda: raise_(KeyboardInterrupt()), "Crashed", "Crashed"),
    "SystemExit": (lambda: raise_(SystemExit(3)), "Crashed", "Crashed"),
    "GeneratorExit": (lambda: raise_(GeneratorExit()), "Crashed", "Crashed"),
    "CancelledError": (lambda: raise_(asyncio.CancelledError()), "Crashed", "Crashed"),
    "TerminationSignal": (lambda: raise_(TerminationSignal(15)), "Crashed", "Crashed"),
    "BaseException": (lambda: raise_(BaseException("x")), "Crashed", "Crashed"),
    "state Failed": (Failed, "Failed", "Failed"),
    "state Crashed": (Crashed, "Crashed", "Crashed"),
    "state Cancelled": (Cancelled, "Cancelled", "Cancelled"),
    "state Cancelling": (Cancelling, "Failed", "Cancelled"),
    "state Running": (Running, "Failed", "Failed"),
    "state Pending": (Pending, "Failed", "Failed"),
    "state Suspended": (Suspended, "Failed", "Crashed"),
}


def recorded() -> dict[str, str | None]:
    """The states of all recorded runs, by name."""
    with get_client(sync_client=True) as client:
        return {each.name: each.state_name for each in (*client.read_task_runs(), *client.read_flow_runs())}


def make_task(ending: str) -> Any:
    body = ENDINGS[ending][0]

    @task(task_run_name="task")
    def ends() -> Any:
        return body()

    return ends


CALLERS: dict[str, Callable[[Any], Any]] = {
    "call": lambda ends: ends(),
    "call for its state": lambda ends: ends(return_state=True),
    "submit": lambda ends: ends.submit().result(),
    "return of a future": lambda ends: ends.submit(),
    "future left alone": lambda ends: ends.submit() and None,
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("way", CALLERS)
def test_task_and_its_flow_end(ending: str, way: str):
    @flow(flow_run_name="flow")
    def main() -> Any:
        return CALLERS[way](make_task(ending))

    with suppress(BaseException):
        main()
    states = recorded()
    assert states["task"] == ENDINGS[ending][1]
    assert states["flow"] not in ("Running", "Pending", "Cancelling"), states


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("shell", SHELLS)
def test_subflow_and_its_parent_end(ending: str, shell: str):
    kind, body = Shell(shell), ENDINGS[ending][0]

    @kind.flow(flow_run_name="child")
    def child() -> Any:
        return body()

    @flow(flow_run_name="parent")
    def parent() -> Any:
        return kind.call(child)

    with suppress(BaseException):
        parent()
    states = recorded()
    # A generator yields what the function returns, so that a state is only an item.
    returns_state = ending.startswith("state") and not kind.iterates
    raises = not ending.startswith("state") and ending != "return"
    assert states["child"] == (ENDINGS[ending][2] if returns_state or raises else "Completed")
    assert states["child-0"] == states["child"], "the task run that stands for it"
    assert states["parent"] not in ("Running", "Pending", "Cancelling"), states


@task(task_run_name="task")
async def sleep() -> None:
    await asyncio.sleep(60)


@flow(flow_run_name="child")
async def child() -> None:
    await sleep()


@flow(flow_run_name="parent")
async def parent() -> None:
    await child()


@flow(flow_run_name="parent")
async def items() -> Any:
    yield 1
    await child()


async def consume() -> None:
    async for _ in items():
        pass


async def cancel_in_task_group(body: Callable[[], Awaitable[None]]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await until_running()
        group.cancel_scope.cancel()


async def cancel_task(body: Callable[[], Awaitable[None]]) -> None:
    running = asyncio.ensure_future(body())
    await until_running()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def cancel_twice(body: Callable[[], Awaitable[None]]) -> None:
    running = asyncio.ensure_future(body())
    await until_running()
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def until_running() -> None:
    async with get_client() as client:
        while not any(each.state_name == "Running" for each in await client.read_task_runs()):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("cancel", [cancel_in_task_group, cancel_task, cancel_twice])
@pytest.mark.parametrize("body", [parent, consume])
def test_cancellation_is_recorded_immediately(cancel: Any, body: Any):
    async def main() -> dict[str, str | None]:
        await cancel(body)
        async with get_client() as client:
            runs = [*await client.read_task_runs(), *await client.read_flow_runs()]
            return {each.name: each.state_name for each in runs}

    states = asyncio.run(main())
    assert states == dict.fromkeys(("task", "child", "child-0", "parent"), "Crashed")


PROGRAM = """
    import os, sys, time
    from prefect import journal

    @task
    def ends():
        {ending}

    @flow
    def child():
        ends{call}

    @flow
    def main():
        child()

    main()
"""


@pytest.mark.parametrize("ending", ["os._exit(3)", "os.abort()", "sys.exit(3)", "1 / 0"])
def test_end_of_the_process_ends_its_runs(home: Path, ending: str):
    status, _, _ = run(PROGRAM.format(ending=ending, call=".submit().result()"))
    assert status != 0
    assert set(recorded().values()) <= {"Crashed", "Failed"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_signal_ends_the_runs_of_a_process(home: Path, number: signal.Signals):
    program = started(PROGRAM.format(ending="journal.flush(); print(flush=True); time.sleep(60)", call="()"))
    assert program.stdout is not None
    program.stdout.readline()
    program.send_signal(number)
    finished(program)
    assert set(recorded().values()) == {"Crashed"}
