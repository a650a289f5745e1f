"""Attributes and `with_options` of flows and tasks."""

import datetime

from _facts import fact, trace

from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.task_runners import ThreadPoolTaskRunner


def body(x=1):
    """What it is for.

    More words.
    """
    return x


FLOW = [
    "name",
    "version",
    "description",
    "retries",
    "retry_delay_seconds",
    "timeout_seconds",
    "should_validate_parameters",
    "persist_result",
    "result_storage",
    "result_serializer",
    "cache_result_in_memory",
    "log_prints",
    "flow_run_name",
    "isasync",
    "isgenerator",
    "ismethod",
    "isclassmethod",
    "isstaticmethod",
    "on_completion_hooks",
    "on_failure_hooks",
    "on_running_hooks",
    "on_cancellation_hooks",
    "on_crashed_hooks",
]
TASK = [
    "name",
    "version",
    "description",
    "tags",
    "cache_key_fn",
    "cache_expiration",
    "task_run_name",
    "retries",
    "retry_delay_seconds",
    "retry_jitter_factor",
    "retry_condition_fn",
    "persist_result",
    "result_storage",
    "result_serializer",
    "result_storage_key",
    "cache_result_in_memory",
    "timeout_seconds",
    "log_prints",
    "refresh_cache",
    "viz_return_value",
    "isasync",
    "isgenerator",
    "on_completion_hooks",
    "on_failure_hooks",
    "on_rollback_hooks",
    "on_commit_hooks",
    "asset_deps",
]


def attributes(thing, names):
    return {name: getattr(thing, name, "<none>") for name in names}


fact("flow defaults", {key: value for key, value in attributes(flow(body), FLOW).items() if key != "version"})
fact("flow version", [type(flow(body).version).__name__, len(flow(body).version or "")])
fact("flow runner", type(flow(body).task_runner).__name__)
fact("task defaults", {key: value for key, value in attributes(task(body), TASK).items()})
fact("task policy", type(task(body).cache_policy).__name__)
made = flow(
    name="n",
    version="v",
    description="d",
    retries=2,
    retry_delay_seconds=3,
    timeout_seconds=4,
    validate_parameters=False,
    persist_result=True,
    cache_result_in_memory=False,
    log_prints=True,
    flow_run_name="r",
    task_runner=ThreadPoolTaskRunner(max_workers=3),
)(body)
fact("flow given", attributes(made, FLOW))
fact(
    "flow runner given",
    made.task_runner._max_workers if hasattr(made.task_runner, "_max_workers") else type(made.task_runner).__name__,
)
fact("flow with_options nothing", attributes(made.with_options(), FLOW) == attributes(made, FLOW))
other = made.with_options(
    name="o",
    retries=0,
    retry_delay_seconds=0,
    timeout_seconds=0,
    validate_parameters=True,
    persist_result=False,
    log_prints=False,
    flow_run_name="r2",
    description="d2",
    version="v2",
)
fact("flow with_options", attributes(other, FLOW))
fact("flow with_options makes another", [other is made, made.name, other.fn is made.fn])
tmade = task(
    name="n",
    version="v",
    description="d",
    tags=["a", "b"],
    cache_key_fn=lambda c, p: "k",
    cache_expiration=datetime.timedelta(1),
    task_run_name="r",
    retries=2,
    retry_delay_seconds=[1, 2],
    retry_jitter_factor=0.5,
    persist_result=True,
    result_storage_key="key",
    timeout_seconds=5,
    log_prints=True,
    refresh_cache=True,
)(body)
fact("task given", attributes(tmade, TASK))
fact(
    "task with_options nothing", [name for name in TASK if getattr(tmade.with_options(), name) != getattr(tmade, name)]
)
tother = tmade.with_options(
    name="o",
    tags=["c"],
    retries=0,
    retry_delay_seconds=0,
    timeout_seconds=1,
    log_prints=False,
    refresh_cache=False,
    cache_policy=INPUTS,
    persist_result=False,
    task_run_name="r2",
    description="d2",
)
fact("task with_options", attributes(tother, TASK))
fact("task with_options policy", [type(tother.cache_policy).__name__])
trace("unknown flow option", lambda: flow(nope=1)(body))
trace("unknown task option", lambda: task(nope=1)(body))
trace("unknown with_options", lambda: made.with_options(nope=1))
fact(
    "timeouts",
    [
        type(flow(timeout_seconds=1)(body).timeout_seconds).__name__,
        type(task(timeout_seconds=1)(body).timeout_seconds).__name__,
    ],
)
trace("retries of a wrong type", lambda: flow(retries="two")(body))
trace("negative retries", lambda: task(retries=-1)(body).retries)
trace("timeout of a wrong type", lambda: flow(timeout_seconds="soon")(body))
trace("task runner class", lambda: type(flow(task_runner=ThreadPoolTaskRunner)(body).task_runner).__name__)
trace("task runner of a wrong type", lambda: flow(task_runner=5)(body).task_runner)
fact(
    "wrapped",
    [
        made.__name__,
        made.__doc__ == body.__doc__,
        made.__wrapped__ is body if hasattr(made, "__wrapped__") else None,
        made.fn is body,
    ],
)
fact("fn", made.fn(7))
trace("copy of a flow", lambda: __import__("copy").copy(made).name)
trace("pickle a flow", lambda: __import__("cloudpickle").loads(__import__("cloudpickle").dumps(made)).name)
trace("pickle a task", lambda: __import__("cloudpickle").loads(__import__("cloudpickle").dumps(tmade)).name)
fact("task tags", [sorted(tmade.tags), type(tmade.tags).__name__])
fact("reprs", [repr(made).split(" at ")[0].split("(")[0], repr(tmade).split(" at ")[0].split("(")[0]])
