"""Options of the functions that run a task by hand."""

import asyncio

import pytest

from prefect import flow, get_client, task
from prefect.context import serialize_context
from prefect.exceptions import UpstreamTaskError
from prefect.schemas.run_inputs import TaskRunResult
from prefect.schemas.runs import TaskRun
from prefect.states import Failed, State
from prefect.task_engine import (
    run_generator_task_async,
    run_generator_task_sync,
    run_task,
    run_task_async,
    run_task_sync,
)
from prefect.types import new_id


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
async def aadd(x: int, y: int = 1) -> int:
    return x + y


@task
def count(n: int):
    yield from range(n)


@task
async def acount(n: int):
    for number in range(n):
        yield number


def read_runs() -> list[TaskRun]:
    with get_client(sync_client=True) as client:
        return client.read_task_runs()


def failed() -> State:
    return Failed(message="the table is missing")


def test_run_task_records_the_passed_id_and_dependencies() -> None:
    run_id, upstream_id = new_id(), new_id()

    assert (
        run_task(add, task_run_id=run_id, parameters={"x": 1}, dependencies={"x": {TaskRunResult(id=upstream_id)}}) == 2
    )

    [found] = read_runs()
    assert found.id == run_id
    assert found.task_inputs["x"] == [TaskRunResult(id=upstream_id)]


def test_run_task_does_not_run_after_a_failed_upstream() -> None:
    with pytest.raises(UpstreamTaskError, match="Upstream run failed: the table is missing"):
        run_task(add, parameters={"x": 1}, wait_for=[failed()])


async def test_run_task_async_takes_id_run_and_dependencies() -> None:
    first, second, upstream_id = new_id(), await aadd.create_local_run(parameters={"x": 1}), new_id()

    assert (
        await run_task_async(
            aadd, task_run_id=first, parameters={"x": 1}, dependencies={"x": {TaskRunResult(id=upstream_id)}}
        )
        == 2
    )
    assert await run_task_async(aadd, task_run=second, parameters={"x": 2}) == 3

    found = {run.id: run for run in read_runs()}
    assert set(found) == {first, second.id}
    assert found[first].task_inputs["x"] == [TaskRunResult(id=upstream_id)]


async def test_run_task_async_does_not_run_after_a_failed_upstream() -> None:
    state = await run_task_async(aadd, parameters={"x": 1}, wait_for=[failed()], return_type="state")

    assert state.name == "NotReady"


def test_run_task_sync_belongs_to_the_run_of_its_context() -> None:
    contexts = []

    @flow
    def outer() -> None:
        contexts.append(serialize_context())

    outer()
    assert run_task_sync(add, parameters={"x": 1}, context=contexts[0]) == 2

    with get_client(sync_client=True) as client:
        [flow_run] = client.read_flow_runs()
    assert [run.flow_run_id for run in read_runs()] == [flow_run.id]


def test_generator_task_takes_id_and_dependencies() -> None:
    run_id, upstream_id = new_id(), new_id()

    items = run_generator_task_sync(
        count,
        task_run_id=run_id,
        parameters={"n": 2},
        return_type="result",
        dependencies={"n": {TaskRunResult(id=upstream_id)}},
    )

    assert list(items) == [0, 1]
    [found] = read_runs()
    assert (found.id, found.task_inputs["n"]) == (run_id, [TaskRunResult(id=upstream_id)])


def test_generator_task_runs_as_the_passed_run_in_a_context() -> None:
    contexts = []

    @flow
    def outer() -> None:
        contexts.append(serialize_context())

    outer()
    run = asyncio.run(count.create_local_run(parameters={"n": 1}))
    assert list(run_generator_task_sync(count, task_run=run, parameters={"n": 1}, context=contexts[0])) == [0]

    assert [found.id for found in read_runs()] == [run.id]


def test_generator_task_yields_nothing_after_a_failed_upstream() -> None:
    with pytest.raises(UpstreamTaskError):
        list(run_generator_task_sync(count, parameters={"n": 2}, wait_for=[failed()]))


async def test_async_generator_task_takes_id_run_and_dependencies() -> None:
    run_id, upstream_id, other = new_id(), new_id(), await acount.create_local_run(parameters={"n": 1})

    items = run_generator_task_async(
        acount,
        task_run_id=run_id,
        parameters={"n": 2},
        return_type="result",
        dependencies={"n": {TaskRunResult(id=upstream_id)}},
    )
    assert [item async for item in items] == [0, 1]
    assert [item async for item in run_generator_task_async(acount, task_run=other, parameters={"n": 1})] == [0]

    found = {run.id: run for run in read_runs()}
    assert set(found) == {run_id, other.id}
    assert found[run_id].task_inputs["n"] == [TaskRunResult(id=upstream_id)]


async def test_async_generator_task_belongs_to_its_context_and_waits_for_its_upstream() -> None:
    contexts = []

    @flow
    async def outer() -> None:
        contexts.append(serialize_context())

    await outer()
    items = run_generator_task_async(acount, parameters={"n": 1}, context=contexts[0])
    assert [item async for item in items] == [0]
    [found] = read_runs()
    assert found.flow_run_id is not None

    with pytest.raises(UpstreamTaskError):
        [item async for item in run_generator_task_async(acount, parameters={"n": 1}, wait_for=[failed()])]
