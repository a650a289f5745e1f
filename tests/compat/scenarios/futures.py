"""Futures: state, result, wait, callbacks, as_completed, lists of futures."""

import threading

from _facts import fact, outcome, trace

from prefect import flow, task
from prefect.futures import PrefectFuture, PrefectFutureList, as_completed, wait

gate = threading.Event()


@task
def add(x, y=1):
    return x + y


@task
def bad():
    raise ValueError("broke")


@task
def slow():
    gate.wait(20)
    return "slow"


@flow
def main():
    future = add.submit(1)
    fact("class", type(future).__name__)
    fact("is a PrefectFuture", isinstance(future, PrefectFuture))
    fact("wait returns", future.wait())
    fact("state", future.state)
    fact("result", future.result())
    fact("id is in the state", future.state.state_details.task_run_id == future.task_run_id)
    fact("result again", future.result(timeout=1))

    broken = bad.submit()
    trace("broken result", broken.result)
    trace("broken result, no raise", lambda: broken.result(raise_on_failure=False))

    late = slow.submit()
    trace("result with a timeout", lambda: late.result(timeout=0.05))
    trace("wait with a timeout", lambda: late.wait(timeout=0.05))
    done, not_done = wait([future, late], timeout=0.05)
    fact("wait", [len(done), len(not_done)])
    trace("as_completed with a timeout", lambda: [f.result() for f in as_completed([future, late], timeout=0.05)])
    called = []
    late.add_done_callback(lambda f: called.append(f is late))
    fact("callback before", list(called))
    gate.set()
    fact("late result", late.result())
    fact("wait for all", [len(each) for each in wait([future, late])])
    fact("callback after", called)
    late.add_done_callback(lambda f: called.append("again"))
    fact("callback when already done", called)
    fact("as_completed", sorted(str(f.result()) for f in as_completed([future, late])))

    mapped = add.map([1, 2, 3])
    fact("mapped class", type(mapped).__name__)
    fact("mapped is a list", isinstance(mapped, list))
    fact("mapped results", mapped.result())
    fact("mapped wait", mapped.wait())
    fact("mapped index", mapped[1].result())
    fact("mapped slice", type(mapped[:2]).__name__)
    fact("futures of a future", PrefectFutureList([future, late]).result())
    half = PrefectFutureList([add.submit(1), bad.submit()])
    trace("list with a broken one", half.result)
    trace("list with a broken one, no raise", lambda: half.result(raise_on_failure=False))
    fact("nested resolution", add.submit(add.submit(1), y=add.submit(add.submit(2))).result())
    fact("futures in collections", add.submit([future], y=[future]).result())
    fact("hash and equality", [len({future, future}), future == future, future == late])
    fact("repr", repr(future).split("(")[0])
    return "end"


trace("main", main)
future = None


@flow
def leaves():
    return add.submit(1)


fact("future left by a flow", leaves())
