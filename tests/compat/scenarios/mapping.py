"""`.map`: what is mapped over, what is not, and what is wrong."""

from _facts import fact, task_runs, run_id, trace

from prefect import allow_failure, flow, task, unmapped


@task
def add(x, y=10):
    return [x, y]


@task
def numbers():
    return [1, 2, 3]


@task
def one(x):
    return x


@task
def bad(x):
    if x == 2:
        raise ValueError("two")
    return x


@task
def var(*args, **kwargs):
    return [list(args), kwargs]


@task
async def anumber(x):
    return x + 1


@flow
def main():
    trace("lists", lambda: add.map([1, 2], [3, 4]).result())
    trace("list and constant", lambda: add.map([1, 2], 3).result())
    trace("list and default", lambda: add.map([1, 2]).result())
    trace("keyword", lambda: add.map(x=[1, 2], y=[3, 4]).result())
    trace("unmapped list", lambda: add.map([1, 2], unmapped([3, 4])).result())
    trace("unequal lengths", lambda: add.map([1, 2], [3]))
    trace("nothing to map over", lambda: add.map(1, 2))
    trace("string", lambda: one.map("abc").result())
    trace("bytes", lambda: one.map(b"ab").result())
    trace("tuple", lambda: one.map((1, 2)).result())
    trace("set", lambda: sorted(one.map({1, 2}).result()))
    trace("dict", lambda: one.map({"a": 1, "b": 2}).result())
    trace("range", lambda: one.map(range(3)).result())
    trace("generator", lambda: one.map(x for x in range(3)).result())
    trace("empty", lambda: one.map([]).result())
    trace("future of a list", lambda: one.map(numbers.submit()).result())
    trace("list of futures", lambda: one.map([numbers.submit(), numbers.submit()]).result())
    trace("mapped into mapped", lambda: one.map(one.map([1, 2])).result())
    trace("unmapped future", lambda: add.map([1, 2], unmapped(numbers.submit())).result())
    trace("result of a task", lambda: one.map(numbers()).result())
    trace("missing parameter", lambda: add.map())
    trace("unknown parameter", lambda: add.map([1], z=2))
    trace("var args", lambda: var.map([1, 2], k=[3, 4]).result())
    trace("async task", lambda: anumber.map([1, 2]).result())
    trace("return_state", lambda: one.map([1, 2], return_state=True))
    half = bad.map([1, 2, 3])
    half.wait()
    fact("states with a broken one", [future.state.name for future in half])
    fact("downstream of a broken one", [(future.wait(), future.state.name)[1] for future in one.map(half)])
    trace("allow_failure", lambda: [type(x).__name__ for x in one.map(allow_failure(half)).result()])
    trace("wait_for", lambda: one.map([1], wait_for=[numbers.submit()]).result())
    return "end"


fact("main", main())


@flow
def names():
    return one.map([1, 2, 3])


final = names(return_state=True)
runs = task_runs(run_id(final), 3)
fact("names", sorted(run.name.rsplit("-", 1)[0] for run in runs))
fact("dynamic keys differ", len({run.dynamic_key for run in runs}))
fact("task_inputs", runs[0].task_inputs)
