"""The next times of a schedule that is being written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.server.route_client import RouteClient

PREVIEW = "/ui/forms/schedule-preview"


async def test_preview_is_in_the_time_zone_of_the_schedule(call: RouteClient) -> None:
    body = {"schedule": {"cron": "0 3 * * *", "timezone": "Asia/Tokyo"}, "count": 3}
    times = [datetime.fromisoformat(each) for each in (await call("POST", PREVIEW, body))["dates"]]
    assert [(each.hour, each.utcoffset()) for each in times] == [(3, timedelta(hours=9))] * 3


@pytest.mark.parametrize(
    "schedule",
    [
        {"interval": 900, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"},
        {"rrule": "FREQ=DAILY;BYHOUR=9", "timezone": "Europe/Berlin"},
    ],
)
async def test_preview_of_every_kind(call: RouteClient, schedule: dict[str, Any]) -> None:
    assert len((await call("POST", PREVIEW, {"schedule": schedule}))["dates"]) == 10


@pytest.mark.parametrize("schedule", [{"cron": "61 * * * *"}, {"rrule": "FREQ=NEVER"}])
async def test_preview_refuses_what_is_no_schedule(call: RouteClient, schedule: dict[str, Any]) -> None:
    code, _ = await call.send("POST", PREVIEW, {"schedule": schedule})
    assert code in (409, 422)
