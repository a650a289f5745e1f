"""Flows inside flows: a run of its own whose parent is a task run."""

import re

from _facts import client, fact, history, run_id, state, task_runs, trace

from prefect import flow, task


@task
def good():
    return 1


@flow(name="Child Flow", flow_run_name="child-{x}")
def child(x, y="d"):
    good()
    return x


@flow
def broken_child():
    raise ValueError("child broke")


@flow
def child_returning_failed():
    from prefect.states import Failed

    return Failed(message="child on purpose")


@flow
def parent():
    return child(5)


@flow
def parent_of_broken():
    return broken_child()


@flow
def parent_ignoring():
    final = broken_child(return_state=True)
    fact("state of the broken child", final)
    return "fine"


@flow
def parent_returning_states():
    return [child(1, return_state=True), broken_child(return_state=True)]


@flow
def parent_of_failed():
    return child_returning_failed()


@flow
def recursive(n):
    return 0 if n == 0 else 1 + recursive(n - 1)


@task
def task_with_flow():
    return child(9)


@flow
def parent_through_task():
    return task_with_flow()


for each in (parent_of_broken, parent_ignoring, parent_returning_states, parent_of_failed, parent_through_task):
    fact(f"{each.fn.__name__}: state", each(return_state=True))

trace("recursion", recursive, 3)
final = parent(return_state=True)
fact("parent state", final)
trace("parent result", final.result)
runs = task_runs(run_id(final), 1)
fact(
    "task runs of the parent",
    [
        [
            run.name,
            re.sub(r"-[0-9a-f]{8}$", "-<hash>", run.task_key),
            run.dynamic_key,
            state(run.state),
            run.task_inputs,
            run.run_count,
        ]
        for run in runs
    ],
)
fact("history of the child's task run", history(runs[0].id))
child_id = runs[0].state.state_details.child_flow_run_id
fact("the task run's state names the child", child_id is not None)
from prefect.client.schemas.filters import FlowRunFilter

with client() as api:
    found = api.read_flow_runs(flow_run_filter=FlowRunFilter(parent_task_run_id={"any_": [runs[0].id]}))
    fact(
        "children",
        [
            [run.name, run.parameters, state(run.state), run.run_count, run.parent_task_run_id == runs[0].id]
            for run in found
        ],
    )
    fact("child's flow", api.read_flow(found[0].flow_id).name)
fact("child's task runs", [run.name.rsplit("-", 1)[0] for run in task_runs(found[0].id, 1)])
