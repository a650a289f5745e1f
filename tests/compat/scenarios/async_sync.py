"""Async and sync flows and tasks called from each other."""

import asyncio

from _facts import fact, outcome, trace

from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner


@task
def sync_task(x=1):
    return x


@task
async def async_task(x=1):
    await asyncio.sleep(0)
    return x


@task
async def async_bad():
    raise ValueError("broke")


@flow
def sync_flow(x=1):
    return sync_task(x)


@flow
async def async_flow(x=1):
    return await async_task(x)


@flow
async def main():
    fact("sync task", sync_task(2))
    fact("sync task return_state", sync_task(2, return_state=True))
    fact("async task", await async_task(3))
    fact("async task return_state", await async_task(3, return_state=True))
    fact("async task is a coroutine", asyncio.iscoroutine(c := async_task(3)))
    await c
    fact("gather", await asyncio.gather(*(async_task(i) for i in range(4))))
    fact("sync flow", sync_flow(4))
    fact("async flow", await async_flow(5))
    fact("async flow return_state", await async_flow(5, return_state=True))
    future = async_task.submit(6)
    fact("submit", [type(future).__name__, future.result()])
    fact("submit sync", sync_task.submit(7).result())
    fact("map", async_task.map([1, 2]).result())
    try:
        await async_bad()
    except ValueError as error:
        fact("raises", error)
    bad = async_bad.submit()
    bad.wait()
    fact("submitted broken", bad.state)
    try:
        fact(
            "gather with a broken one",
            [type(each).__name__ for each in await asyncio.gather(async_task(1), async_bad(), return_exceptions=True)],
        )
    except Exception as error:
        fact("gather raised", error)
    fact("gather flows", await asyncio.gather(async_flow(1), async_flow(2)))
    return "end"


fact("main", asyncio.run(main()))


@flow
def sync_main():
    trace("async task from a sync flow", lambda: type(c := async_task(1)).__name__)
    trace("async submit from a sync flow", lambda: async_task.submit(8).result())
    trace("asyncio.run in a sync flow", lambda: asyncio.run(async_task(9)))
    trace("async flow from a sync flow", lambda: asyncio.run(async_flow(10)))
    try:
        asyncio.get_running_loop()
        return "a loop runs"
    except RuntimeError:
        return "no loop runs"


import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    fact("sync main", sync_main())
trace("async task outside", lambda: asyncio.run(async_task(11)))


async def plain():
    return [sync_flow(12), await async_flow(13), sync_task(14), await async_task(15)]


fact("from a plain coroutine", asyncio.run(plain()))


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
async def with_runner():
    futures = [sync_task.submit(i) for i in range(5)]
    return [future.result() for future in futures]


fact("with a runner", asyncio.run(with_runner()))
fact("isasync", [sync_flow.isasync, async_flow.isasync, sync_task.isasync, async_task.isasync])


@task
def task_in_task(x):
    return sync_task(x) + 1


@task
async def async_task_in_task(x):
    return await async_task(x) + 1


fact("task in a task", flow(lambda: task_in_task(1))())
fact("submitted task in a task", flow(lambda: task_in_task.submit(1).result())())


@task
def submits(x):
    return sync_task.submit(x).result() + 1


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def nested_submission():
    return submits.map([1, 2]).result()


fact("nested submission", nested_submission())
fact("async task in a task", asyncio.run(async_task_in_task(1)))
trace("task outside a flow", lambda: sync_task(20))
trace("task outside a flow, state", lambda: sync_task(20, return_state=True))
trace("submit outside a flow", lambda: sync_task.submit(21).result())
trace("map outside a flow", lambda: sync_task.map([1, 2]).result())
