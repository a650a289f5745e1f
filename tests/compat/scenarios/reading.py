"""Reading what was recorded: filters, sorts, limits."""

import uuid

from _facts import client, fact, run_id, task_runs, trace

from prefect import flow, tags, task
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter, TaskRunFilter
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.exceptions import ObjectNotFound

SALT = uuid.uuid4().hex[:8]


@task(tags=["t"])
def good(x):
    return x


@task
def bad():
    raise ValueError("broke")


@flow(name="read " + SALT, flow_run_name="run-{x}", version="7")
def first(x):
    good(x)
    good(x + 1)
    bad(return_state=True)
    return x


@flow(name="other " + SALT)
def other():
    raise ValueError("broke")


with tags("a", "b"):
    one = first(1, return_state=True)
two = first(2, return_state=True)
three = other(return_state=True)
for each in (one, two):
    task_runs(run_id(each), 3)
flows = FlowFilter(name={"any_": ["read " + SALT, "other " + SALT]})


def names(**filters):
    with client() as api:
        found = api.read_flow_runs(flow_filter=flows, sort=FlowRunSort.EXPECTED_START_TIME_ASC, **filters)
    return [run.name if run.name.startswith("run-") else "other" for run in found]


fact("all", names())
fact("limit", names(limit=1))
fact("offset", names(limit=2, offset=1))
fact("by id", names(flow_run_filter=FlowRunFilter(id={"any_": [run_id(two)]})))
fact("by state type", names(flow_run_filter=FlowRunFilter(state={"type": {"any_": ["FAILED"]}})))
fact("by state name", names(flow_run_filter=FlowRunFilter(state={"name": {"any_": ["Completed"]}})))
fact("by tag", names(flow_run_filter=FlowRunFilter(tags={"all_": ["a"]})))
fact("by both tags", names(flow_run_filter=FlowRunFilter(tags={"all_": ["a", "b"]})))
fact("by no tags", names(flow_run_filter=FlowRunFilter(tags={"is_null_": True})))
fact("by name", names(flow_run_filter=FlowRunFilter(name={"any_": ["run-2"]})))
fact("by part of a name", names(flow_run_filter=FlowRunFilter(name={"like_": "run-"})))
fact("by task", names(task_run_filter=TaskRunFilter(tags={"all_": ["t"]})))
fact("by state of a task", names(task_run_filter=TaskRunFilter(state={"type": {"any_": ["FAILED"]}})))
fact("not", names(flow_run_filter=FlowRunFilter(id={"not_any_": [run_id(two)]})))

with client() as api:
    run = api.read_flow_run(run_id(one))
    fact(
        "run",
        [run.name, sorted(run.tags), run.parameters, run.flow_version, run.state_type, run.state_name, run.run_count],
    )
    fact(
        "times",
        [
            run.start_time <= run.end_time,
            run.total_run_time.total_seconds() >= 0,
            run.expected_start_time <= run.start_time,
            run.created is not None,
        ],
    )
    fact("flow", [api.read_flow(run.flow_id).name == first.name, api.read_flow_by_name(first.name).id == run.flow_id])
    fact("flows", sorted(each.name.split()[0] for each in api.read_flows(flow_filter=flows)))
    fact(
        "states",
        [state.name for state in sorted(api.read_flow_run_states(run_id(one)), key=lambda state: state.timestamp)],
    )
    mine = FlowRunFilter(id={"any_": [run_id(one)]})
    found = api.read_task_runs(flow_run_filter=mine, sort=TaskRunSort.EXPECTED_START_TIME_ASC)
    fact("tasks", [[each.name.rsplit("-", 1)[0], each.state_type, sorted(each.tags)] for each in found])
    fact(
        "failed tasks",
        len(
            api.read_task_runs(
                flow_run_filter=mine, task_run_filter=TaskRunFilter(state={"type": {"any_": ["FAILED"]}})
            )
        ),
    )
    fact("tasks limit", len(api.read_task_runs(flow_run_filter=mine, limit=2)))
    fact("one task", api.read_task_run(found[0].id).name == found[0].name)
    fact("task times", [found[0].start_time <= found[0].end_time, found[0].flow_run_id == run.id])
    for name, call in (
        ("flow run", lambda: api.read_flow_run(uuid.uuid4())),
        ("task run", lambda: api.read_task_run(uuid.uuid4())),
        ("flow", lambda: api.read_flow(uuid.uuid4())),
        ("flow by name", lambda: api.read_flow_by_name("nope " + SALT)),
        ("deleting", lambda: api.delete_flow_run(uuid.uuid4())),
    ):
        trace(f"unknown {name}", call)
    api.delete_flow_run(run_id(two))
    trace("deleted", lambda: api.read_flow_run(run_id(two)))
    fact("tasks of the deleted", len(api.read_task_runs(flow_run_filter=FlowRunFilter(id={"any_": [run_id(two)]}))))
fact("after deleting", names())
