"""What a redeploy changes: what is written, and nothing else."""

from datetime import timedelta

import pytest

from prefect import get_client
from prefect.deployments.changes import apply_spec, find_deployment, plan_change
from prefect.deployments.spec import DeploymentSpec, ScheduleSpec
from prefect.schemas.actions import DeploymentScheduleCreate
from prefect.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule


def _schedule(schedule, sets_active=False, **fields):
    return ScheduleSpec(schedule=DeploymentScheduleCreate(schedule=schedule, **fields), sets_active=sets_active)


def _spec(**fields):
    return DeploymentSpec(**{"flow_name": "etl", "name": "daily", "entrypoint": "etl.py:etl", **fields})


HOURLY = IntervalSchedule(interval=timedelta(hours=1))


async def test_new_deployment_has_all_that_is_written():
    spec = _spec(
        parameters={"x": 1},
        tags=("a",),
        schedules=(_schedule(CronSchedule(cron="0 9 * * *"), slug="morning"),),
        concurrency_limit=2,
        version="v1",
    )
    async with get_client() as client:
        id_ = await apply_spec(client, spec)
        stored = await find_deployment(client, "etl", "daily")
    assert stored is not None and stored.id == id_
    assert (stored.entrypoint, stored.parameters, stored.tags, stored.version) == ("etl.py:etl", {"x": 1}, ["a"], "v1")
    assert [each.slug for each in stored.schedules] == ["morning"]
    assert stored.global_concurrency_limit is not None and stored.global_concurrency_limit.limit == 2
    assert plan_change(spec, stored).is_empty


async def test_redeploy_leaves_what_is_not_written():
    spec = _spec(schedules=(_schedule(CronSchedule(cron="0 9 * * *"), slug="morning"), _schedule(HOURLY)))
    async with get_client() as client:
        id_ = await apply_spec(client, spec)
        await client.pause_deployment(id_)
        before = {each.id: each for each in await client.read_deployment_schedules(id_)}
        for schedule in before:
            await client.update_deployment_schedule(id_, schedule, active=False)
        assert await apply_spec(client, _spec(**vars(spec) | {"tags": ("new",)})) == id_
        stored = await client.read_deployment(id_)
    assert stored.paused and stored.tags == ["new"]
    assert {each.id: (each.active, each.schedule) for each in stored.schedules} == {
        key: (False, each.schedule) for key, each in before.items()
    }


async def test_redeploy_sets_what_is_written():
    async with get_client() as client:
        id_ = await apply_spec(client, _spec(schedules=(_schedule(HOURLY), _schedule(HOURLY, slug="named"))))
        (named,) = [each for each in await client.read_deployment_schedules(id_) if each.slug]
        await client.update_deployment_schedule(id_, named.id, active=False)
        await client.pause_deployment(id_)
        written = DeploymentScheduleCreate(schedule=CronSchedule(cron="1 1 * * *"), slug="named", active=True)
        await apply_spec(client, _spec(paused=False, schedules=(ScheduleSpec(schedule=written),)))
        stored = await client.read_deployment(id_)
    assert not stored.paused
    assert [(each.id, each.active, each.schedule) for each in stored.schedules] == [
        (named.id, True, CronSchedule(cron="1 1 * * *"))
    ]


@pytest.mark.parametrize("schedules, left", [(None, 1), ((), 0)])
async def test_schedules_stay_unless_some_are_written(schedules, left):
    async with get_client() as client:
        id_ = await apply_spec(client, _spec(schedules=(_schedule(HOURLY),)))
        await apply_spec(client, _spec(schedules=schedules))
        assert len(await client.read_deployment_schedules(id_)) == left


async def test_deployment_that_is_as_written_is_not_touched():
    spec = _spec(schedules=(_schedule(HOURLY, parameters={"x": 1}),), tags=("b", "a"))
    async with get_client() as client:
        id_ = await apply_spec(client, spec)
        before = await client.read_deployment(id_)
        await apply_spec(client, _spec(**vars(spec)))
        assert await client.read_deployment(id_) == before


async def test_rule_with_the_start_that_a_server_has_written_into_it_is_the_same():
    stored_rule = RRuleSchedule(rrule="DTSTART:20200101T000000\nFREQ=DAILY", timezone="UTC")
    async with get_client() as client:
        await apply_spec(client, _spec(schedules=(_schedule(stored_rule),)))
        stored = await find_deployment(client, "etl", "daily")
    assert plan_change(_spec(schedules=(_schedule(RRuleSchedule(rrule="FREQ=DAILY")),)), stored).is_empty
    assert not plan_change(_spec(schedules=(_schedule(RRuleSchedule(rrule="FREQ=WEEKLY")),)), stored).is_empty


async def test_change_of_a_schedule_sends_its_parameters():
    morning = _schedule(CronSchedule(cron="0 9 * * *"), slug="morning", parameters={"x": 1})
    later = _schedule(CronSchedule(cron="0 10 * * *"), slug="morning", parameters={"x": 1})
    sent: list[dict] = []
    async with get_client() as client:
        await apply_spec(client, _spec(schedules=(morning,)))
        update = client.update_deployment_schedule

        async def record(*ids, **fields):
            sent.append(fields)
            await update(*ids, **fields)

        client.update_deployment_schedule = record
        await apply_spec(client, _spec(schedules=(later,)))
    assert [fields["parameters"] for fields in sent] == [{"x": 1}]
