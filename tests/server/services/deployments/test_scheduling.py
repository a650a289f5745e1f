"""Runs that are made ahead of their time, by one server and by several."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from prefect.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.server import store
from prefect.server.app import Server
from prefect.server.bus import Bus
from prefect.server.db.interface import Database
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.db.sql import Sql
from prefect.server.loops import Environment, Loop, Loops, scheduler
from prefect.server.services.deployments import deployments, scheduling
from prefect.server.store import Row
from prefect.settings import get_current_settings
from prefect.types import UTC, new_id
from tests.server.clock import Clock
from tests.server.path_client import PathClient
from tests.server.websocket_client import TIMEOUT_SECONDS, wait_until_listening

START = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
"""Some hours before the clocks change in Berlin."""


@pytest.fixture
def ask(api: httpx.AsyncClient) -> PathClient:
    return PathClient(api)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, START)


def environment(database: Database) -> Environment:
    return Environment(database, Bus(), get_current_settings())


async def deploy(ask: PathClient, *schedules: dict[str, Any], **more: Any) -> str:
    flow = await ask.post("/flows/", {"name": "flow"})
    body = {"name": "deployment", "flow_id": flow["id"], "schedules": list(schedules), **more}
    return (await ask.post("/deployments/", body))["id"]


async def read_runs(ask: PathClient, id_: str) -> list[dict[str, Any]]:
    body = {"deployments": {"id": {"any_": [id_]}}, "sort": "EXPECTED_START_TIME_ASC"}
    return await ask.post("/flow_runs/filter", body)


async def starts(ask: PathClient, id_: str) -> list[str]:
    return [run["expected_start_time"].removesuffix("Z")[:16] for run in await read_runs(ask, id_)]


HOURLY = {"schedule": {"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z"}, "slug": "hourly"}


class TestRuns:
    async def test_scheduled_run_has_the_values_of_its_deployment(
        self, ask: PathClient, database: Database, clock: Clock
    ) -> None:
        schedule = {**HOURLY, "parameters": {"b": 2}}
        more = {"tags": ["t"], "parameters": {"a": 1, "b": 1}, "version": "7", "labels": {"l": 1}}
        id_ = await deploy(ask, schedule, **more)
        await scheduler.create_scheduled_runs(environment(database))
        run = (await read_runs(ask, id_))[0]
        assert run["state_type"] == run["state"]["type"] == "SCHEDULED"
        assert run["state"]["message"] == "Flow run scheduled"
        assert run["next_scheduled_start_time"] == run["expected_start_time"] == "2026-03-28T22:00:00Z"
        assert run["parameters"] == {"a": 1, "b": 2}
        assert run["tags"] == ["auto-scheduled", "t"]
        assert run["auto_scheduled"] is True
        assert run["deployment_version"] == "7"
        assert run["labels"]["prefect.deployment.id"] == id_
        assert run["labels"]["l"] == 1
        assert run["created_by"]["type"] == "SCHEDULE"
        assert run["created_by"]["display_value"] == "hourly"
        assert await ask.events("prefect.flow-run") == []

    async def test_scheduled_runs_are_created_once(self, ask: PathClient, database: Database, clock: Clock) -> None:
        id_ = await deploy(ask, HOURLY)
        for _ in range(3):
            await scheduler.create_scheduled_runs(environment(database))
        assert await starts(ask, id_) == ["2026-03-28T22:00", "2026-03-28T23:00", "2026-03-29T00:00"]
        clock.advance(hours=1, minutes=1)
        await scheduler.create_scheduled_runs(environment(database))
        assert (await starts(ask, id_))[2:] == ["2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T02:00"]

    async def test_schedule_follows_daylight_saving(self, ask: PathClient, database: Database, clock: Clock) -> None:
        id_ = await deploy(ask, {"schedule": {"cron": "30 2 * * *", "timezone": "Europe/Berlin"}})
        await scheduler.create_scheduled_runs(environment(database))
        # On the 29th 02:30 does not come: the run comes at 03:30, an hour before the next day's.
        assert await starts(ask, id_) == ["2026-03-29T01:30", "2026-03-30T00:30", "2026-03-31T00:30"]

    async def test_schedule_may_lower_max_runs(self, ask: PathClient, database: Database, clock: Clock) -> None:
        id_ = await deploy(ask, {**HOURLY, "max_scheduled_runs": 1})
        await scheduler.create_scheduled_runs(environment(database))
        assert await starts(ask, id_) == ["2026-03-28T22:00"]
        clock.advance(minutes=1)
        await scheduler.create_scheduled_runs(environment(database))
        assert await starts(ask, id_) == ["2026-03-28T22:00", "2026-03-28T23:00"]

    async def test_request_creates_runs_of_a_paused_deployment(self, ask: PathClient, clock: Clock) -> None:
        id_ = await deploy(ask, HOURLY, paused=True)
        await ask.post(f"/deployments/{id_}/schedule", {"min_runs": 5})
        assert len(await starts(ask, id_)) == 5
        among = {"start_time": "2027-01-01T00:00:00Z", "end_time": "2027-01-01T02:00:00Z"}
        await ask.post(f"/deployments/{id_}/schedule", among)
        assert (await starts(ask, id_))[5:] == ["2027-01-01T00:00", "2027-01-01T01:00", "2027-01-01T02:00"]
        far = {"start_time": "2028-01-01T00:30:00Z", "end_time": "2029-01-01T00:00:00Z", "min_runs": 3000}
        await ask.post(f"/deployments/{id_}/schedule", {**far, "max_runs": 2})
        assert (await starts(ask, id_))[8:] == ["2028-01-01T01:00", "2028-01-01T02:00"]
        await ask.post(f"/deployments/{new_id()}/schedule")


class TestChanges:
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "", {"parameters": {"a": 1}}),
            ("PATCH", "", {"paused": True}),
            ("POST", "/pause_deployment", {}),
            ("POST", "/schedules", [{"schedule": {"cron": "0 0 * * *"}}]),
            ("PATCH", "/schedules/{schedule}", {"active": False}),
            ("DELETE", "/schedules/{schedule}", None),
        ],
    )
    async def test_change_discards_upcoming_runs(
        self, ask: PathClient, database: Database, clock: Clock, method: str, path: str, body: Any
    ) -> None:
        id_ = await deploy(ask, HOURLY)
        await scheduler.create_scheduled_runs(environment(database))
        clock.advance(minutes=61)
        schedule = (await ask.get(f"/deployments/{id_}/schedules"))[0]["id"]
        await ask(method, f"/deployments/{id_}{path}".format(schedule=schedule), body)
        assert await starts(ask, id_) == ["2026-03-28T22:00", "2026-03-28T23:00"]

    async def test_change_keeps_other_runs(self, ask: PathClient, database: Database, clock: Clock) -> None:
        id_ = await deploy(ask, HOURLY)
        other = await deploy(ask, HOURLY, name="other")
        await scheduler.create_scheduled_runs(environment(database))
        at = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2027-01-01T00:00:00Z"}}}
        await ask.post(f"/deployments/{id_}/create_flow_run", at)
        clock.advance(minutes=1)
        await ask.patch(f"/deployments/{id_}", {"description": "new"})
        assert await starts(ask, id_) == ["2026-03-28T22:00", "2027-01-01T00:00"]
        assert len(await starts(ask, other)) == 3

    async def test_runs_are_created_with_the_changed_values(
        self, ask: PathClient, database: Database, clock: Clock
    ) -> None:
        id_ = await deploy(ask, HOURLY)
        await scheduler.create_scheduled_runs(environment(database))
        clock.advance(minutes=1)
        await ask.patch(f"/deployments/{id_}", {"parameters": {"new": True}})
        await scheduler.create_scheduled_runs(environment(database))
        assert [run["parameters"] for run in await read_runs(ask, id_)] == [{}, *[{"new": True}] * 3]

    async def test_paused_deployment_creates_no_runs(self, ask: PathClient, database: Database, clock: Clock) -> None:
        id_ = await deploy(ask, HOURLY)
        await ask.post(f"/deployments/{id_}/pause_deployment")
        await scheduler.create_scheduled_runs(environment(database))
        assert await starts(ask, id_) == []
        await ask.post(f"/deployments/{id_}/resume_deployment")
        await scheduler.create_scheduled_runs(environment(database))
        assert len(await starts(ask, id_)) == 3

    async def test_change_notifies_the_scheduler(self, ask: PathClient, server: Server) -> None:
        await wait_until_listening(server)
        with server.bus.subscribe(scheduling.DEPLOYMENTS_TOPIC) as news:
            id_ = await deploy(ask, HOURLY)
            assert await asyncio.wait_for(news.take(), TIMEOUT_SECONDS) == [id_]


async def test_round_reads_only_due_schedules(ask: PathClient, database: Database, clock: Clock) -> None:
    clock.advance(minutes=10)
    for number in range(3):
        await deploy(ask, HOURLY, name=f"deployment {number}")
    assert len(await database.read(scheduling.find_due_deployments)) == 3
    await scheduler.create_scheduled_runs(environment(database))
    assert await database.read(scheduling.find_due_deployments) == []
    clock.advance(minutes=48)
    assert await database.read(scheduling.find_due_deployments) == []
    clock.advance(minutes=2)
    assert len(await database.read(scheduling.find_due_deployments)) == 3


async def test_invalid_schedule_does_not_affect_others(
    ask: PathClient, database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = await deploy(ask, HOURLY, name="broken"), await deploy(ask, HOURLY, name="sound")
    rows = await database.read(lambda tx: store.deployment_schedules.find(tx, columns=["id", "deployment_id"]))
    lost = [
        {**row, "schedule": {"cron": "0 0 * * *", "timezone": "Lost/Zone"}}
        for row in rows
        if str(row["deployment_id"]) == broken
    ]
    await database.write(lambda tx: store.deployment_schedules.change(tx, lost, ["schedule"]))
    await scheduler.create_scheduled_runs(environment(database))
    assert (len(await starts(ask, broken)), len(await starts(ask, sound))) == (0, 3)
    assert "cannot be computed" in caplog.text


# --- several servers on one database ---------------------------------------------------------------------------------

SCHEDULES = {
    "minutely": IntervalSchedule(interval=timedelta(seconds=60), anchor_date=START - timedelta(days=3)),
    "odd": IntervalSchedule(interval=timedelta(seconds=437), anchor_date=START - timedelta(days=3)),
    "daily": CronSchedule(cron="30 2 * * *", timezone="Europe/Berlin"),
    "often": CronSchedule(cron="*/7 * * * *", timezone="America/New_York"),
    "rule": RRuleSchedule(rrule="DTSTART:20260101T000000\nFREQ=HOURLY;INTERVAL=5", timezone="Australia/Lord_Howe"),
}


@pytest.fixture
async def two(postgres_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two servers' ways to one PostgreSQL database."""
    databases = PostgresDatabase(postgres_url, connections=4), PostgresDatabase(postgres_url, connections=4)
    for database in databases:
        await database.open()
    yield databases
    for database in databases:
        await database.close()


async def deploy_all(database: Database) -> dict[UUID, str]:
    """A deployment for each schedule; their names by their ids."""
    made: dict[UUID, str] = {}
    for name, schedule in SCHEDULES.items():

        async def work(tx: Any, name: str = name, schedule: Any = schedule) -> UUID:
            flow = {"id": new_id(), "created": START, "updated": START, "name": name}
            await store.flows.add(tx, [flow])
            values = {"schedule": schedule.model_dump(mode="json")}
            answer, _ = await deployments.create(tx, {"flow_id": flow["id"], "name": name, "schedules": [values]})
            return answer["id"]

        made[await database.write(work)] = name
    return made


async def made_runs(database: Database) -> list[Row]:
    names = ["deployment_id", "expected_start_time"]
    return await database.read(lambda tx: store.flow_runs.find(tx, columns=names))


def assert_each_once(runs: list[Row], names: dict[UUID, str], until: datetime) -> None:
    """Every date of every schedule from the start to `until` has its run, and no date has two."""
    for id_, name in names.items():
        times = sorted(run["expected_start_time"] for run in runs if run["deployment_id"] == id_)
        assert len(times) == len(set(times)), f"{name}: a run was made twice"
        wanted = [date.astimezone(UTC) for date in SCHEDULES[name].next_dates(10_000, START, until)]
        assert [time for time in times if time <= until] == wanted, name


async def test_two_servers_create_every_run_once(two: tuple[Database, Database], clock: Clock) -> None:
    names = await deploy_all(two[0])
    chance = random.Random(7)
    environments = [environment(database) for database in two]
    for _ in range(40):
        # Both at once, as if nobody led; a round may be late, and one server is busy now and then.
        acting = [each for each in environments if chance.random() < 0.8] or environments[:1]
        await asyncio.gather(*map(scheduler.create_scheduled_runs, acting))
        clock.advance(seconds=chance.uniform(1, 3000))
    assert_each_once(await made_runs(two[1]), names, clock.at - timedelta(seconds=3000))


async def test_other_server_takes_over_when_the_leader_dies(
    two: tuple[Database, Database], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = await deploy_all(two[0])
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "0.01")
    settings = get_current_settings()
    rounds: list[str] = []
    news = asyncio.Event()

    def loops(database: Database, name: str) -> Loops:
        async def make_runs(environment: Environment) -> None:
            await scheduler.create_scheduled_runs(environment)
            rounds.append(name)
            clock.advance(seconds=600)
            news.set()

        made = Loops(database, Bus(), settings)
        made.start([Loop("scheduler", make_runs, 0.01)])
        return made

    async def until(name: str) -> None:
        count = rounds.count(name)
        while rounds.count(name) < count + 5:
            await asyncio.wait_for(news.wait(), 60)
            news.clear()

    first = loops(two[0], "first")
    await until("first")
    second = loops(two[1], "second")
    # It dies without saying so: nobody leads until its claim has run out, by the clock that is moved on here.
    for task in first._tasks:
        task.cancel()
    await asyncio.gather(*first._tasks, return_exceptions=True)
    clock.advance(seconds=20)
    await until("second")
    await second.stop()
    assert_each_once(await made_runs(two[1]), names, clock.at)


async def test_pausing_during_scheduling_leaves_no_runs(two: tuple[Database, Database], clock: Clock) -> None:
    names = await deploy_all(two[0])
    for id_ in names:
        await asyncio.gather(
            scheduler.create_scheduled_runs(environment(two[0])),
            two[1].write(lambda tx, id_=id_: deployments.set_paused(tx, id_, paused=True)),
            scheduler.create_scheduled_runs(environment(two[1])),
        )
        ahead = Sql("flow_run.deployment_id = ? AND flow_run.next_scheduled_start_time > ?", (id_, clock.at))
        assert await two[0].read(lambda tx, ahead=ahead: store.flow_runs.count(tx, ahead)) == 0
