"""The calendar: the times of schedules, and the runs that somebody has scheduled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from prefect.server.services.pages import calendar
from prefect.types import UTC, now
from tests.server.route_client import RouteClient

HOURLY = {"cron": "30 * * * *", "timezone": "UTC"}
DAY = datetime(2040, 6, 1, tzinfo=UTC)


async def deploy(call: RouteClient, name: str, schedule: dict[str, Any], **values: Any) -> str:
    flow = await call.flow()
    schedules = [{"schedule": schedule, "active": True}]
    return (await call("POST", "/deployments/", {"name": name, "flow_id": flow, "schedules": schedules, **values}))[
        "id"
    ]


async def read(call: RouteClient, **query: Any) -> list[dict[str, Any]]:
    return (await call("GET", "/ui/pages/calendar", since=DAY.isoformat(), **query))["entries"]


async def test_calendar_has_the_times_of_active_schedules(call: RouteClient) -> None:
    await deploy(call, "prod", HOURLY)
    await deploy(call, "off", HOURLY, paused=True)
    (entry,) = await read(call, days=1)
    assert (entry["flow"]["name"], entry["deployment"]["name"], entry["is_cut"]) == ("etl", "prod", False)
    assert [time["at"] for time in entry["times"]] == [f"2040-06-01T{hour:02}:30:00Z" for hour in range(24)]


async def test_calendar_has_the_run_of_a_time_and_runs_without_a_schedule(call: RouteClient) -> None:
    deployment = await deploy(call, "prod", {"cron": "0 12 1 6 *", "timezone": "UTC"})
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2040-06-01T09:15:00Z"}}
    run = await call("POST", "/deployments/{id}/create_flow_run", {"name": "by-hand", "state": later}, id=deployment)
    entries = await read(call, days=1)
    assert [(entry["name"], [time["at"] for time in entry["times"]]) for entry in entries] == [
        (None, ["2040-06-01T12:00:00Z"]),
        ("by-hand", ["2040-06-01T09:15:00Z"]),
    ]
    assert entries[1]["times"][0]["run"] == run["id"]
    assert [entry["name"] for entry in await read(call, days=1, q="hand")] == ["by-hand"]
    assert await read(call, days=1, q="nothing") == []


async def test_calendar_leaves_out_what_has_passed(call: RouteClient) -> None:
    await deploy(call, "prod", {"interval": 3600.0, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"})
    since = (now() - timedelta(hours=12)).isoformat()
    (entry,) = (await call("GET", "/ui/pages/calendar", since=since, days=1))["entries"]
    assert len(entry["times"]) in (12, 13)


async def test_calendar_shows_that_a_schedule_has_more_times(call: RouteClient) -> None:
    await deploy(call, "busy", {"interval": 1.0, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"})
    (entry,) = await read(call, days=31)
    assert (len(entry["times"]), entry["is_cut"]) == (calendar.MAX_TIMES, True)
