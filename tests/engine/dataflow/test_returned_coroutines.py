"""A flow that returns a coroutine, such as the call of an async task, has that coroutine's value as its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext


@task
async def fetch() -> str:
    await asyncio.sleep(0)
    return "fetched"


async def fail() -> None:
    raise ValueError("broken")


@flow
def sync_flow() -> Any:
    return fetch()


@flow
async def async_flow() -> Any:
    return fetch()


async def under_loop() -> Any:
    return sync_flow()


@pytest.mark.stray_threads
@pytest.mark.parametrize("run", [sync_flow, lambda: asyncio.run(async_flow()), lambda: asyncio.run(under_loop())])
def test_flow_awaits_the_coroutine_that_it_returns(run: Callable[[], Any]):
    assert run() == "fetched"
    with get_client(sync_client=True) as client:
        [flow_run], [task_run] = client.read_flow_runs(), client.read_task_runs()
    assert flow_run.state_name == task_run.state_name == "Completed"
    assert task_run.flow_run_id == flow_run.id


def test_returned_coroutine_runs_inside_of_the_run():
    async def look() -> Any:
        context = FlowRunContext.get()
        return context and context.flow_run and context.flow_run.name

    assert flow(lambda: look(), name="program", flow_run_name="mine")() == "mine"


def test_error_of_returned_coroutine_fails_the_run_and_is_retried():
    attempts: list[int] = []

    @flow(retries=1)
    def program() -> Any:
        attempts.append(1)
        return fail()

    state = program(return_state=True)
    assert (state.name, len(attempts)) == ("Failed", 2)
    with pytest.raises(ValueError, match="broken"):
        program()


def test_coroutine_that_a_task_returns_is_its_value():
    @task
    def give() -> Any:
        return fail()

    awaitable = give()
    assert asyncio.iscoroutine(awaitable)
    awaitable.close()
