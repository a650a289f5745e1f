"""Hooks of flows and tasks: when, in which order, with which arguments."""

import asyncio

from _facts import fact, run_id, trace

from prefect import flow, task
from prefect.states import Cancelled, Crashed

log = []


def hook(name):
    def called(thing, run, state):
        log.append(
            [
                name,
                type(thing).__name__,
                thing.name,
                type(run).__name__,
                type(state).__name__.partition("[")[0],
                state.name,
            ]
        )

    called.__name__ = name
    return called


async def async_hook(thing, run, state):
    await asyncio.sleep(0)
    log.append(["async", state.name])


def broken_hook(thing, run, state):
    raise RuntimeError("hook broke")


ALL = dict(on_completion=[hook("completion")], on_failure=[hook("failure")], on_running=[hook("running")])
FLOW = dict(**ALL, on_cancellation=[hook("cancellation")], on_crashed=[hook("crashed")])
good_task = task(name="good", **ALL)(lambda: 1)


@task(**ALL)
def bad_task():
    raise ValueError("broke")


attempts = []


@task(retries=1, **ALL)
def retried_task():
    attempts.append(1)
    if len(attempts) < 2:
        raise ValueError("broke")


@task(on_completion=[broken_hook, hook("after the broken one")])
def broken_hooked():
    return 1


@task(on_completion=[async_hook, hook("sync")])
def async_hooked():
    return 1


@task(on_completion=[async_hook])
async def async_task():
    return 1


@task(retries=1, on_failure=[hook("failure")])
def never():
    raise ValueError


decorated = task(name="decorated")(lambda: 1)


@decorated.on_completion
def first(task, run, state):
    log.append(["first"])


@decorated.on_completion
def second(task, run, state):
    log.append(["second"])


fact("decorator returns", [first.__name__, [each.__name__ for each in decorated.on_completion_hooks]])


def check(name, run):
    log.clear()
    trace(f"{name}: outcome", run)
    fact(f"{name}: log", list(log))


for each in (good_task, bad_task, retried_task, broken_hooked, async_hooked, never, decorated):
    check(f"task {each.name}", lambda: flow(name="f")(lambda: each(return_state=True).name)())


@flow
async def with_async_task():
    return await async_task()


check("async task", lambda: asyncio.run(with_async_task()))
check("flow good", flow(name="good", **FLOW)(lambda: 1))
check("flow bad", flow(name="bad", **FLOW)(lambda: 1 / 0))
check("flow cancelled", flow(name="cancelled", **FLOW)(lambda: Cancelled()))
check("flow crashed", flow(name="crashed", **FLOW)(lambda: Crashed()))
flow_attempts = []


@flow(retries=1, **FLOW)
def retried_flow():
    flow_attempts.append(1)
    if len(flow_attempts) < 2:
        raise ValueError("broke")


check("flow retried", retried_flow)
check("flow broken hook", flow(name="broken", on_completion=[broken_hook, hook("after")])(lambda: 1))
check("flow async hook", flow(name="async", on_completion=[async_hook])(lambda: 1))
hooked = flow(name="decorated")(lambda: 1)
hooked.on_completion(hook("by method"))
hooked.on_failure(hook("failure by method"))
hooked.on_running(hook("running by method"))
check("flow decorated", hooked)
check("flow with_options keeps hooks", hooked.with_options(name="other"))
check("flow with_options replaces hooks", hooked.with_options(on_completion=[hook("replaced")]))
check("subflow", flow(name="outer", **FLOW)(lambda: flow(name="inner", **FLOW)(lambda: 1)()))
trace("not a list", lambda: flow(on_completion=hook("x"))(lambda: 1))
trace("empty list", lambda: flow(on_completion=[])(lambda: 1))
trace("not callable", lambda: flow(on_completion=["x"])(lambda: 1))
trace("task not a list", lambda: task(on_completion=hook("x"))(lambda: 1))
trace("task empty list", lambda: task(on_completion=[])(lambda: 1))
trace("task not callable", lambda: task(on_failure=["x"])(lambda: 1))


class Hooks:
    def method(self, flow, run, state):
        log.append(["method"])


check("bound method", flow(name="m", on_completion=[Hooks().method])(lambda: 1))
