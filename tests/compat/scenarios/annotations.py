"""quote, unmapped, allow_failure and their kind."""

from _facts import fact, trace

from prefect import allow_failure, flow, task, unmapped
from prefect.utilities.annotations import BaseAnnotation, NotSet, quote


@task
def kind(x, y=None):
    return [type(x).__name__, type(y).__name__]


@task
def source():
    return {"a": 1}


@task
def value(x):
    return x


@task
def bad():
    raise ValueError("broke")


@flow
def main():
    trace("quote of a value", lambda: kind.submit(quote(5)).result())
    trace("quote of a future", lambda: kind.submit(quote(source.submit())).result())
    trace("quote called", lambda: kind(quote([1])))
    trace("quote of a list of futures", lambda: kind.submit(quote([source.submit()])).result())
    trace("unmapped called", lambda: kind(unmapped([1])))
    trace("unmapped submitted", lambda: kind.submit(unmapped([1])).result())
    trace("allow_failure value", lambda: kind(allow_failure(5)))
    trace("allow_failure future", lambda: kind.submit(allow_failure(source.submit())).result())
    trace("allow_failure broken", lambda: kind.submit(allow_failure(bad.submit())).result())
    trace("allow_failure in a list", lambda: value.submit([allow_failure(source.submit())]).result())
    trace(
        "allow_failure list of broken",
        lambda: [type(e).__name__ for e in value.submit(allow_failure([source.submit(), bad.submit()])).result()],
    )
    trace("quote in a map", lambda: value.map(quote([1, 2])).result())
    trace("unmapped of allow_failure", lambda: kind.map([1], unmapped(allow_failure(bad.submit()))).result())
    trace("quoted flow parameter", lambda: sub(quote(5)))
    trace("future as a flow parameter", lambda: sub(source.submit()))
    trace("broken future as a flow parameter", lambda: sub(bad.submit()))
    trace("allow_failure as a flow parameter", lambda: sub(allow_failure(bad.submit())))
    trace("state as a flow parameter", lambda: sub(source(return_state=True)))
    trace("futures in a list as a flow parameter", lambda: sub([source.submit()]))
    return "end"


@flow
def sub(x):
    return type(x).__name__


fact("main", main())
fact("unwrap", [quote(1).unwrap(), unmapped([1]).unwrap(), allow_failure(2).unwrap()])
fact(
    "equality",
    [
        quote(1) == quote(1),
        quote(1) == unmapped(1),
        isinstance(quote(1), BaseAnnotation),
        repr(quote(1)),
        repr(unmapped([1])),
        repr(allow_failure("a")),
    ],
)
fact("rewrap", repr(quote(1).rewrap(2)))
fact("unmapped index", unmapped(5)[3])
fact("NotSet", [NotSet.__name__, repr(NotSet)])
