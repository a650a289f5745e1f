"""Futures of flow runs: the API is asked for the state."""

import asyncio
import threading
from typing import Any

import pytest

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.futures import PrefectFlowRunFuture, PrefectFutureList, as_completed
from prefect.schemas.states import Completed


@flow(persist_result=True)
def add(number: int) -> int:
    return number + 1


@flow
def fails() -> None:
    raise KeyError("x")


def make_future(state: Any) -> PrefectFlowRunFuture[Any]:
    return PrefectFlowRunFuture(state.state_details.flow_run_id)


def test_future_of_a_flow_run_has_its_state_and_result():
    future = make_future(add(1, return_state=True))

    assert future.state.is_completed() and future.done
    assert (future.result(), asyncio.run(future.aresult())) == (2, 2)
    assert future == PrefectFlowRunFuture(future.flow_run_id) and len({future, future}) == 1
    assert PrefectFutureList([future]).result() == [2] and list(as_completed([future])) == [future]


def test_future_of_a_failed_flow_run_raises():
    future = make_future(fails(return_state=True))

    with pytest.raises(Exception, match="x"):
        future.result()
    assert isinstance(future.result(raise_on_failure=False), Exception)


async def test_future_of_a_flow_run_waits_until_it_has_ended():
    async with get_client() as client:
        run = await client.create_flow_run(add, parameters={"number": 1})
        future: PrefectFlowRunFuture[Any] = PrefectFlowRunFuture(run.id)

        await future.wait_async(timeout=0)
        assert not future.done
        with pytest.raises(TimeoutError, match="did not complete within 0"):
            await future.aresult(timeout=0)
        called = threading.Event()
        future.add_done_callback(lambda _: called.set())
        await client.set_flow_run_state(run.id, Completed(), force=True)
        await future.wait_async(timeout=60)

    assert future.done and await asyncio.to_thread(called.wait, 60)
