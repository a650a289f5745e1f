"""Caching: policies, hits, keys, refresh, expiration."""

import datetime
import time
import uuid

from _facts import fact, history, outcome, run_id, trace

from prefect import flow, task
from prefect.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
)
from prefect.tasks import task_input_hash

calls = {}
import tempfile

TMP = tempfile.mkdtemp()
SALT = str(uuid.uuid4())


def count(name):
    calls[name] = calls.get(name, 0) + 1
    return calls[name]


def check(name, made, *argument_lists):
    """States and calls of several calls of one task in one flow."""

    @flow(name=f"check {name}")
    def run():
        states = []
        for arguments in argument_lists:
            final = made(*arguments, return_state=True)
            states.append([final.name, final.type.value, final.message])
        return states

    fact(name, {"states": run(), "calls": calls.get(name, 0)})


def make(name, **options):
    def body(x=1, y=SALT + name):
        return count(name)

    return task(name=name, **options)(body)


check("default", make("default"), (1,), (1,))
check("default persisted", make("default persisted", persist_result=True), (1,), (1,), (2,))
check("inputs", make("inputs", cache_policy=INPUTS), (1,), (1,), (2,))
check("inputs not persisted", make("inputs not persisted", cache_policy=INPUTS, persist_result=False), (1,), (1,))
check("inputs minus y", make("inputs minus y", cache_policy=INPUTS - "y", task_run_name="n"), (SALT, 1), (SALT, 2))
check("run id", make("run id", cache_policy=RUN_ID), (1,), (2,))
check("task source", make("task source", cache_policy=TASK_SOURCE + INPUTS), (1,), (1,), (2,))
check("no cache", make("no cache", cache_policy=NO_CACHE, persist_result=True), (1,), (1,))
check("none", make("none", cache_policy=NONE, persist_result=True), (1,), (1,))
check("flow parameters", make("flow parameters", cache_policy=FLOW_PARAMETERS + RUN_ID), (1,), (2,))
check(
    "key function",
    make("key function", cache_key_fn=lambda context, parameters: f"{SALT}-{parameters['x']}"),
    (3,),
    (3,),
    (4,),
)
check(
    "key function policy",
    make("key function policy", cache_policy=CacheKeyFnPolicy(cache_key_fn=lambda c, p: f"p{SALT}{p['x']}")),
    (3,),
    (3,),
)
check("key function none", make("key function none", cache_key_fn=lambda context, parameters: None), (3,), (3,))
check(
    "key function not persisted",
    make("key function not persisted", cache_key_fn=lambda c, p: SALT + "np", persist_result=False),
    (3,),
    (3,),
)
check("key function raises", make("key function raises", cache_key_fn=lambda c, p: 1 / 0), (3,), (3,))
check("key with a slash", make("key with a slash", cache_key_fn=lambda c, p: f"a/{SALT}/b"), (3,), (3,))
check("task_input_hash", make("task_input_hash", cache_key_fn=task_input_hash), (1,), (1,), (2,))
check("functions", make("functions", cache_policy=INPUTS), (lambda: 1,), (lambda: 2,))
import threading

check("unpicklable", make("unpicklable", cache_policy=INPUTS), (threading.Lock(),), (threading.Lock(),))
check("refresh", make("refresh", cache_policy=INPUTS, refresh_cache=True), (1,), (1,))
check("expired", make("expired", cache_policy=INPUTS, cache_expiration=datetime.timedelta(seconds=-1)), (1,), (1,))
check("not expired", make("not expired", cache_policy=INPUTS, cache_expiration=datetime.timedelta(hours=1)), (1,), (1,))
check("shared key", make("shared key", cache_key_fn=lambda c, p: SALT + "shared"), (1,))
check("shared key 2", make("shared key 2", cache_key_fn=lambda c, p: SALT + "shared"), (1,))
check("key storage", make("key storage", cache_policy=INPUTS.configure(key_storage=TMP + "/keys-" + SALT)), (1,), (1,))
trace("both", lambda: task(cache_policy=INPUTS, cache_key_fn=lambda c, p: "x")(lambda: 1).cache_policy)
trace(
    "cache policy without persistence", lambda: task(cache_policy=INPUTS, persist_result=False)(lambda: 1).cache_policy
)
trace("key storage without persistence", lambda: task(result_storage_key="x", persist_result=False)(lambda: 1))

failing = make("failing", cache_policy=INPUTS)


@task(cache_policy=INPUTS, name="fails once")
def fails_once(only_here=SALT):
    if count("fails once") < 2:
        raise ValueError("first")
    return "second"


check("failures are not cached", fails_once, (), (), ())
fact("calls of fails once", calls["fails once"])

cached = make("history", cache_policy=INPUTS)


@flow
def histories():
    first, second = cached(5, return_state=True), cached(5, return_state=True)
    fact("histories", [history(run_id(first)), history(run_id(second))])
    fact("results", [first.result(), second.result()])
    key = second.state_details.cache_key
    fact("cache key", [type(key).__name__, key == first.state_details.cache_key, len(key or "")])


histories()
contexts = []


@task(
    cache_key_fn=lambda context, parameters: contexts.append(
        [type(context).__name__, context.task.name, type(context.task_run).__name__, sorted(parameters)]
    )
)
def looks(a, b=2, *args, **kwargs):
    return 1


flow(lambda: looks(1, 2, 3, c=4))()
fact("what a key function is given", contexts)
fact(
    "expression reprs",
    [
        (INPUTS + TASK_SOURCE) == (INPUTS + TASK_SOURCE),
        type(INPUTS + TASK_SOURCE).__name__,
        type(INPUTS - "x").__name__,
        type(DEFAULT).__name__,
    ],
)
fact(
    "nothing plus", [type(NO_CACHE + INPUTS).__name__, type(INPUTS + NO_CACHE).__name__, type(INPUTS + INPUTS).__name__]
)
fact(
    "keys",
    [
        NO_CACHE.compute_key(task_ctx=None, inputs={}, flow_parameters={}),
        INPUTS.compute_key(task_ctx=None, inputs={}, flow_parameters={}),
        len(INPUTS.compute_key(task_ctx=None, inputs={"x": 1}, flow_parameters={})),
    ],
)
fact("input hash of x=1", INPUTS.compute_key(task_ctx=None, inputs={"x": 1}, flow_parameters={}))
fact(
    "input hash of text",
    INPUTS.compute_key(task_ctx=None, inputs={"x": "a", "y": [1, {"b": None}]}, flow_parameters={}),
)
fact(
    "without",
    (INPUTS - "x").compute_key(task_ctx=None, inputs={"x": 1, "y": 2}, flow_parameters={})
    == INPUTS.compute_key(task_ctx=None, inputs={"y": 2}, flow_parameters={}),
)
