"""The client's methods for flows, flow runs, task runs, logs and artifacts, each called at least once."""

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


@flow(version="7", retries=2, retry_delay_seconds=3)
def etl(a: int = 1):
    pass


@flow
def plain():
    pass


@task(tags=["io"], retries=2, retry_delay_seconds=[1, 2], retry_jitter_factor=0.5)
def add(x):
    return x


@task
def bare():
    pass


async def api(c):
    await c.api_healthcheck()
    await c.hello()
    await c.raise_for_api_version_mismatch()
    await c.raise_for_api_version_mismatch_once()


async def flows(c):
    c.fid = await c.create_flow(etl)
    await c.create_flow_from_name(f"flow {c.u}/x")
    await c.read_flow(c.fid)
    await c.read_flow_by_name(f"flow {c.u}/x")
    await c.read_flow_by_name("etl")
    await c.read_flows(
        flow_filter=F.FlowFilter(name=F.FlowFilterName(any_=["etl"])),
        sort=S.FlowSort.NAME_DESC,
        limit=3,
        offset=0,
    )
    await c.read_flows()
    await c.read_flow(uuid4())
    await c.read_flow_by_name("no such")


async def flow_runs(c):
    c.run = await c.create_flow_run(
        etl,
        name="first",
        parameters={"a": 1, "when": LATER, "s": {1}, "t": datetime.timedelta(seconds=3)},
        context={"c": 1},
        tags=["x", "y"],
    )
    c.run2 = await c.create_flow_run(plain)
    run3 = await c.create_flow_run(plain, state=ST.Scheduled(scheduled_time=LATER, message="later"))
    await c.read_flow_run(c.run.id)
    await c.read_flow_run(uuid4())
    await c.read_flow_runs(
        flow_run_filter=F.FlowRunFilter(
            id=F.FlowRunFilterId(any_=[c.run.id]),
            state=F.FlowRunFilterState(type=F.FlowRunFilterStateType(any_=[O.StateType.PENDING])),
            start_time=F.FlowRunFilterStartTime(before_=LATER),
        ),
        flow_filter=F.FlowFilter(name=F.FlowFilterName(like_="e")),
        sort=S.FlowRunSort.START_TIME_DESC,
        limit=5,
    )
    await c.read_flow_runs(
        flow_run_filter=F.FlowRunFilter(
            tags=F.FlowRunFilterTags(all_=["x"]),
            deployment_id=F.FlowRunFilterDeploymentId(is_null_=True),
            operator="or_",
        )
    )
    await c.count_flow_runs(flow_run_filter=F.FlowRunFilter(id=F.FlowRunFilterId(any_=[c.run.id])))
    await c.set_flow_run_state(c.run.id, ST.Running(message="go"))
    await c.set_flow_run_state(str(c.run.id), ST.Completed(data={"a": 1}, message="fine"))
    await c.set_flow_run_state(c.run.id, ST.Running())
    await c.set_flow_run_state(c.run.id, ST.Failed(), force=True)
    await c.set_flow_run_state(uuid4(), ST.Failed())
    states = await c.read_flow_run_states(c.run.id)
    await c.read_flow_run_state(states[0].id)
    await c.read_flow_run_state(uuid4())


async def changing_flow_runs(c):
    await c.update_flow_run(
        c.run.id,
        flow_version="8",
        parameters={"b": 2},
        name="second",
        tags=["z"],
        empirical_policy=O.FlowRunPolicy(retries=3),
        infrastructure_pid="1:2",
        job_variables={"j": 1},
    )
    await c.update_flow_run(c.run.id, name="third")
    await c.update_flow_run(c.run.id)
    await c.set_flow_run_name(c.run.id, "fourth")
    await c.update_flow_run_labels(c.run.id, {"l": 1, "b": True})
    await c.set_flow_run_state(c.run2.id, ST.Running())
    await c.set_flow_run_state(c.run2.id, ST.Paused(timeout_seconds=100, pause_key="k"))
    await c.resume_flow_run(c.run2.id, {"x": 1})
    await c.resume_flow_run(c.run2.id)
    await c.create_flow_run_input(c.run2.id, "key-1", '{"v": 1}', sender="prefect.flow-run.x")
    await c.create_flow_run_input(c.run2.id, "key-2", "2")
    await c.create_flow_run_input(c.run2.id, "key-2", "2")
    await c.filter_flow_run_input(c.run2.id, key_prefix="key", limit=2, exclude_keys={"key-1"})
    await c.read_flow_run_input(c.run2.id, "key-1")
    await c.read_flow_run_input(c.run2.id, "nope")
    await c.delete_flow_run_input(c.run2.id, "key-1")
    await c.delete_flow_run_input(c.run2.id, "nope")


async def task_runs(c):
    c.tr = await c.create_task_run(
        add,
        c.run.id,
        "0",
        name="add-zero",
        extra_tags=["late"],
        state=ST.Running(),
        task_inputs={
            "x": [
                O.TaskRunResult(id=uuid4()),
                O.FlowRunResult(id=uuid4()),
                O.Parameter(name="a"),
                O.Constant(type="int"),
            ]
        },
    )
    await c.create_task_run(bare, None, "d-1", id=uuid4())
    await c.read_task_run(c.tr.id)
    await c.read_task_run(uuid4())
    await c.read_task_runs(
        task_run_filter=F.TaskRunFilter(
            flow_run_id=F.TaskRunFilterFlowRunId(any_=[c.run.id]),
            subflow_runs=F.TaskRunFilterSubFlowRuns(exists_=False),
        ),
        sort=S.TaskRunSort.ID_DESC,
        limit=1,
        offset=0,
    )
    await c.read_task_runs()
    await c.set_task_run_state(c.tr.id, ST.Completed(message="done"))
    await c.set_task_run_state(c.tr.id, ST.Running(), force=True)
    await c.read_task_run_states(c.tr.id)
    await c.set_task_run_name(c.tr.id, "renamed")


async def logs(c):
    await c.create_logs(
        [
            A.LogCreate(name="n", level=20, message="m", timestamp=LATER, flow_run_id=c.run.id),
        ]
    )
    await c.read_logs(
        log_filter=F.LogFilter(flow_run_id=F.LogFilterFlowRunId(any_=[c.run.id]), level=F.LogFilterLevel(ge_=10)),
        limit=3,
        offset=0,
        sort=S.LogSort.TIMESTAMP_DESC,
    )


async def artifacts(c):
    art = await c.create_artifact(
        A.ArtifactCreate(key=f"k-{c.u}", type="table", description="d", data=[{"a": 1}], flow_run_id=c.run.id)
    )
    await c.create_artifact(A.ArtifactCreate(data=1))
    await c.update_artifact(art.id, A.ArtifactUpdate(data=3))
    await c.update_artifact(uuid4(), A.ArtifactUpdate(data=3))
    await c.read_artifacts(
        artifact_filter=F.ArtifactFilter(key=F.ArtifactFilterKey(any_=[f"k-{c.u}"])),
        sort=S.ArtifactSort.KEY_ASC,
        limit=2,
        offset=0,
    )
    await c.read_artifacts(limit=1)
    await c.read_latest_artifacts(
        artifact_filter=F.ArtifactCollectionFilter(key=F.ArtifactCollectionFilterKey(any_=[f"k-{c.u}"]))
    )
    await c.read_latest_artifacts(limit=1, sort=S.ArtifactCollectionSort.CREATED_DESC)
    await c.delete_artifact(art.id)
    await c.delete_artifact(uuid4())


async def deleting(c):
    await c.delete_task_run(c.tr.id)
    await c.delete_task_run(c.tr.id)
    await c.delete_flow_run(c.run.id)
    await c.delete_flow_run(c.run.id)
    await c.delete_flow(uuid4())
    await c.delete_flow(await c.create_flow_from_name(f"gone-{c.u}"))


async def scene(c):
    await api(c)
    await flows(c)
    await flow_runs(c)
    await changing_flow_runs(c)
    await task_runs(c)
    await logs(c)
    await artifacts(c)
    await deleting(c)


play(scene)
