"""A task whose upstream did not complete."""

from _facts import fact, history, run_id, trace

from prefect import allow_failure, flow, task
from prefect.states import Cancelled


@task
def bad():
    raise ValueError("broke")


@task
def cancelled():
    return Cancelled(message="stop")


@task
def good(x=None):
    return f"got {type(x).__name__}"


@task(retries=2)
def retried(x):
    return x


@flow
def main():
    for name, upstream in (("failed", bad), ("cancelled", cancelled)):
        future = good.submit(upstream.submit())
        future.wait()
        fact(f"{name}: downstream state", future.state)
        trace(f"{name}: downstream result", future.result)
        fact(f"{name}: downstream history", history(future.task_run_id))
        second = good.submit(future)
        second.wait()
        fact(f"{name}: downstream of the downstream", second.state)
        waiting = good.submit(wait_for=[upstream.submit()])
        waiting.wait()
        fact(f"{name}: wait_for", waiting.state)
        allowed = good.submit(allow_failure(upstream.submit()))
        allowed.wait()
        fact(f"{name}: allow_failure", allowed.state)
        trace(f"{name}: allow_failure result", allowed.result)
        allowed = good.submit(wait_for=[allow_failure(upstream.submit())])
        allowed.wait()
        fact(f"{name}: wait_for allow_failure", allowed.state)
        fact(f"{name}: a state as argument", good(upstream(return_state=True), return_state=True))
        fact(f"{name}: in a list", good(([upstream(return_state=True)]), return_state=True))
        fact(f"{name}: allow_failure of a state", good(allow_failure(upstream(return_state=True)), return_state=True))
        trace(f"{name}: call with a broken future", lambda: good(upstream.submit()))
    again = retried.submit(bad.submit())
    again.wait()
    fact("with retries", again.state)
    fact("with retries: history", history(again.task_run_id))
    fact("completed state as argument", good(good(return_state=True)))
    return "end"


fact("main", main())


@flow
def returns_not_ready():
    return good.submit(bad.submit())


fact("flow returning a task that is not ready", returns_not_ready(return_state=True))
