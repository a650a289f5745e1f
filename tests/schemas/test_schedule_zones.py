"""Dates of schedules at each change of the clocks in two years, in every zone, against a table of all minutes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest

from prefect.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

FIRST, DAYS = datetime(2025, 1, 1, tzinfo=UTC), 2 * 366
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Change(NamedTuple):
    """A change of the clocks of a zone: the first moment of the new offset, and how far the clock goes forward."""

    zone: str
    at: datetime
    shift: timedelta


@cache
def changes() -> list[Change]:
    """Return the changes of all zones; one of the zones that change at the same time in the same way."""
    found: dict[tuple[datetime, timedelta, timedelta], Change] = {}
    for name in sorted(available_timezones()):
        for at, before, after in _find_changes(ZoneInfo(name)):
            found.setdefault((at, before, after), Change(name, at, after - before))
    return list(found.values())


def _find_changes(zone: ZoneInfo) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    before = _offset(FIRST, zone)
    for day in range(1, DAYS):
        low, high = FIRST + (day - 1) * DAY, FIRST + day * DAY
        after = _offset(high, zone)
        if after == before:
            continue
        while high - low > MINUTE:
            middle = low + (high - low) // 2
            middle = middle.replace(second=0, microsecond=0)
            low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
        yield high, before, after
        before = after


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def wall_times(change: Change) -> list[datetime]:
    """Return times of the wall clock before, in and after what the change skips or repeats."""
    zone = ZoneInfo(change.zone)
    before = (change.at - MINUTE).astimezone(zone).replace(tzinfo=None) + MINUTE
    later = before + change.shift
    middle = (min(before, later) + abs(change.shift) / 2).replace(second=0, microsecond=0)
    return [min(before, later) - timedelta(minutes=20), min(before, later), middle, max(before, later)]


@cache
def expected_dates(change: Change, wall: datetime) -> list[datetime]:
    """Return when the wall clock first shows a time on each of three days, or would have without the change."""
    zone = ZoneInfo(change.zone)
    dates: list[datetime] = []
    for day in (-1, 0, 1):
        wanted = wall + day * DAY
        nearby = wanted.replace(tzinfo=UTC) - _offset(change.at, zone)
        minutes = range(-6 * 60, 6 * 60 + 1) if day == 0 else (0, *_minutes_apart(change))
        candidates = [nearby + number * MINUTE for number in minutes]
        matching = [moment for moment in candidates if moment.astimezone(zone).replace(tzinfo=None) == wanted]
        # A time that is skipped comes as much later as the clock went forward: as the old offset has it.
        dates.append(min(matching) if matching else wanted.replace(tzinfo=UTC) - _offset(change.at - MINUTE, zone))
    return dates


def _minutes_apart(change: Change) -> tuple[int, int]:
    minutes = change.shift // MINUTE
    return minutes, -minutes


def test_there_are_changes():
    assert len(changes()) > 50
    assert {change.shift for change in changes()} >= {timedelta(hours=1), timedelta(hours=-1)}


def _make_daily(kind: str, wall: datetime, zone: str) -> CronSchedule | IntervalSchedule | RRuleSchedule:
    first = wall - 40 * DAY
    if kind == "cron":
        return CronSchedule(cron=f"{wall.minute} {wall.hour} * * *", timezone=zone)
    if kind == "interval":
        return IntervalSchedule(interval=DAY, anchor_date=first.replace(tzinfo=ZoneInfo(zone)), timezone=zone)
    return RRuleSchedule(rrule=f"DTSTART:{first:%Y%m%dT%H%M%S}\nFREQ=DAILY", timezone=zone)


@pytest.mark.parametrize("kind", ["cron", "interval", "rrule"])
def test_daily_dates_follow_the_wall_clock_through_every_change(kind):
    for change in changes():
        for wall in wall_times(change):
            expected = expected_dates(change, wall)
            start = expected[0] - timedelta(minutes=1)
            schedule = _make_daily(kind, wall, change.zone)
            dates = [date.astimezone(UTC) for date in schedule.next_dates(3, start)]
            assert dates == expected, (change, wall)


def test_short_intervals_keep_the_elapsed_time_through_every_change():
    for change in changes():
        interval = timedelta(minutes=90)
        anchor = (change.at - 16 * interval).astimezone(ZoneInfo(change.zone))
        schedule = IntervalSchedule(interval=interval, anchor_date=anchor, timezone=change.zone)
        dates = [date.astimezone(UTC) for date in schedule.next_dates(4, change.at - 2 * interval)]
        assert dates == [change.at + step * interval for step in (-2, -1, 0, 1)], change
