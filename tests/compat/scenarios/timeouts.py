"""Timeouts of tasks and flows, sync and async."""

import asyncio
import time

from _facts import fact, history, run_id, trace

from prefect import flow, task


@task(timeout_seconds=0.1)
def slow():
    for _ in range(100):
        time.sleep(0.02)
    return "slept"


@task(timeout_seconds=0.1)
async def aslow():
    await asyncio.sleep(3)
    return "slept"


@task(timeout_seconds=30)
def quick():
    return "quick"


@task
def plain():
    return "plain"


attempts = []


@task(timeout_seconds=1.0, retries=1)
def retried():
    attempts.append(1)
    if len(attempts) < 2:
        for _ in range(100):
            time.sleep(0.02)
    return "second time"


@flow(timeout_seconds=0.2)
def slow_flow():
    for _ in range(100):
        time.sleep(0.02)


@flow(timeout_seconds=0.2)
async def aslow_flow():
    await asyncio.sleep(3)


@flow(timeout_seconds=0.3)
def flow_with_slow_task():
    for _ in range(100):
        plain()
        time.sleep(0.02)


@flow(timeout_seconds=30)
def quick_flow():
    return "quick"


@flow
def main():
    final = slow(return_state=True)
    fact("task", final)
    fact("task: history", history(run_id(final)))
    trace("task: call", slow)
    final = slow.submit(return_state=True)
    fact("submitted", final)
    fact("quick", quick())
    fact("retried", retried(return_state=True))
    return "end"


@flow
async def amain():
    fact("async task", await aslow(return_state=True))
    try:
        await aslow()
    except Exception as error:
        fact("async task: call", error)


fact("main", main())
asyncio.run(amain())
started = time.monotonic()
final = slow_flow(return_state=True)
fact("flow", final)
fact("flow: in time", time.monotonic() - started < 10)
fact("flow: history", history(run_id(final), "flow"))
trace("flow: call", slow_flow)
fact("async flow", asyncio.run(aslow_flow(return_state=True)))
fact("flow of tasks", flow_with_slow_task(return_state=True))
fact("quick flow", quick_flow())
fact(
    "exceptions",
    [[base.__name__ for base in type(each).__mro__] for each in [outcome_error for outcome_error in [TimeoutError()]]],
)
fact(
    "timeout given",
    [
        slow.timeout_seconds,
        slow_flow.timeout_seconds,
        type(task(timeout_seconds=1)(lambda: 1).timeout_seconds).__name__,
    ],
)
