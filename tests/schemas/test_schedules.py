"""Validation and dates of schedules, including clock changes."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from pydantic import ValidationError

from prefect.schedules import Cron, Interval, RRule, Schedule
from prefect.schemas.actions import DeploymentScheduleCreate
from prefect.schemas.schedules import (
    CronSchedule,
    IntervalSchedule,
    NoSchedule,
    RRuleSchedule,
    construct_schedule,
    is_schedule_type,
    is_valid_timezone,
)
from prefect.types import UTC

NEW_YORK = "America/New_York"
SPRING = datetime.datetime(2024, 3, 9, 12, tzinfo=UTC)  # 02:00 becomes 03:00 on the 10th
AUTUMN = datetime.datetime(2024, 11, 3, 3, tzinfo=UTC)  # 02:00 becomes 01:00 on the 3rd, 6:00 UTC


def shown(schedule: Any, start: datetime.datetime, n: int = 4, end: datetime.datetime | None = None) -> list[str]:
    return [f"{date:%d %H:%M%z}" for date in schedule.next_dates(n, start, end)]


class TestCronSchedule:
    @pytest.mark.parametrize(
        "cron", ["* * * * *", "@daily", "0 0 L * *", "0 0 * * mon#1", "0 9 * MAR THU", "0 0 31 2 *"]
    )
    def test_cron_accepts_valid_expression(self, cron: str) -> None:
        assert CronSchedule(cron=cron).cron == cron

    @pytest.mark.parametrize("cron", ["bad", "@reboot", "R * * * *", "H/5 * * * *", "0 25 * * *", ""])
    def test_cron_rejects_invalid_expression(self, cron: str) -> None:
        with pytest.raises(ValidationError):
            CronSchedule(cron=cron)

    def test_cron_rejects_unknown_timezone(self) -> None:
        with pytest.raises(ValidationError, match="not a time zone"):
            CronSchedule(cron="* * * * *", timezone="Mars/Phobos")

    def test_cron_shifts_time_skipped_by_clock_change(self) -> None:
        dates = shown(CronSchedule(cron="30 2 * * *", timezone=NEW_YORK), SPRING)
        assert dates == ["10 03:30-0400", "11 02:30-0400", "12 02:30-0400", "13 02:30-0400"]

    def test_cron_runs_once_when_time_is_repeated(self) -> None:
        dates = shown(CronSchedule(cron="30 1 * * *", timezone=NEW_YORK), AUTUMN, 2)
        assert dates == ["03 01:30-0400", "04 01:30-0500"]

    def test_cron_omits_duplicate_dates_when_hours_coincide(self) -> None:
        start = datetime.datetime(2024, 3, 10, 6, tzinfo=UTC)
        dates = shown(CronSchedule(cron="0 * * * *", timezone=NEW_YORK), start, 3)
        assert dates == ["10 01:00-0500", "10 03:00-0400", "10 04:00-0400"]

    def test_cron_includes_start_and_end(self) -> None:
        start = datetime.datetime(2024, 1, 1, tzinfo=UTC)
        dates = shown(CronSchedule(cron="0 * * * *"), start, 9, start + datetime.timedelta(hours=2))
        assert dates == ["01 00:00+0000", "01 01:00+0000", "01 02:00+0000"]

    def test_cron_day_or_selects_union_or_intersection(self) -> None:
        start = datetime.datetime(2024, 1, 1, tzinfo=UTC)
        assert len(CronSchedule(cron="0 0 1 * 2").next_dates(9, start, start + datetime.timedelta(7))) == 2
        assert CronSchedule(cron="0 0 1 * 2", day_or=False).next_dates(1, start)[0].month == 10

    def test_cron_has_no_dates_when_day_does_not_exist(self) -> None:
        assert CronSchedule(cron="0 0 31 2 *").next_dates(1, SPRING) == []


class TestIntervalSchedule:
    def test_daily_interval_keeps_time_of_day(self) -> None:
        anchor = datetime.datetime(2024, 1, 1, 9, tzinfo=ZoneInfo(NEW_YORK))
        schedule = IntervalSchedule(interval=datetime.timedelta(days=1), anchor_date=anchor)

        assert schedule.timezone == NEW_YORK
        assert shown(schedule, SPRING, 3) == ["09 09:00-0500", "10 09:00-0400", "11 09:00-0400"]

    def test_hourly_interval_keeps_elapsed_time(self) -> None:
        anchor = datetime.datetime(2024, 1, 1, tzinfo=ZoneInfo(NEW_YORK))
        schedule = IntervalSchedule(interval=datetime.timedelta(hours=1), anchor_date=anchor)

        dates = shown(schedule, AUTUMN + datetime.timedelta(hours=2), 3)

        assert dates == ["03 01:00-0400", "03 01:00-0500", "03 02:00-0500"]

    def test_interval_accepts_future_anchor(self) -> None:
        schedule = IntervalSchedule(interval=datetime.timedelta(days=2), anchor_date=SPRING + datetime.timedelta(1))

        assert shown(schedule, SPRING - datetime.timedelta(1), 2) == ["08 12:00+0000", "10 12:00+0000"]

    @pytest.mark.parametrize("fields", [{"interval": 0}, {"interval": -1}, {"interval": 1, "timezone": "bad"}])
    def test_interval_rejects_invalid_fields(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            IntervalSchedule(**fields)

    def test_interval_serializes_seconds_and_anchor(self) -> None:
        schedule = IntervalSchedule.model_validate({"interval": 5, "anchor_date": "2024-01-01T00:00:00+02:00"})

        assert schedule.model_dump(mode="json") == {
            "interval": 5.0,
            "anchor_date": "2024-01-01T00:00:00+02:00",
            "timezone": "UTC",
        }


class TestRRuleSchedule:
    @pytest.mark.parametrize("text", ["bad", "", "FREQ=BAD", "FREQ=DAILY;" + "X" * 6500])
    def test_rrule_rejects_invalid_text(self, text: str) -> None:
        with pytest.raises(ValidationError):
            RRuleSchedule(rrule=text)

    def test_rrule_keeps_time_of_day(self) -> None:
        schedule = RRuleSchedule(rrule="FREQ=DAILY;BYHOUR=9", timezone=NEW_YORK)

        assert shown(schedule, SPRING, 2) == ["09 09:00-0500", "10 09:00-0400"]

    def test_rrule_converts_until_from_utc(self) -> None:
        text = "DTSTART:20240309T090000\nRRULE:FREQ=DAILY;UNTIL=20240310T130000Z"
        schedule = RRuleSchedule(rrule=text, timezone=NEW_YORK)

        assert shown(schedule, SPRING) == ["09 09:00-0500", "10 09:00-0400"]
        assert [f"{date:%d %H:%M%z}" for date in schedule.to_rrule()] == ["09 09:00-0500", "10 09:00-0400"]

    def test_from_rrule_keeps_rule_and_timezone(self) -> None:
        start = datetime.datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))

        schedule = RRuleSchedule.from_rrule(rrule.rrule(rrule.DAILY, dtstart=start, count=2))

        assert schedule.rrule == "DTSTART:20240101T000000\nRRULE:FREQ=DAILY;COUNT=2"
        assert schedule.timezone == "Europe/Berlin"

    def test_from_rrule_accepts_rule_set_with_one_start(self) -> None:
        start = datetime.datetime(2024, 1, 1)
        rules = rrule.rruleset()
        rules.rrule(rrule.rrule(rrule.DAILY, dtstart=start, count=3))
        rules.exdate(start + datetime.timedelta(1))

        schedule = RRuleSchedule.from_rrule(rules)

        assert shown(schedule, start.replace(tzinfo=UTC)) == ["01 00:00+0000", "03 00:00+0000"]
        assert len(list(schedule.to_rrule())) == 2
        rules.rrule(rrule.rrule(rrule.DAILY, dtstart=start + datetime.timedelta(1), count=3))
        with pytest.raises(ValueError, match="same start"):
            RRuleSchedule.from_rrule(rules)


class TestConstructSchedule:
    def test_construct_schedule_selects_type_by_argument(self) -> None:
        assert construct_schedule(cron="* * * * *", timezone="UTC") == CronSchedule(cron="* * * * *", timezone="UTC")
        assert construct_schedule(rrule="FREQ=DAILY") == RRuleSchedule(rrule="FREQ=DAILY")
        found = construct_schedule(interval=5, anchor_date="2024-01-01")
        assert isinstance(found, IntervalSchedule)
        assert found.anchor_date == datetime.datetime(2024, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        "arguments",
        [{}, {"interval": 5, "cron": "* * * * *"}, {"cron": "* * * * *", "anchor_date": SPRING}, {"timezone": "UTC"}],
    )
    def test_construct_schedule_rejects_invalid_combination(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="schedule"):
            construct_schedule(**arguments)


def test_is_schedule_type_and_is_valid_timezone() -> None:
    assert is_schedule_type(NoSchedule())
    assert not is_schedule_type(CronSchedule)
    assert NoSchedule().next_dates(3, SPRING) == []
    assert is_valid_timezone("UTC")
    assert not is_valid_timezone("local")


class TestFromSchedule:
    def test_from_schedule_converts_cron(self) -> None:
        schedule = Cron("0 9 * * *", timezone=NEW_YORK, active=False, parameters={"a": 1}, slug="s")
        request = DeploymentScheduleCreate.from_schedule(schedule)

        assert request.schedule == CronSchedule(cron="0 9 * * *", timezone=NEW_YORK)
        assert (request.active, request.parameters, request.slug) == (False, {"a": 1}, "s")
        with pytest.raises(ValueError, match="not a cron expression"):
            Cron("bad")

    def test_from_schedule_converts_interval(self) -> None:
        schedule = Interval(60, anchor_date=SPRING)

        assert schedule.interval == datetime.timedelta(minutes=1)
        assert DeploymentScheduleCreate.from_schedule(schedule).schedule == IntervalSchedule(
            interval=datetime.timedelta(minutes=1), anchor_date=SPRING, timezone="UTC"
        )

    def test_from_schedule_converts_rrule(self) -> None:
        found = DeploymentScheduleCreate.from_schedule(RRule("FREQ=DAILY")).schedule

        assert found == RRuleSchedule(rrule="DTSTART:20200101T000000\nFREQ=DAILY")
        assert shown(found, SPRING, 1) == ["10 00:00+0000"]
        with pytest.raises(ValueError, match="not an iCalendar"):
            RRule("bad")

    def test_from_schedule_converts_empty_schedule(self) -> None:
        assert DeploymentScheduleCreate.from_schedule(Schedule()).schedule == NoSchedule()

    @pytest.mark.parametrize("kind", [{"cron": "bad"}, {"cron": "R R * * *"}, {"rrule": "bad"}])
    def test_schedule_refuses_an_invalid_rule(self, kind: dict[str, str]) -> None:
        with pytest.raises(ValueError, match=r"'bad' is not|is random or hashed"):
            Schedule(**kind)  # pyright: ignore[reportArgumentType]

    def test_schedule_has_one_kind_and_is_frozen(self) -> None:
        with pytest.raises(ValueError, match="interval, cron"):
            Schedule(interval=datetime.timedelta(1), cron="* * * * *")
        with pytest.raises(dataclasses.FrozenInstanceError):
            Schedule().cron = "x"  # pyright: ignore[reportAttributeAccessIssue]
