"""Schedules as people write them: every option reaches the schedule."""

from datetime import UTC, datetime, timedelta

import pytest

from prefect.schedules import Cron, Interval, RRule, Schedule

ANCHOR = datetime(2030, 1, 1, tzinfo=UTC)


def test_interval_keeps_its_options() -> None:
    schedule = Interval(60, anchor_date=ANCHOR, timezone="Asia/Tokyo", active=False, parameters={"x": 1}, slug="a-slug")

    assert (schedule.interval, schedule.anchor_date) == (timedelta(seconds=60), ANCHOR)
    assert (schedule.timezone, schedule.active, schedule.parameters, schedule.slug) == (
        "Asia/Tokyo",
        False,
        {"x": 1},
        "a-slug",
    )


def test_rrule_keeps_its_options() -> None:
    schedule = RRule("FREQ=DAILY", timezone="Asia/Tokyo", active=False, parameters={"x": 1}, slug="a-slug")

    assert schedule.rrule == "FREQ=DAILY"
    assert (schedule.timezone, schedule.active, schedule.parameters, schedule.slug) == (
        "Asia/Tokyo",
        False,
        {"x": 1},
        "a-slug",
    )


@pytest.mark.parametrize(
    ("schedule", "made"),
    [
        (Schedule(rrule="FREQ=DAILY", timezone="UTC", slug="daily"), RRule("FREQ=DAILY", timezone="UTC", slug="daily")),
        (
            Schedule(cron="0 0 13 * 5", day_or=False, active=False, parameters={"x": 1}),
            Cron("0 0 13 * 5", day_or=False, active=False, parameters={"x": 1}),
        ),
        (
            Schedule(interval=timedelta(seconds=60), anchor_date=ANCHOR),
            Interval(60, anchor_date=ANCHOR),
        ),
    ],
)
def test_schedule_written_out_is_that_of_its_function(schedule: Schedule, made: Schedule) -> None:
    fields = ("interval", "cron", "rrule", "timezone", "day_or", "active", "parameters", "slug")

    assert [getattr(schedule, name) for name in fields] == [getattr(made, name) for name in fields]
