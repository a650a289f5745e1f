"""`run_deployment`: the run takes place elsewhere, and belongs to the flow run that has asked for it."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from prefect import flow, get_client, task
from prefect.deployments import arun_deployment, run_deployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.schemas.states import Completed
from prefect.types import now


@flow
def child(n: int = 1):
    return n


@pytest.fixture
def deployment_id() -> UUID:
    return child.to_deployment("test", tags=["own"]).apply()


def _end_runs() -> None:
    """Complete each run that is scheduled, as a runner would, once there is one."""
    with get_client(sync_client=True) as client:
        while not (scheduled := [run for run in client.read_flow_runs() if run.state.is_scheduled()]):
            continue
        for run in scheduled:
            client.set_flow_run_state(run.id, Completed(), force=True)


def test_run_has_the_requested_values(deployment_id):
    due = now() + timedelta(hours=1)
    run = run_deployment(
        "child/test",
        parameters={"n": 2},
        scheduled_time=due,
        flow_run_name="named",
        timeout=0,
        tags=["mine"],
        idempotency_key="once",
        job_variables={"env": {"A": "1"}},
        as_subflow=False,
    )
    assert (run.name, run.parameters, set(run.tags)) == ("named", {"n": 2}, {"own", "mine"})
    assert run.state.is_scheduled() and run.next_scheduled_start_time == due
    assert run.job_variables == {"env": {"A": "1"}} and run.idempotency_key == "once"
    again = run_deployment(deployment_id, timeout=0, idempotency_key="once")
    assert again.id == run.id
    assert run_deployment(str(deployment_id), timeout=0).id != run.id


async def test_async_form_takes_a_client():
    await (await child.ato_deployment("test")).aapply()
    async with get_client() as client:
        run = await arun_deployment("child/test", client=client, timeout=0)
        assert (await client.read_flow_run(run.id)).id == run.id
        assert (await run_deployment("child/test", timeout=0)).state.is_scheduled()


def test_caller_waits_until_the_run_has_ended(deployment_id):
    ending = threading.Timer(0.2, _end_runs)
    ending.start()
    run = run_deployment("child/test", poll_interval=0.05, timeout=60)
    ending.join()
    assert run.state.is_completed()


def test_caller_waits_no_longer_than_the_timeout(deployment_id):
    assert run_deployment("child/test", timeout=0.1).state.is_scheduled()


def test_run_belongs_to_the_flow_run_and_knows_where_its_arguments_are_from(deployment_id):
    @task
    def number():
        return 5

    @flow
    def parent():
        return run_deployment("child/test", parameters={"n": number.submit()}, timeout=0)

    run = parent()
    assert run.parameters == {"n": 5}
    with get_client(sync_client=True) as client:
        stand_in = client.read_task_run(run.parent_task_run_id)
        (task_run,) = [each for each in client.read_task_runs() if each.name.startswith("number")]
        assert [each.id for each in stand_in.task_inputs["n"]] == [task_run.id]
        assert (stand_in.name, stand_in.flow_run_id) == ("child/test", task_run.flow_run_id)


def test_run_may_stand_alone_in_a_flow_run(deployment_id):
    @flow
    def parent():
        return run_deployment("child/test", timeout=0, as_subflow=False)

    assert parent().parent_task_run_id is None


def test_arguments_must_satisfy_the_schema(deployment_id):
    with pytest.raises(PrefectHTTPStatusError, match="'x' is not of type 'integer'"):
        run_deployment("child/test", parameters={"n": "x"}, timeout=0)
    with get_client(sync_client=True) as client:
        assert client.read_flow_runs() == []


def test_wrong_calls_are_refused(deployment_id):
    with pytest.raises(ValueError, match="`timeout` cannot be negative"):
        run_deployment("child/test", timeout=-1)
    with pytest.raises(ObjectNotFound):
        run_deployment("child/nope", timeout=0)
    with pytest.raises(ObjectNotFound):
        run_deployment(uuid4(), timeout=0)
    with pytest.raises(ValueError, match="has no slash"):
        run_deployment("nope", timeout=0)
    with pytest.raises(PrefectHTTPStatusError, match="in no work pool"):
        run_deployment("child/test", work_queue_name="q", timeout=0)
