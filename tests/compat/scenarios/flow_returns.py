"""What a flow returns, and the final state that follows from it."""

from _facts import fact, trace

from prefect import flow, task
from prefect.states import Cancelled, Completed, Crashed, Failed


@task
def good(x=1):
    return x


@task
def bad():
    raise ValueError("task broke")


@flow
def nothing():
    pass


@flow
def value():
    return 42


@flow
def raises():
    raise ValueError("broke")


@flow
def returns_completed():
    return Completed(message="all done", data=7)


@flow
def returns_failed():
    return Failed(message="on purpose")


@flow
def returns_cancelled():
    return Cancelled(message="stop")


@flow
def returns_crashed():
    return Crashed(message="boom")


@flow
def returns_named():
    return Completed(name="Skipped", message="nothing to do")


@flow
def returns_states():
    return [Completed(data=1), Failed(message="second")]


@flow
def returns_good_states():
    return [Completed(data=1), Completed(data=2)]


@flow
def returns_tuple_of_states():
    return Completed(data=1), Completed(data=2)


@flow
def returns_dict_of_states():
    return {"a": Completed(data=1), "b": Failed(message="b")}


@flow
def returns_mixed():
    return [Completed(data=1), 5]


@flow
def returns_task_state():
    return good(return_state=True)


@flow
def returns_future():
    return good.submit(3)


@flow
def returns_bad_future():
    return bad.submit()


@flow
def returns_futures():
    return [good.submit(1), bad.submit(), good.submit(2)]


@flow
def ignores_bad_future():
    bad.submit()
    return "fine"


@flow
def ignores_bad_state():
    bad(return_state=True)
    return "fine"


@flow
def ignores_bad_future_returns_none():
    bad.submit()


@flow
def waits_bad_future_returns_none():
    bad.submit().wait()


@flow
def bad_state_returns_none():
    bad(return_state=True)


@flow
def good_tasks_return_none():
    good()
    good.submit()


@flow
def bad_task_raises():
    bad()


@flow
def bad_task_caught():
    try:
        bad()
    except ValueError as error:
        return f"caught {error}"


@flow
def returns_exception():
    return ValueError("a value like any other")


@flow
def returns_empty_list():
    return []


@flow
def base_exception_group():
    raise ExceptionGroup("several", [ValueError("a"), TypeError("b")])


for each in list(globals().values()):
    if type(each).__name__ == "Flow":
        name = each.fn.__name__
        trace(f"{name}: call", each)
        final = each(return_state=True)
        fact(f"{name}: state", final)
        if final.is_completed():
            trace(f"{name}: result", lambda: final.result(raise_on_failure=False))
