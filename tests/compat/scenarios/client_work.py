"""The client's methods for work pools, work queues and deployments, each called at least once."""

import datetime
from uuid import UUID, uuid4

from _calls import play

from prefect import flow, task
from prefect import states as ST
from prefect.client.schemas import actions as A
from prefect.client.schemas import filters as F
from prefect.client.schemas import objects as O
from prefect.client.schemas import schedules as C
from prefect.client.schemas import sorting as S

LATER = datetime.datetime(2031, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)

CRON = C.CronSchedule(cron="0 0 * * *", timezone="UTC")
INTERVAL = C.IntervalSchedule(interval=datetime.timedelta(hours=1), anchor_date=LATER)


@flow
def etl():
    pass


@flow
def plain():
    pass


async def work_pools(c):
    await c.create_work_pool(
        A.WorkPoolCreate(name=f"p-{c.u}", type="process", base_job_template={}, concurrency_limit=3)
    )
    await c.create_work_pool(A.WorkPoolCreate(name=f"p-{c.u}", type="process"))
    await c.create_work_pool(A.WorkPoolCreate(name=f"p-{c.u}", description="over", type="process"), overwrite=True)
    await c.create_work_pool(A.WorkPoolCreate(name=f"q-{c.u}", type="process"), overwrite=True)
    await c.read_work_pool(f"p-{c.u}")
    await c.read_work_pool("nope")
    await c.read_work_pools(limit=1)
    await c.read_work_pools(
        limit=1, offset=0, work_pool_filter=F.WorkPoolFilter(name=F.WorkPoolFilterName(any_=[f"p-{c.u}"]))
    )
    await c.update_work_pool(f"p-{c.u}", A.WorkPoolUpdate(is_paused=False, description="x"))
    await c.update_work_pool("nope", A.WorkPoolUpdate(is_paused=True))
    await c.read_work_pool_concurrency_status(f"p-{c.u}")
    await c.read_work_pool_concurrency_status(f"p-{c.u}", page=1, limit=5, flow_run_limit=2)
    await c.send_worker_heartbeat(f"p-{c.u}", "w1", 30.0)
    await c.send_worker_heartbeat(f"p-{c.u}", "w1", get_worker_id=True)
    await c.send_worker_heartbeat(
        f"p-{c.u}", "w2", worker_metadata=O.WorkerMetadata(integrations=[O.Integration(name="i", version="1")])
    )
    await c.read_workers_for_work_pool(f"p-{c.u}")
    await c.read_workers_for_work_pool(
        f"p-{c.u}", worker_filter=F.WorkerFilter(status=F.WorkerFilterStatus(any_=["ONLINE"])), offset=0, limit=3
    )
    await c.get_scheduled_flow_runs_for_work_pool(f"p-{c.u}")
    await c.get_scheduled_flow_runs_for_work_pool(f"p-{c.u}", work_queue_names=["default"], scheduled_before=LATER)
    await c.read_worker_metadata()


async def work_queues(c):
    c.wq = await c.create_work_queue(
        f"wq-{c.u}", description="d", is_paused=False, concurrency_limit=2, priority=3, work_pool_name=f"p-{c.u}"
    )
    await c.create_work_queue(f"alone-{c.u}")
    await c.create_work_queue(f"alone-{c.u}")
    await c.read_work_queue(c.wq.id)
    await c.read_work_queue(uuid4())
    await c.read_work_queue_by_name(f"wq-{c.u}", work_pool_name=f"p-{c.u}")
    await c.read_work_queue_by_name(f"alone-{c.u}")
    await c.read_work_queue_by_name("nope")
    await c.read_work_queues(limit=1)
    await c.read_work_queues(
        work_pool_name=f"p-{c.u}",
        work_queue_filter=F.WorkQueueFilter(name=F.WorkQueueFilterName(any_=[f"wq-{c.u}"])),
        limit=1,
        offset=0,
    )
    await c.match_work_queues([f"wq-{c.u}", "d"])
    await c.match_work_queues(["wq"], work_pool_name=f"p-{c.u}")
    await c.update_work_queue(c.wq.id, is_paused=False, description="n")
    await c.update_work_queue(c.wq.id)
    await c.update_work_queue(uuid4(), is_paused=True)
    await c.read_work_queue_status(c.wq.id)
    await c.read_work_queue_status(uuid4())
    await c.read_work_queue_concurrency_status(c.wq.id)
    await c.read_work_queue_concurrency_status(c.wq.id, page=1, limit=2)
    await c.get_runs_in_work_queue(c.wq.id)
    await c.get_runs_in_work_queue(c.wq.id, limit=1, scheduled_before=LATER)
    await c.get_runs_in_work_queue(uuid4())


async def deployments(c):
    c.fid = await c.create_flow(etl)
    c.dep = await c.create_deployment(
        c.fid,
        f"dep-{c.u}",
        version="1",
        schedules=[
            A.DeploymentScheduleCreate(schedule=CRON, active=True),
            A.DeploymentScheduleCreate(schedule=INTERVAL, active=False, slug="s1", parameters={"a": 3}),
        ],
        concurrency_limit=3,
        concurrency_options=O.ConcurrencyOptions(collision_strategy="CANCEL_NEW"),
        parameters={"a": 1},
        description="d",
        work_pool_name=f"p-{c.u}",
        work_queue_name=f"wq-{c.u}",
        tags=["t"],
        path="/p",
        entrypoint="f.py:f",
        parameter_openapi_schema={"type": "object", "properties": {"a": {"type": "integer"}}},
        paused=False,
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": "/"}}],
        enforce_parameter_schema=True,
        job_variables={"j": 1},
    )
    c.dep2 = await c.create_deployment(c.fid, f"min-{c.u}")
    await c.create_deployment(
        c.fid,
        f"rs-{c.u}",
        schedules=[A.DeploymentScheduleCreate(schedule=C.RRuleSchedule(rrule="FREQ=DAILY", timezone="UTC"))],
        version_info=O.VersionInfo(type="git", version="1", branch="x"),
    )


async def reading_deployments(c):
    await c.read_deployment(c.dep)
    await c.read_deployment(str(c.dep))
    await c.read_deployment(uuid4())
    await c.read_deployment("not-a-uuid")
    await c.read_deployment_by_name(f"etl/dep-{c.u}")
    await c.read_deployment_by_name("etl/nope")
    await c.read_deployment_by_name("noslash")
    await c.read_deployments(
        deployment_filter=F.DeploymentFilter(name=F.DeploymentFilterName(any_=[f"dep-{c.u}"])),
        work_pool_filter=F.WorkPoolFilter(name=F.WorkPoolFilterName(any_=[f"p-{c.u}"])),
        limit=2,
        sort=S.DeploymentSort.NAME_ASC,
        offset=0,
    )
    await c.update_deployment(c.dep, A.DeploymentUpdate(description="n", tags=["z"]))
    await c.update_deployment(uuid4(), A.DeploymentUpdate(description="n"))
    await c.pause_deployment(c.dep)
    await c.resume_deployment(c.dep)
    await c.pause_deployment(str(c.dep))
    await c.pause_deployment("nope")
    await c.pause_deployment(uuid4())
    await c.resume_deployment(uuid4())
    await c.set_deployment_paused_state(c.dep, False)


async def schedules(c):
    sch = await c.create_deployment_schedules(c.dep, [(INTERVAL, True)])
    await c.create_deployment_schedules(c.dep, [A.DeploymentScheduleCreate(schedule=INTERVAL, active=True, slug=f"s9")])
    await c.create_deployment_schedules(c.dep2, [(CRON, False)], max_scheduled_runs=3, parameters={}, slug="abc")
    await c.create_deployment_schedules(uuid4(), [(CRON, False)])
    await c.read_deployment_schedules(c.dep)
    await c.read_deployment_schedules(uuid4())
    await c.update_deployment_schedule(c.dep, sch[0].id, active=False)
    await c.update_deployment_schedule(
        c.dep, sch[0].id, schedule=CRON, max_scheduled_runs=4, parameters={"a": 7}, slug="sss"
    )
    await c.update_deployment_schedule(c.dep, uuid4(), active=False)
    await c.delete_deployment_schedule(c.dep, sch[0].id)
    await c.delete_deployment_schedule(c.dep, uuid4())


async def runs_of_deployments(c):
    await c.create_flow_run_from_deployment(
        c.dep,
        parameters={"a": 2},
        context={"c": 1},
        state=ST.Scheduled(scheduled_time=LATER),
        name="dr",
        tags=["q"],
        idempotency_key=f"i-{c.u}",
        work_queue_name=None,
        job_variables={"k": 1},
        labels={"l": 1},
    )
    await c.create_flow_run_from_deployment(c.dep2)
    await c.create_flow_run_from_deployment(uuid4())
    await c.get_scheduled_flow_runs_for_deployments([c.dep, c.dep2])
    await c.get_scheduled_flow_runs_for_deployments([c.dep], scheduled_before=LATER, limit=1)
    await c.create_flow_run(
        plain,
        work_pool_name=f"p-{c.u}",
        work_queue_name=f"wq-{c.u}",
        job_variables={"z": 1},
    )


async def deleting(c):
    await c.delete_deployment(c.dep)
    await c.delete_deployment(c.dep)
    await c.delete_work_queue_by_id(c.wq.id)
    await c.delete_work_queue_by_id(c.wq.id)
    await c.delete_work_pool(f"p-{c.u}")
    await c.delete_work_pool(f"p-{c.u}")


async def scene(c):
    await work_pools(c)
    await work_queues(c)
    await deployments(c)
    await reading_deployments(c)
    await schedules(c)
    await runs_of_deployments(c)
    await deleting(c)


play(scene)
