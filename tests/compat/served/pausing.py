"""Flows that pause, wait for input, go on, and run out of time."""

import threading
import time

import _served  # noqa: F401
from _facts import client, fact, history, run_id, trace

from prefect import flow, task
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run


class Answer(RunInput):
    number: int
    word: str = "none"


@task
def before():
    return 1


@flow
def paused(timeout=20):
    before()
    started.append(flow_run.id)
    pause_flow_run(timeout=timeout, poll_interval=1)
    return "went on"


@flow
def asked():
    started.append(flow_run.id)
    given = pause_flow_run(wait_for_input=Answer, timeout=20, poll_interval=1)
    return [given.number, given.word]


started = []


def when_paused(call):
    """Call with the run's id once the server says that the run is paused."""

    def wait():
        deadline = time.monotonic() + 25
        while time.monotonic() < deadline:
            if started:
                with client() as api:
                    if api.read_flow_run(started[0]).state_type.value == "PAUSED":
                        call(api, started[0])
                        return
            time.sleep(0.2)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def seen(name, function, call, *args):
    started.clear()
    thread = when_paused(call)
    state = function(*args, return_state=True)
    thread.join()
    fact(name, [state.name, state.result(raise_on_failure=False) if state.name == "Completed" else None])
    fact(f"{name}: states", history(run_id(state), "flow"))
    with client() as api:
        run = api.read_flow_run(run_id(state))
    fact(f"{name}: run", [run.run_count, run.state_name])


seen("resumed", paused, lambda api, id: trace("answer", lambda: api.resume_flow_run(id).status.value))
seen(
    "resumed with input",
    asked,
    lambda api, id: trace("input", lambda: api.resume_flow_run(id, run_input={"number": 3, "word": "w"}).status.value),
)


def wrongly(api, id):
    result = api.resume_flow_run(id, run_input={"number": "many"})
    fact("wrong input", [result.status.value, result.details.type])
    api.resume_flow_run(id, run_input={"number": 4})


seen("resumed with wrong input first", asked, wrongly)
seen("ran out of time", paused, lambda api, id: None, 2)
with client() as api:
    result = api.resume_flow_run(started[0])
    fact("resumed too late", [result.status.value, result.details.type])
