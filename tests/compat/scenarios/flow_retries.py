"""Retries of flows: what runs again, which states the run goes through."""

from _facts import fact, history, run_id, state, task_runs, trace

from prefect import flow, task
from prefect.context import get_run_context

calls = {}


def count(name):
    calls[name] = calls.get(name, 0) + 1
    return calls[name]


@task
def work(x):
    count("work")
    return x


@task
def flaky():
    if count("flaky") < 2:
        raise ValueError("flaky broke")
    return "ok"


@flow(retries=2)
def twice():
    work(1)
    flaky()
    fact("run_count when it works", get_run_context().flow_run.run_count)
    return "done"


@flow(retries=1)
def never():
    raise ValueError(f"attempt {count('never')}")


@flow(retries=1, retry_delay_seconds=0.01)
def delayed():
    if count("delayed") < 2:
        raise ValueError("again")
    return 1


@flow(retries=1)
def failing_return():
    from prefect.states import Failed

    return Failed(message=f"attempt {count('failing_return')}")


@flow
def child():
    if count("child") < 2:
        raise ValueError("child broke")
    return "child"


@flow(retries=1)
def parent():
    count("parent")
    return child()


@flow(retries=1)
def child_with_retries():
    if count("child_with_retries") < 2:
        raise ValueError("child broke")
    return "child"


@flow
def parent_of_retrying():
    count("parent_of_retrying")
    return child_with_retries()


for each in (twice, never, delayed, failing_return, parent, parent_of_retrying):
    final = each(return_state=True)
    fact(f"{each.fn.__name__}: state", final)
    fact(f"{each.fn.__name__}: history", history(run_id(final), "flow"))
    if each is twice:
        runs = task_runs(run_id(final), 2)
        fact(
            "task runs of the flow",
            sorted([run.name.rsplit("-", 1)[0], run.state.name, run.run_count, run.flow_run_run_count] for run in runs),
        )
fact("calls", calls)
