"""Deployments, their schedules and runs, work pools and queues, through the client."""

import datetime

import _served  # noqa: F401
from _facts import client, fact, trace

from prefect import flow
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.states import Cancelled, Pending, Running


TEMPLATE = {
    "job_configuration": {"command": "{{ command }}"},
    "variables": {"type": "object", "properties": {"command": {"type": "string"}}},
}


@flow
def deployed(x: int = 1):
    pass


def shown(deployment):
    return [
        deployment.name,
        deployment.paused,
        sorted(deployment.tags),
        deployment.parameters,
        deployment.work_pool_name,
        deployment.work_queue_name,
        deployment.enforce_parameter_schema,
        deployment.concurrency_limit,
        deployment.status and deployment.status.value,
        deployment.version,
        deployment.description,
    ]


with client() as api:
    pool = api.create_work_pool(WorkPoolCreate(name="pool", type="process", base_job_template=TEMPLATE))
    fact("pool", [pool.name, pool.type, pool.is_paused, pool.concurrency_limit, pool.status and pool.status.value])
    flow_id = api.create_flow_from_name("deployed")
    deployment_id = api.create_deployment(
        flow_id,
        "first",
        tags=["a", "b"],
        parameters={"x": 2},
        work_pool_name="pool",
        version="1",
        description="one",
        enforce_parameter_schema=True,
        parameter_openapi_schema={"type": "object", "properties": {"x": {"type": "integer"}}},
        schedules=[
            DeploymentScheduleCreate(schedule=IntervalSchedule(interval=datetime.timedelta(hours=1)), active=True),
            DeploymentScheduleCreate(schedule=CronSchedule(cron="0 6 * * *", timezone="Europe/Berlin"), active=False),
        ],
    )
    deployment = api.read_deployment(deployment_id)
    fact("created", shown(deployment))
    fact("by name", api.read_deployment_by_name("deployed/first").id == deployment_id)
    trace("unknown name", lambda: api.read_deployment_by_name("deployed/none"))
    fact(
        "schedules",
        sorted([type(each.schedule).__name__, each.active] for each in api.read_deployment_schedules(deployment_id)),
    )
    run = api.create_flow_run_from_deployment(deployment_id, parameters={"x": 5}, tags=["mine"])
    fact(
        "run",
        [
            run.parameters,
            sorted(run.tags),
            run.state_type.value,
            run.state_name,
            run.work_queue_name,
            run.work_pool_name,
            run.deployment_id == deployment_id,
            run.created_by and run.created_by.type,
        ],
    )
    trace("wrong parameters", lambda: api.create_flow_run_from_deployment(deployment_id, parameters={"x": "many"}))
    once = api.create_flow_run_from_deployment(deployment_id, idempotency_key="k")
    again = api.create_flow_run_from_deployment(deployment_id, idempotency_key="k")
    fact("same key", once.id == again.id)
    api.update_deployment(deployment_id, DeploymentUpdate(description="two", tags=["c"], concurrency_limit=1))
    fact("updated", shown(api.read_deployment(deployment_id)))
    fact("second run pends", api.set_flow_run_state(run.id, Pending()).status.value)
    full = api.set_flow_run_state(once.id, Pending())
    fact("no slot", [full.status.value, full.state and full.state.name])
    fact("runs", api.set_flow_run_state(run.id, Running()).status.value)
    fact("ends", api.set_flow_run_state(run.id, Cancelled()).status.value)
    api.pause_deployment(deployment_id)
    fact("paused", api.read_deployment(deployment_id).paused)
    api.resume_deployment(deployment_id)
    fact("resumed", api.read_deployment(deployment_id).paused)
    added = api.create_deployment_schedules(deployment_id, [(RRuleSchedule(rrule="FREQ=DAILY;COUNT=3"), True)])
    fact("added schedule", [len(added), len(api.read_deployment_schedules(deployment_id))])
    api.delete_deployment_schedule(deployment_id, added[0].id)
    fact("removed schedule", len(api.read_deployment_schedules(deployment_id)))
    queue = api.create_work_queue("urgent", work_pool_name="pool", priority=1, concurrency_limit=3)
    fact("queue", [queue.name, queue.priority, queue.concurrency_limit, queue.is_paused])
    fact("queues", sorted(each.name for each in api.read_work_queues(work_pool_name="pool")))
    api.update_work_pool("pool", WorkPoolUpdate(concurrency_limit=7, description="d"))
    pool = api.read_work_pool("pool")
    fact("pool updated", [pool.concurrency_limit, pool.description])
    trace("same pool", lambda: api.create_work_pool(WorkPoolCreate(name="pool", type="process")))
    found = api.read_deployments(deployment_filter=DeploymentFilter(name={"any_": ["first"]}))
    fact("found", [each.name for each in found])
    mine = api.read_flow_runs(
        flow_run_filter=FlowRunFilter(deployment_id={"any_": [deployment_id]}, tags={"all_": ["mine"]})
    )
    fact("its runs", [each.id == run.id for each in mine])
    api.delete_deployment(deployment_id)
    trace("deleted", lambda: api.read_deployment(deployment_id))
    api.delete_work_pool("pool")
    trace("pool deleted", lambda: api.read_work_pool("pool"))
