"""Running a flow by hand."""

import logging

import pytest

from prefect import flow, get_client, task
from prefect.context import serialize_context
from prefect.exceptions import ObjectNotFound
from prefect.flow_engine import load_flow, load_flow_run, run_flow, run_flow_async, run_flow_sync
from prefect.schemas.runs import FlowRun
from prefect.types import new_id


@flow
def add(x: int, y: int = 1):
    return x + y


@flow
async def aadd(x, y=1):
    return x + y


@flow
def count(n):
    yield from range(n)


@flow
async def acount(n):
    for number in range(n):
        yield number


@flow
def fails():
    raise ValueError("as told")


def test_the_value_or_the_state():
    assert run_flow(add, parameters={"x": "1"}) == 2
    state = run_flow_sync(flow=add, parameters={"y": 5, "x": 1}, return_type="state")
    assert state.is_completed() and state.result() == 6


async def test_of_an_async_flow():
    assert await run_flow(aadd, parameters={"x": 1}) == 2
    state = await run_flow_async(flow=aadd, parameters={"x": 1}, return_type="state")
    assert await state.aresult() == 2


async def test_of_generators():
    assert list(run_flow(count, parameters={"n": 3})) == [0, 1, 2]
    assert [number async for number in run_flow(acount, parameters={"n": 2})] == [0, 1]
    with pytest.raises(ValueError, match="is a generator"):
        next(run_flow(count, parameters={"n": 3}, return_type="state"))


def test_a_failure_is_told_to_the_logger_that_is_given(caplog: pytest.LogCaptureFixture):
    with pytest.raises(ValueError, match="as told"):
        run_flow(fails, error_logger=logging.getLogger("mine"))
    (record,) = [record for record in caplog.records if record.name == "mine"]
    assert "fails" in record.getMessage() and record.exc_info
    assert run_flow(fails, return_type="state").is_failed()


def test_it_is_a_subflow_in_the_context_of_a_flow():
    contexts = []

    @flow
    def outer():
        contexts.append(serialize_context())

    outer()
    run_flow_sync(add, parameters={"x": 1}, context=contexts[0], wait_for=[task(lambda: 1).submit()])
    with get_client(sync_client=True) as client:
        inner = next(run for run in client.read_flow_runs() if run.parameters)
    assert inner.parent_task_run_id is not None


def test_a_run_is_loaded_by_its_id():
    state = add(1, return_state=True)
    run = load_flow_run(state.state_details.flow_run_id)
    assert (run.parameters, run.state_name) == ({"x": 1, "y": 1}, "Completed")
    with pytest.raises(ObjectNotFound):
        load_flow_run(new_id())


def test_runs_that_have_been_created_before_come_later():
    run = FlowRun(id=new_id(), flow_id=new_id(), name="before")
    with pytest.raises(NotImplementedError, match="created before comes in a later issue"):
        run_flow(add, flow_run=run, parameters={"x": 1})
    with pytest.raises(NotImplementedError, match="later"):
        load_flow(run)
