"""Options of the functions that run a flow by hand."""

import os
from pathlib import Path

import pytest

from prefect import flow, get_client, tags
from prefect.context import serialize_context
from prefect.exceptions import UpstreamTaskError
from prefect.flow_engine import (
    run_flow,
    run_flow_async,
    run_flow_in_subprocess,
    run_flow_sync,
    run_generator_flow_async,
    run_generator_flow_sync,
)
from prefect.schemas.runs import FlowRun
from prefect.states import Failed, State


@flow
def add(x: int, y: int = 1) -> int:
    return x + y


@flow
async def aadd(x: int, y: int = 1) -> int:
    return x + y


@flow
def count(n: int):
    yield from range(n)


@flow
async def acount(n: int):
    for number in range(n):
        yield number


@flow
def note(path: str) -> None:
    Path(path).write_text(f"{os.environ.get('A_VARIABLE')} {os.environ.get('HOME')}")


def create_run(flow_, **parameters: object) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.create_flow_run(flow_, parameters=parameters)


def read_runs() -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs()


def failed() -> State:
    return Failed(message="the table is missing")


@pytest.fixture
def context() -> dict[str, object]:
    """The context of a place with a tag, as it reaches another process."""
    with tags("from-elsewhere"):
        return serialize_context()


def test_run_flow_takes_the_context_of_another_place(context: dict[str, object]) -> None:
    assert run_flow(add, parameters={"x": 1}, context=context) == 2

    assert [run.tags for run in read_runs()] == [["from-elsewhere"]]


def test_run_flow_does_not_run_after_a_failed_upstream() -> None:
    with pytest.raises(UpstreamTaskError):
        run_flow(add, parameters={"x": 1}, wait_for=[failed()])

    assert [run.state_name for run in read_runs()] == ["NotReady"]


def test_run_flow_sync_executes_the_passed_run() -> None:
    created = create_run(add, x=4)

    assert run_flow_sync(add, flow_run=created) == 5

    assert [(run.id, run.state_name) for run in read_runs()] == [(created.id, "Completed")]


async def test_run_flow_async_executes_the_passed_run_in_a_context(context: dict[str, object]) -> None:
    created = create_run(aadd, x=4)

    assert await run_flow_async(aadd, flow_run=created) == 5
    assert await run_flow_async(aadd, parameters={"x": 1}, context=context) == 2

    assert {(run.id == created.id, *run.tags) for run in read_runs()} == {(True,), (False, "from-elsewhere")}


async def test_run_flow_async_does_not_run_after_a_failed_upstream() -> None:
    state = await run_flow_async(aadd, parameters={"x": 1}, wait_for=[failed()], return_type="state")

    assert state.name == "NotReady"


def test_generator_flow_executes_the_passed_run() -> None:
    created = create_run(count, n=2)

    assert list(run_generator_flow_sync(count, flow_run=created, return_type="result")) == [0, 1]

    assert [(run.id, run.state_name) for run in read_runs()] == [(created.id, "Completed")]


def test_generator_flow_takes_parameters_and_context(context: dict[str, object]) -> None:
    assert list(run_generator_flow_sync(count, parameters={"n": 2}, context=context)) == [0, 1]

    assert [run.tags for run in read_runs()] == [["from-elsewhere"]]


def test_generator_flow_yields_nothing_after_a_failed_upstream() -> None:
    with pytest.raises(UpstreamTaskError):
        list(run_generator_flow_sync(count, parameters={"n": 2}, wait_for=[failed()]))


async def test_async_generator_flow_executes_the_passed_run() -> None:
    created = create_run(acount, n=2)

    items = run_generator_flow_async(acount, flow_run=created, return_type="result")
    assert [item async for item in items] == [0, 1]

    assert [(run.id, run.state_name) for run in read_runs()] == [(created.id, "Completed")]


async def test_async_generator_flow_takes_parameters_and_context(context: dict[str, object]) -> None:
    items = run_generator_flow_async(acount, parameters={"n": 2}, context=context)
    assert [item async for item in items] == [0, 1]

    assert [run.tags for run in read_runs()] == [["from-elsewhere"]]


async def test_async_generator_flow_yields_nothing_after_a_failed_upstream() -> None:
    with pytest.raises(UpstreamTaskError):
        [item async for item in run_generator_flow_async(acount, parameters={"n": 2}, wait_for=[failed()])]


def test_subprocess_takes_parameters_variables_and_context(tmp_path: Path, context: dict[str, object]) -> None:
    path = tmp_path / "noted"

    process = run_flow_in_subprocess(
        note, parameters={"path": str(path)}, context=context, env={"A_VARIABLE": "seen", "HOME": None}
    )
    process.join()

    assert process.exitcode == 0
    assert path.read_text() == "seen None"
    assert [run.tags for run in read_runs()] == [["from-elsewhere"]]


def test_subprocess_does_not_run_after_a_failed_upstream(tmp_path: Path) -> None:
    path = tmp_path / "noted"

    process = run_flow_in_subprocess(note, parameters={"path": str(path)}, wait_for=[failed()])
    process.join()

    assert not path.exists()
    assert [run.state_name for run in read_runs()] == ["NotReady"]
