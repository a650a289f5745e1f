"""Deployments as Python programs write them, and what the API has of them."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from prefect import deploy, flow, get_client
from prefect.deployments.runner import DeploymentApplyError, EntrypointType, RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import InvalidNameError, MissingFlowError, ScriptError
from prefect.runner.storage import LocalStorage
from prefect.schedules import Cron, Interval, RRule
from prefect.schemas.actions import WorkPoolCreate
from prefect.schemas.concurrency import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.settings import (
    PREFECT_DEFAULT_WORK_POOL_NAME,
    PREFECT_DEPLOYMENTS_CLEAR_SCHEDULES_ON_EMPTY,
    temporary_settings,
)


@flow(description="Says hello.", version="v1")
def hello(name: str = "x", n: int = 1):
    return name * n


PROGRAM = """
from prefect import flow

@flow
def greet(name: str, n: int = 1):
    return name * n

number = 1
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "code" / "program.py"
    path.parent.mkdir()
    path.write_text(PROGRAM)
    return path


async def test_deployment_has_every_option():
    made = await hello.ato_deployment(
        "test",
        cron=["0 9 * * *", "0 17 * * *"],
        paused=True,
        concurrency_limit=ConcurrencyLimitConfig(limit=2, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        parameters={"name": "y"},
        triggers=[DeploymentEventTrigger(name="on event", expect={"external.happened"})],
        description="Mine.",
        tags=["a", "b"],
        version="v2",
        version_type="prefect:simple",
        enforce_parameter_schema=False,
        job_variables={"env": {"A": "1"}},
    )
    assert (made.full_name, made.entrypoint_type, made.version_type) == (
        "hello/test",
        EntrypointType.FILE_PATH,
        "prefect:simple",
    )
    id_ = await made.aapply()
    async with get_client() as client:
        stored = await client.read_deployment(id_)
        automations = await client.read_resource_related_automations(f"prefect.deployment.{id_}")
    assert [each.schedule.cron for each in stored.schedules] in (
        ["0 9 * * *", "0 17 * * *"],
        ["0 17 * * *", "0 9 * * *"],
    )
    assert stored.paused and stored.parameters == {"name": "y"} and stored.tags == ["a", "b"]
    assert (stored.description, stored.version, stored.enforce_parameter_schema) == ("Mine.", "v2", False)
    assert stored.job_variables == {"env": {"A": "1"}} and stored.path == "."
    assert stored.entrypoint is not None and stored.entrypoint.endswith("test_runner_deployment.py:hello")
    assert stored.global_concurrency_limit is not None and stored.global_concurrency_limit.limit == 2
    assert stored.concurrency_options is not None
    assert stored.concurrency_options.collision_strategy is ConcurrencyLimitStrategy.CANCEL_NEW
    assert stored.parameter_openapi_schema is not None
    assert set(stored.parameter_openapi_schema["properties"]) == {"name", "n"}
    assert [each.name for each in automations] == ["on event"]


def test_deployment_has_the_flow_s_own_description_and_version():
    made = hello.to_deployment("test")
    assert (made.description, made.version, made.flow_name) == ("Says hello.", "v1", "hello")


@pytest.mark.parametrize(
    "options, schedules",
    [
        ({"interval": 60}, [IntervalSchedule]),
        ({"interval": [60, timedelta(hours=1)]}, [IntervalSchedule, IntervalSchedule]),
        ({"cron": "* * * * *"}, [CronSchedule]),
        ({"rrule": ["FREQ=DAILY", "FREQ=WEEKLY"]}, [RRuleSchedule, RRuleSchedule]),
        ({"schedule": Cron("* * * * *", timezone="Europe/Berlin", day_or=False)}, [CronSchedule]),
        ({"schedules": [Interval(60), RRule("FREQ=DAILY"), CronSchedule(cron="* * * * *")]}, [IntervalSchedule] * 0),
        ({"schedules": [{"cron": "* * * * *", "timezone": "Asia/Tokyo", "active": False}]}, [CronSchedule]),
        ({"schedules": [{"schedule": CronSchedule(cron="* * * * *"), "slug": "s"}]}, [CronSchedule]),
    ],
)
def test_schedules_can_be_written_in_each_form(options, schedules):
    made = hello.to_deployment("test", **options)
    kinds = [type(each.schedule) for each in made.schedules]
    assert kinds == (schedules or [IntervalSchedule, RRuleSchedule, CronSchedule])


def test_schedule_keeps_its_parameters_slug_and_pause():
    schedule = Cron("0 9 * * *", timezone="Europe/Berlin", parameters={"n": 2}, slug="morning", active=False)
    (made,) = hello.to_deployment("test", schedule=schedule).schedules
    assert (made.parameters, made.slug, made.active) == ({"n": 2}, "morning", False)
    assert made.schedule == CronSchedule(cron="0 9 * * *", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"cron": "bad"}, "not a cron expression"),
        ({"schedules": [{"cron": "* * * * *", "timezone": "Mars/Base"}]}, "'Mars/Base' is not a time zone"),
        ({"rrule": "bad"}, "not an iCalendar recurrence rule"),
        ({"interval": "x"}, "interval is not valid"),
        ({"interval": 60, "cron": "* * * * *"}, "interval, cron were passed"),
        ({"schedules": [object()]}, "is not a schedule"),
        ({"schedules": [{"slug": "s"}]}, "needs one of interval, cron and rrule"),
    ],
)
def test_wrong_schedule_is_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as error:
        hello.to_deployment("test", **options)
    assert "\n" not in str(error.value)


def test_name_is_checked_and_may_be_a_script():
    with pytest.raises(InvalidNameError, match="contains '/'"):
        hello.to_deployment("a/b")
    assert hello.to_deployment("/some/where/script.py").name == "script"


def test_flow_that_no_other_process_finds_is_refused():
    @flow
    def inner(): ...

    with pytest.raises(ValueError, match="define it at the top of a file"):
        inner.to_deployment("test")


def test_entrypoint_may_be_a_module(monkeypatch):
    made = hello.to_deployment("test", entrypoint_type=EntrypointType.MODULE_PATH)
    assert made.entrypoint == f"{hello.fn.__module__}.hello" and made._path is None
    monkeypatch.setattr(hello.fn, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    with pytest.raises(ValueError, match="run it with `python -m`"):
        hello.to_deployment("test", entrypoint_type=EntrypointType.MODULE_PATH)


async def test_redeploy_keeps_pauses_made_by_hand_and_an_empty_list_changes_nothing():
    id_ = await (await hello.ato_deployment("test", schedule=Cron("0 9 * * *", slug="morning"))).aapply()
    async with get_client() as client:
        (schedule,) = await client.read_deployment_schedules(id_)
        await client.update_deployment_schedule(id_, schedule.id, active=False)
        await client.pause_deployment(id_)
        await (await hello.ato_deployment("test", schedule=Cron("0 8 * * *", slug="morning"), tags=["t"])).aapply()
        await (await hello.ato_deployment("test", schedules=[])).aapply()
        stored = await client.read_deployment(id_)
        assert stored.paused and [(each.active, each.schedule.cron) for each in stored.schedules] == [
            (False, "0 8 * * *")
        ]
        with temporary_settings({PREFECT_DEPLOYMENTS_CLEAR_SCHEDULES_ON_EMPTY: True}):
            await (await hello.ato_deployment("test", schedules=[])).aapply()
        assert await client.read_deployment_schedules(id_) == []


async def test_apply_names_a_missing_work_pool():
    made = await hello.ato_deployment("test", work_pool_name="nope", work_queue_name="q")
    with pytest.raises(DeploymentApplyError, match=r"'hello/test' cannot be applied: .*nope"):
        await made.aapply()
    async with get_client() as client:
        assert await client.read_deployments() == []


def test_from_entrypoint_loads_the_flow(program):
    made = RunnerDeployment.from_entrypoint(f"{program}:greet", "test", flow_name="other", interval=60)
    assert (made.full_name, made.entrypoint) == ("other/test", f"{program}:greet")
    with pytest.raises(MissingFlowError, match="'nope' not found in"):
        RunnerDeployment.from_entrypoint(f"{program}:nope", "test")
    with pytest.raises(MissingFlowError, match="is not a flow but a int"):
        RunnerDeployment.from_entrypoint(f"{program}:number", "test")
    with pytest.raises(ScriptError, match=r"missing\.py"):
        RunnerDeployment.from_entrypoint("missing.py:x", "test")


async def test_flow_from_a_source_is_fetched_from_there(program):
    loaded = await flow.afrom_source(program.parent, "program.py:greet")
    assert loaded("a", n=2) == "aa"
    made = await loaded.with_options(name="renamed").ato_deployment("test")
    assert (made.full_name, made.entrypoint) == ("renamed/test", "program.py:greet")
    id_ = await made.aapply()
    async with get_client() as client:
        stored = await client.read_deployment(id_)
    assert stored.pull_steps == [
        {"prefect.deployments.steps.set_working_directory": {"directory": str(program.parent)}}
    ]
    assert stored.path is None


async def test_from_storage_makes_the_deployment_of_a_flow_there(program):
    storage = LocalStorage(str(program.parent))
    made = await RunnerDeployment.afrom_storage(storage, "program.py:greet", "test", flow_name="other", tags=["t"])
    assert (made.full_name, made.storage, made.tags) == ("other/test", storage, ["t"])


class TestDeploy:
    """Deploying to a work pool."""

    @pytest.fixture
    async def pool(self) -> str:
        async with get_client() as client:
            await client.create_work_pool(WorkPoolCreate(name="mine", type="process"))
        return "mine"

    async def test_deploy_puts_the_deployment_into_the_pool(self, pool, program, capsys):
        loaded = await flow.afrom_source(str(program.parent), "program.py:greet")
        id_ = await loaded.adeploy("test", work_pool_name=pool, interval=60)
        async with get_client() as client:
            stored = await client.read_deployment(id_)
        assert (stored.work_pool_name, stored.entrypoint) == ("mine", "program.py:greet")
        printed = capsys.readouterr().out
        assert "No worker of the work pool 'mine' is online" in printed
        assert "prefect deployment run 'greet/test'" in printed

    async def test_deploy_several_uses_the_default_pool(self, pool, program, capsys):
        loaded = await flow.afrom_source(str(program.parent), "program.py:greet")
        made = [await loaded.ato_deployment(name) for name in ("a", "b")]
        with temporary_settings({PREFECT_DEFAULT_WORK_POOL_NAME: pool}):
            ids = await deploy(*made, print_next_steps_message=False, ignore_warnings=True)
        assert len(set(ids)) == 2 and capsys.readouterr().out == ""

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"work_pool_name": "nope"}, "There is no work pool 'nope'"),
            ({}, "needs a work pool"),
            ({"work_pool_name": "mine"}, "Workers could not get the code of 'hello/test'"),
            ({"work_pool_name": "mine", "image": "x:y"}, "runs no images"),
        ],
    )
    async def test_deploy_that_cannot_work_creates_nothing(self, pool, options, message):
        with pytest.raises(ValueError, match=message):
            await hello.adeploy("test", **options)
        async with get_client() as client:
            assert await client.read_deployments() == []

    async def test_deploy_without_deployments_is_refused(self, pool):
        with pytest.raises(ValueError, match="at least one deployment"):
            await deploy(work_pool_name=pool)

    async def test_image_is_built_and_pushed_first(self, program):
        template = {
            "job_configuration": {"image": "{{ image }}"},
            "variables": {"type": "object", "properties": {"image": {"type": "string"}}},
        }
        async with get_client() as client:
            await client.create_work_pool(WorkPoolCreate(name="boxes", type="made", base_job_template=template))
        image = _Image()
        id_ = await hello.adeploy("test", work_pool_name="boxes", image=image, print_next_steps=False)
        await hello.adeploy("test", "boxes", image, build=False, push=False, ignore_warnings=True)
        async with get_client() as client:
            stored = await client.read_deployment(id_)
        assert image.calls == ["build", "push"] and stored.job_variables == {"image": "registry/code:1"}


class _Image:
    reference = "registry/code:1"

    def __init__(self) -> None:
        self.calls: list[str] = []

    def build(self) -> None:
        self.calls.append("build")

    def push(self) -> None:
        self.calls.append("push")
