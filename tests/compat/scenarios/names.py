"""Names: flows, tasks, runs; templates and callables."""

import re

from _facts import client, fact, outcome, run_id, task_runs, trace

from prefect import flow, runtime, task


@task
def some_task():
    return 1


@task(name="A Named Task", task_run_name="run-{x}-{y}")
def named(x, y=2):
    return x


@task(task_run_name=lambda: f"from-{runtime.task_run.task_name}-{runtime.task_run.parameters['x']}")
def by_callable(x):
    return x


def with_parameters(parameters):
    return f"with-{parameters['x']}"


@task(task_run_name=with_parameters)
def by_callable_with_parameters(x):
    return x


@task(task_run_name="{nope}")
def bad_template(x):
    return x


@task(task_run_name=lambda: 5)
def not_a_string(x):
    return x


@flow
def under_score_flow():
    some_task()
    some_task()
    some_task.submit().wait()
    named(1)
    named.submit("a", y="b").wait()
    by_callable(7)
    by_callable_with_parameters(8)
    named.with_options(task_run_name="other-{x}")(1)
    trace("bad template", bad_template, 1)
    trace("bad template state", bad_template, 1, return_state=True)
    trace("not a string", not_a_string, 1)


final = under_score_flow(return_state=True)
fact("state", final)
runs = task_runs(run_id(final), 9)
fact("names", sorted(re.sub(r"-[0-9a-f]{3}$", "-<hex>", run.name) for run in runs))
fact(
    "name is the key's beginning",
    sorted({run.name.rsplit("-", 1)[1] == run.dynamic_key[:3] for run in runs if run.name.startswith("some_task")}),
)
fact("task keys", sorted({re.sub(r"-[0-9a-f]{8}$", "-<hash>", run.task_key) for run in runs}))
fact("flow name", under_score_flow.name)
fact("task name", some_task.name)
fact("task key", re.sub(r"-[0-9a-f]{8}$", "-<hash>", some_task.task_key))
fact("lambda names", [flow(lambda: 1).name, task(lambda: 1).name])


@flow(flow_run_name="run-{x}-{y}")
def template(x, y="d"):
    return runtime.flow_run.name


@flow(flow_run_name=lambda: f"call-{runtime.flow_run.flow_name}-{runtime.flow_run.parameters['x']}")
def by_call(x):
    return runtime.flow_run.name


@flow(flow_run_name="{nope}")
def bad_flow_template(x):
    return runtime.flow_run.name


@flow(flow_run_name=lambda: 5)
def flow_not_a_string(x):
    return runtime.flow_run.name


@flow(flow_run_name="{x.attr}-{x.attr:>5}")
def attributes(x):
    return runtime.flow_run.name


class Thing:
    attr = "it"


trace("flow template", template, 1)
trace("flow template, keyword", template, 1, y="k")
trace("flow callable", by_call, 3)
trace("flow bad template", bad_flow_template, 1)
trace("flow name not a string", flow_not_a_string, 1)
trace("flow attribute", attributes, Thing())
fact("generated name", bool(re.fullmatch(r"[a-z]+-[a-z]+", flow(lambda: runtime.flow_run.name)())))
trace("flow name with a slash", lambda: flow(name="a/b")(lambda: 1).name)
trace("flow name with a percent", lambda: flow(name="a%b")(lambda: 1).name)
trace("flow name not a string at all", lambda: flow(name=5)(lambda: 1).name)
trace("task name not a string at all", lambda: task(name=5)(lambda: 1).name)
trace("flow_run_name of a wrong type", lambda: flow(flow_run_name=5)(lambda: 1))
trace("task_run_name of a wrong type", lambda: task(task_run_name=5)(lambda: 1))
trace("not callable", lambda: flow("text"))
trace("task not callable", lambda: task("text"))


class Callable:
    def __call__(self):
        return "called"


trace("callable object as a flow", lambda: flow(Callable()))
trace("callable object as a task", lambda: flow(lambda: task(Callable())())())
trace("callable object with a name", lambda: flow(Callable(), name="n")())
