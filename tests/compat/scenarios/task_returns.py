"""What a task returns, and the final state that follows from it."""

from _facts import fact, trace

from prefect import flow, task
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending


@task
def nothing():
    pass


@task
def value():
    return 42


@task
def raises():
    raise ValueError("broke")


@task
def raises_no_message():
    raise KeyError


@task
def returns_completed():
    return Completed(message="all done", data=7)


@task
def returns_failed():
    return Failed(message="on purpose")


@task
def returns_failed_with_error():
    return Failed(message="on purpose", data=ValueError("inner"))


@task
def returns_cancelled():
    return Cancelled(message="stop")


@task
def returns_crashed():
    return Crashed(message="boom")


@task
def returns_pending():
    return Pending(message="not ended")


@task
def returns_named():
    return Completed(name="Skipped", message="nothing to do")


@task
def returns_states():
    return [Completed(data=1), Failed(message="second")]


@task
def returns_good_states():
    return [Completed(data=1), Completed(data=2)]


@task
def returns_state_in_dict():
    return {"state": Failed(message="in a dict")}


@task
def returns_exception():
    return ValueError("a value like any other")


@task
def returns_generator_of_list():
    return (x for x in [])


@task
def assertion():
    assert 1 == 2, "never"


@flow
def main():
    for each in [t for t in globals().values() if type(t).__name__ == "Task"]:
        name = each.fn.__name__
        trace(f"{name}: call", each)
        fact(f"{name}: state", each(return_state=True))
        future = each.submit()
        future.wait()
        fact(f"{name}: submitted state", future.state)
        trace(f"{name}: submitted result", future.result)
        trace(f"{name}: submitted result, no raise", lambda: future.result(raise_on_failure=False))
        fact(f"{name}: submitted with return_state", each.submit(return_state=True))
    return "end"


fact("flow", main())
