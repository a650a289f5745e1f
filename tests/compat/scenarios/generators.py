"""Generator tasks and flows, sync and async."""

import asyncio

from _facts import fact, history, run_id, task_runs, trace

from prefect import flow, task


@task
def numbers(n):
    for i in range(n):
        yield i


@task
def breaks():
    yield 1
    raise ValueError("broke")


@task
def sends():
    got = yield 1
    yield got


@task
async def anumbers(n):
    for i in range(n):
        yield i


@task
async def abreaks():
    yield 1
    raise ValueError("broke")


@task
def one(x):
    return x


@flow
def flow_numbers():
    yield 1
    yield one(2)


@flow
def flow_breaks():
    yield 1
    raise ValueError("broke")


@flow
async def aflow_numbers():
    yield 1
    yield 2


@flow
def main():
    trace("list", lambda: list(numbers(3)))
    trace("type", lambda: type(numbers(3)).__name__)
    taken = []

    def breaking():
        for each in breaks():
            taken.append(each)

    trace("breaks", breaking)
    fact("taken before it broke", taken)
    trace("return_state", lambda: numbers(2, return_state=True))
    trace("return_state result", lambda: numbers(2, return_state=True).result())
    trace("submit", lambda: numbers.submit(3).result())
    trace("map", lambda: numbers.map([1, 2]).result())

    def partly():
        for each in numbers(5):
            if each == 2:
                return "left early"

    trace("left early", partly)
    trace("into a task", lambda: [one(each) for each in numbers(2)])

    def sending():
        generator = sends()
        return [next(generator), generator.send("sent")]

    trace("send", sending)
    return "end"


@flow
async def amain():
    fact("async list", [each async for each in anumbers(3)])
    taken = []
    try:
        async for each in abreaks():
            taken.append(each)
    except ValueError as error:
        fact("async breaks", error)
    fact("async taken", taken)


fact("main", main())
asyncio.run(amain())
trace("flow list", lambda: list(flow_numbers()))
taken = []


def breaking():
    for each in flow_breaks():
        taken.append(each)


trace("flow breaks", breaking)
fact("flow taken", taken)


async def collect():
    return [each async for each in aflow_numbers()]


fact("async flow", asyncio.run(collect()))
trace("flow return_state", lambda: flow_numbers(return_state=True))
trace("flow return_state result", lambda: flow_numbers(return_state=True).result())


@flow
def states():
    list(numbers(1))
    for _ in numbers(5):
        break


final = states(return_state=True)
fact("recorded", sorted(str(run.state and run.state.name) for run in task_runs(run_id(final), 1)))
