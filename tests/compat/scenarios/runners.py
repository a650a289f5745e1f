"""Task runners: concurrency, limits, contexts."""

import threading
import time

from _facts import fact, outcome, trace

from prefect import flow, tags, task, unmapped
from prefect.task_runners import (
    ConcurrentTaskRunner,
    PrefectTaskRunner,
    ProcessPoolTaskRunner,
    TaskRunner,
    ThreadPoolTaskRunner,
)

lock = threading.Lock()
now = most = 0


@task
def overlapping():
    global now, most
    with lock:
        now += 1
        most = max(most, now)
    time.sleep(0.2)
    with lock:
        now -= 1
    return threading.current_thread() is threading.main_thread()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def two():
    return [future.result() for future in [overlapping.submit() for _ in range(6)]]


fact("in the main thread", two())
fact("most at once with two", most)


@task
def chain(x):
    return x + 1


@flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
def deep():
    future = chain.submit(0)
    for _ in range(5):
        future = chain.submit(future)
    return future.result()


fact("chain with one worker", deep())


@flow
def called():
    return overlapping()


fact("a called task is in the main thread", called())
fact(
    "equality",
    [
        ThreadPoolTaskRunner() == ThreadPoolTaskRunner(),
        ThreadPoolTaskRunner(2) == ThreadPoolTaskRunner(3),
        ThreadPoolTaskRunner(2) == ThreadPoolTaskRunner(2),
        ConcurrentTaskRunner is ThreadPoolTaskRunner,
    ],
)
fact("default workers", ThreadPoolTaskRunner().duplicate() == ThreadPoolTaskRunner())
trace("zero workers", lambda: ThreadPoolTaskRunner(max_workers=0))
fact("names", [ThreadPoolTaskRunner().name, issubclass(ThreadPoolTaskRunner, TaskRunner)])
trace("not started", lambda: ThreadPoolTaskRunner().submit(chain, {"x": 1}))


def by_hand():
    with ThreadPoolTaskRunner() as runner:
        return runner.submit(chain, {"x": 1}).result()


trace("by hand", by_hand)


@flow
def shares():
    with ThreadPoolTaskRunner(max_workers=2) as runner:
        return [
            future.result()
            for future in runner.map(
                chain,
                {
                    "x": [1, 2],
                },
                wait_for=None,
            )
        ]


trace("map by hand", shares)


@flow
def left_running():
    overlapping.submit()
    return "flow ended"


trace("tasks are waited for", left_running)


class Own(TaskRunner):
    def duplicate(self):
        return Own()

    def submit(self, task, parameters, wait_for=None, dependencies=None):
        raise NotImplementedError("own runner")

    def map(self, task, parameters, wait_for=None):
        raise NotImplementedError


trace("own runner", lambda: flow(task_runner=Own())(lambda: chain.submit(1))())
