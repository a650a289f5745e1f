"""KeyboardInterrupt, SystemExit and their kind in flows and tasks."""

import asyncio

from _facts import client, fact, history, run_id, task_runs, trace

from prefect import flow, task
from prefect.context import get_run_context

log = []


def crashed(thing, run, state):
    log.append(["crashed", state.name, state.message])


def failed(thing, run, state):
    log.append(["failed", state.name])


ids = {}


def make(name, error):
    @task(name=f"task {name}", retries=1, on_failure=[failed])
    def broken():
        raise error

    @flow(name=f"flow {name}", on_crashed=[crashed], on_failure=[failed], retries=1)
    def direct():
        ids[name] = get_run_context().flow_run.id
        raise error

    @flow(name=f"through a task {name}", on_crashed=[crashed])
    def through():
        ids["task " + name] = get_run_context().flow_run.id
        broken()

    @flow(name=f"submitted {name}", on_crashed=[crashed])
    def submitted():
        future = broken.submit()
        future.wait()
        return "went on"

    @flow(name=f"caught {name}")
    def caught():
        try:
            broken()
        except BaseException as error:
            return f"caught {type(error).__name__}"

    return direct, through, submitted, caught


async def read(id):
    pass


for name, error in (
    ("interrupt", KeyboardInterrupt()),
    ("exit", SystemExit(3)),
    ("cancelled", asyncio.CancelledError("c")),
):
    direct, through, submitted, caught = make(name, error)
    log.clear()
    trace(f"{name}: flow", direct)
    fact(f"{name}: hooks", list(log))
    with client() as api:
        fact(f"{name}: flow state", api.read_flow_run(ids[name]).state)
    trace(f"{name}: flow through a task", through)
    with client() as api:
        fact(f"{name}: flow through a task: state", api.read_flow_run(ids["task " + name]).state)
    fact(f"{name}: task's state", [run.state for run in task_runs(ids["task " + name], 1)])
    trace(f"{name}: caught", caught)
    if name != "interrupt":
        trace(f"{name}: submitted", submitted)


@flow(on_crashed=[crashed])
def returns_state():
    raise SystemExit(3)


trace("return_state of a crash", lambda: returns_state(return_state=True))


@flow
def raising_base():
    class Own(BaseException):
        pass

    raise Own("own")


trace("own BaseException", raising_base)
