"""Background tasks: submitted by this program and run by a task worker in it."""

import asyncio

import _served  # noqa: F401
from _facts import client, fact

from prefect import task
from prefect.task_worker import aserve


@task(persist_result=True)
def add(x, y=2):
    return x + y


@task(persist_result=True)
def fail():
    raise ValueError("no")


def wait(future):
    future.wait(30)
    with client() as api:
        return api.read_task_run(future.task_run_id).state.name


async def serve_and_wait(*futures):
    worker = asyncio.create_task(aserve(add, fail, timeout=60))
    states = [await asyncio.to_thread(wait, future) for future in futures]
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    return states


submitted = [add.delay(1), add.apply_async((5,), {"y": 7}), fail.delay()]
with client() as api:
    run = api.read_task_run(submitted[0].task_run_id)
fact("submitted", [run.state.name, run.state.state_details.deferred, run.flow_run_id, sorted(run.task_inputs)])
fact("states", asyncio.run(serve_and_wait(*submitted)))
fact("results", [future.result(timeout=10) for future in submitted[:2]])
