"""Context: the run one is in, tags, runtime."""

from _facts import client, fact, run_id, task_runs, trace

import prefect.context
from prefect import flow, get_run_logger, runtime, tags, task
from prefect.context import FlowRunContext, TaskRunContext, get_run_context, TagsContext


@task(tags=["t"])
def inner(x):
    context = get_run_context()
    fact(
        "in a task",
        [
            type(context).__name__,
            context.task.name,
            context.task_run.state.name,
            sorted(context.task_run.tags),
            context.parameters,
        ],
    )
    fact("flow context in a task", FlowRunContext.get().flow.name)
    fact(
        "runtime in a task",
        [
            runtime.task_run.name.rsplit("-", 1)[0],
            runtime.task_run.task_name,
            sorted(runtime.task_run.tags),
            runtime.task_run.parameters,
            runtime.task_run.run_count,
            runtime.flow_run.name,
            runtime.flow_run.flow_name,
        ],
    )
    return x


@task
def submitted():
    return [
        type(get_run_context()).__name__,
        FlowRunContext.get() is not None,
        sorted(TagsContext.get().current_tags),
        runtime.flow_run.flow_name,
    ]


@flow(name="the flow", version="1.2", flow_run_name="the run")
def main(p, q=2):
    context = get_run_context()
    fact(
        "in a flow",
        [
            type(context).__name__,
            context.flow.name,
            context.flow_run.name,
            context.parameters,
            type(context.task_runner).__name__,
        ],
    )
    fact("task context in a flow", TaskRunContext.get())
    fact(
        "runtime in a flow",
        [
            runtime.flow_run.name,
            runtime.flow_run.flow_name,
            runtime.flow_run.parameters,
            sorted(runtime.flow_run.tags),
            runtime.flow_run.run_count,
            runtime.flow_run.flow_version,
            runtime.flow_run.parent_flow_run_id,
            runtime.flow_run.root_flow_run_id == runtime.flow_run.id,
            runtime.task_run.id,
            runtime.deployment.id,
            runtime.flow_run.job_variables,
        ],
    )
    with tags("x", "y"):
        inner(1)
        fact("submitted", submitted.submit().result())
    return sub()


@flow
def sub():
    fact(
        "runtime in a subflow",
        [runtime.flow_run.parent_flow_run_id is not None, sorted(runtime.flow_run.tags), runtime.flow_run.flow_name],
    )
    return "end"


trace("outside", get_run_context)
trace("logger outside", get_run_logger)
fact(
    "runtime outside",
    [
        runtime.flow_run.id,
        runtime.flow_run.name,
        runtime.flow_run.parameters,
        runtime.flow_run.tags,
        runtime.task_run.id,
        runtime.task_run.name,
        runtime.deployment.id,
        runtime.deployment.name,
        runtime.flow_run.scheduled_start_time is None,
        runtime.flow_run.run_count,
    ],
)
trace("runtime unknown", lambda: runtime.flow_run.nope)
with tags("outer") as current:
    fact("tags", sorted(current))
    with tags("more") as both:
        fact("nested tags", sorted(both))
    final = main(1, return_state=True)
fact("state", final)
with client() as api:
    run = api.read_flow_run(run_id(final))
    fact(
        "recorded",
        [
            run.name,
            run.tags,
            run.parameters,
            run.flow_version,
            run.run_count,
            run.state_type,
            run.state_name,
            run.total_run_time.total_seconds() >= 0,
            run.auto_scheduled,
        ],
    )
fact(
    "recorded task tags", sorted([run.name.rsplit("-", 1)[0], sorted(run.tags)] for run in task_runs(run_id(final), 3))
)


@task
def outside():
    return [type(get_run_context()).__name__, FlowRunContext.get()]


trace("task outside a flow", outside)
fact("dir of runtime.flow_run", sorted(dir(runtime.flow_run)))
fact("dir of runtime.task_run", sorted(dir(runtime.task_run)))
fact("dir of runtime.deployment", sorted(dir(runtime.deployment)))
