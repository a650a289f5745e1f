"""Properties of schedule dates in every time zone, across clock changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prefect.schemas import dates
from prefect.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.types import UTC

ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
DAYS = st.integers(1, 40).map(lambda days: timedelta(days=days))
SHORT = st.integers(1, 86_399).map(lambda seconds: timedelta(seconds=seconds))
CRONS = st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 9 * * MON-FRI", "15 1,3 * * *", "0 0 1 * *", "59 23 * * SUN"])
RULES = st.sampled_from(
    [
        *("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "FREQ=HOURLY;INTERVAL=5", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SA"),
        *("FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MINUTELY;INTERVAL=45", "FREQ=DAILY;COUNT=4000", "FREQ=YEARLY"),
    ]
)


@st.composite
def schedules(draw: st.DrawFn) -> IntervalSchedule | CronSchedule | RRuleSchedule:
    zone = draw(ZONES)
    kind = draw(st.sampled_from(["interval", "cron", "rrule"]))
    if kind == "interval":
        return IntervalSchedule(interval=draw(st.one_of(DAYS, SHORT)), anchor_date=draw(MOMENTS), timezone=zone)
    if kind == "cron":
        return CronSchedule(cron=draw(CRONS), timezone=zone)
    return RRuleSchedule(rrule=f"DTSTART:20200101T001500\n{draw(RULES)}", timezone=zone)


@given(schedules(), MOMENTS)
def test_dates_are_ordered_and_not_before_start(schedule: CronSchedule, start: datetime) -> None:
    found = [date.astimezone(UTC) for date in islice(dates.upcoming(schedule, start), 12)]
    assert all(one < other for one, other in pairwise(found))
    assert all(date >= start for date in found)


@given(schedules(), MOMENTS, st.integers(0, 11))
def test_dates_do_not_depend_on_search_start(schedule: CronSchedule, start: datetime, skipped: int) -> None:
    found = [date.astimezone(UTC) for date in islice(dates.upcoming(schedule, start), 12)]
    rest = found[skipped:]
    if rest:
        again = [date.astimezone(UTC) for date in islice(dates.upcoming(schedule, rest[0]), len(rest))]
        assert again == rest
        after = next(iter(dates.upcoming(schedule, rest[0] + timedelta(microseconds=1))), None)
        assert len(rest) < 2 or (after is not None and after.astimezone(UTC) == rest[1])


@given(SHORT, MOMENTS, MOMENTS, ZONES)
def test_short_interval_keeps_elapsed_time(interval: timedelta, anchor: datetime, start: datetime, zone: str) -> None:
    schedule = IntervalSchedule(interval=interval, anchor_date=anchor, timezone=zone)
    found = [date.astimezone(UTC) for date in schedule.next_dates(5, start)]
    assert {other - one for one, other in pairwise(found)} == {interval}
    assert (found[0] - anchor) % interval == timedelta(0)


@given(DAYS, MOMENTS, MOMENTS, ZONES)
def test_interval_of_days_keeps_time_of_day(interval: timedelta, anchor: datetime, start: datetime, zone: str) -> None:
    schedule = IntervalSchedule(interval=interval, anchor_date=anchor, timezone=zone)
    wanted = anchor.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    for date in schedule.next_dates(5, start):
        shown = date.replace(tzinfo=None)
        if shown.time() != wanted.time():
            # The clock skipped that time on that day.
            skipped = datetime.combine(shown.date(), wanted.time(), ZoneInfo(zone))
            assert skipped.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != skipped.replace(
                tzinfo=None
            )


@pytest.mark.parametrize(
    "rule", ["FREQ=HOURLY", "FREQ=MINUTELY", "FREQ=SECONDLY;INTERVAL=7", "FREQ=WEEKLY;INTERVAL=3", "FREQ=DAILY"]
)
def test_rrule_dates_equal_full_search_when_start_is_skipped(rule: str) -> None:
    near = RRuleSchedule(rrule=f"DTSTART:20260101T000000\n{rule}")
    far = datetime(2026, 1, 20, 12, 3, tzinfo=UTC)
    every = near.to_rrule()
    expected = list(islice(every.xafter(far, inc=True), 5))
    assert near.next_dates(5, far) == expected


@pytest.mark.parametrize("rule", ["FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;UNTIL=tomorrow", "FREQ=SOMETIMES"])
def test_rrule_rejects_unsearchable_rule(rule: str) -> None:
    with pytest.raises(ValidationError):
        RRuleSchedule(rrule=rule)


@pytest.mark.parametrize(
    "schedule",
    [
        IntervalSchedule(interval=timedelta(days=1), anchor_date=datetime(9999, 12, 31, tzinfo=UTC)),
        IntervalSchedule(interval=timedelta(days=3_000_000), anchor_date=datetime(1, 1, 1, tzinfo=UTC)),
        CronSchedule(cron="0 0 31 2 *"),
        RRuleSchedule(rrule="DTSTART:99991231T235959\nFREQ=DAILY"),
    ],
)
def test_dates_end_at_calendar_limit(schedule: IntervalSchedule) -> None:
    assert len(schedule.next_dates(5, datetime(9990, 1, 1, tzinfo=UTC))) < 6
    assert schedule.next_dates(5, datetime(9999, 12, 31, 23, 59, 59, 1, tzinfo=UTC)) == []
