"""Retries of tasks: attempts, states gone through, run_count, delays, conditions."""

from _facts import fact, history, outcome, run_id, state, task_runs, trace

from prefect import flow, get_run_logger, task
from prefect.context import get_run_context
from prefect.tasks import exponential_backoff

calls = {}


def count(name):
    calls[name] = calls.get(name, 0) + 1
    return calls[name]


@task(retries=2)
def third_time():
    n = count("third_time")
    if n < 3:
        raise ValueError(f"attempt {n}")
    return n


@task(retries=1)
def never():
    raise ValueError(f"attempt {count('never')}")


@task(retries=1, retry_delay_seconds=0.01)
def delayed():
    n = count("delayed")
    if n < 2:
        raise ValueError(f"attempt {n}")
    return n


@task(retries=3, retry_delay_seconds=[0.01, 0.02])
def delays():
    raise ValueError(f"attempt {count('delays')}")


@task(retries=3, retry_condition_fn=lambda task, run, state: False)
def condition_says_no():
    raise ValueError(f"attempt {count('condition_says_no')}")


seen = []


def condition(task, run, state):
    try:
        state.result()
    except ValueError as error:
        seen.append([task.name, type(run).__name__, run.run_count, state.name, str(error)])
        return "1" in str(error) or "2" in str(error)


@task(retries=5, retry_condition_fn=condition)
def condition_looks():
    raise ValueError(f"attempt {count('condition_looks')}")


async def async_condition(task, run, state):
    return False


@task(retries=2, retry_condition_fn=async_condition)
def condition_async():
    raise ValueError(f"attempt {count('condition_async')}")


def broken_condition(task, run, state):
    raise RuntimeError("condition broke")


@task(retries=2, retry_condition_fn=broken_condition)
def condition_raises():
    raise ValueError(f"attempt {count('condition_raises')}")


@task(retries=1)
def counts():
    run = get_run_context().task_run
    n = count("counts")
    fact(f"run_count in attempt {n}", run.run_count)
    fact(f"state in attempt {n}", run.state)
    if n < 2:
        raise ValueError("again")


@task(retries=1)
async def async_retry():
    n = count("async_retry")
    if n < 2:
        raise ValueError("again")
    return n


@task(retries=2)
def returns_failed():
    from prefect.states import Failed

    return Failed(message=f"attempt {count('returns_failed')}")


@flow
def main():
    for each in (
        third_time,
        never,
        delayed,
        delays,
        condition_says_no,
        condition_looks,
        condition_async,
        condition_raises,
        counts,
        async_retry,
        returns_failed,
    ):
        name = each.fn.__name__
        final = each(return_state=True)
        if hasattr(final, "__await__"):
            import asyncio

            final = asyncio.run(final)
        fact(f"{name}: state", final)
        fact(f"{name}: calls", calls[name])
        fact(f"{name}: history", history(run_id(final)))
    return "end"


final = main(return_state=True)
fact("flow", final)
fact("seen by the condition", seen)
for run in task_runs(run_id(final), 11):
    fact(
        f"{run.name.rsplit('-', 1)[0]}: recorded",
        {
            "run_count": run.run_count,
            "flow_run_run_count": run.flow_run_run_count,
            "state": state(run.state),
            "retries": run.empirical_policy.retries,
            "retry_delay": run.empirical_policy.retry_delay,
        },
    )
fact("exponential_backoff", exponential_backoff(10)(4))
trace("negative backoff", lambda: exponential_backoff(-1))
trace("too many delays", lambda: task(retries=1, retry_delay_seconds=[0] * 51)(lambda: 1))
trace("negative jitter", lambda: task(retries=1, retry_jitter_factor=-1)(lambda: 1))
trace("retry condition not callable", lambda: task(retries=1, retry_condition_fn="no")(lambda: 1))
fact("delay callable", task(retries=3, retry_delay_seconds=exponential_backoff(2))(lambda: 1).retry_delay_seconds)
