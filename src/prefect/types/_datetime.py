"""Dates and times with calendar arithmetic; also the path from which integrations import `now`.

The package itself works with plain aware `datetime` values. These classes are for programs that annotate with them.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal, Self
from zoneinfo import ZoneInfo

from prefect._lazy import lazy_modules
from prefect.types import UTC, now

if TYPE_CHECKING:
    from dateutil import relativedelta
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema, core_schema
else:
    core_schema, relativedelta = lazy_modules("pydantic_core.core_schema", "dateutil.relativedelta")

__all__ = ["Date", "DateTime", "now"]

DateUnit = Literal["day", "week", "month", "year", "decade", "century"]
TimeUnit = Literal["second", "minute", "hour"]

_YEARS = {"year": 1, "decade": 10, "century": 100}


class Date(datetime.date):
    """A calendar date."""

    def add(self, years: int = 0, months: int = 0, weeks: int = 0, days: int = 0) -> Self:
        """Return the date that much later; the day is clipped to the length of the month."""
        return self + relativedelta.relativedelta(years=years, months=months, weeks=weeks, days=days)

    def subtract(self, years: int = 0, months: int = 0, weeks: int = 0, days: int = 0) -> Self:
        """Return the date that much earlier."""
        return self.add(-years, -months, -weeks, -days)

    def start_of(self, unit: DateUnit) -> Self:
        """Return the first day of the unit that contains this date; weeks start on Monday."""
        return self.replace(**_first_day(self, unit))

    def end_of(self, unit: DateUnit) -> Self:
        """Return the last day of the unit that contains this date."""
        first = self.start_of(unit)
        if unit in _YEARS:
            return first.add(years=_YEARS[unit]).subtract(days=1)
        if unit == "month":
            return first.add(months=1).subtract(days=1)
        return first.add(weeks=1).subtract(days=1) if unit == "week" else first

    def is_past(self) -> bool:
        """Return whether the date is before today."""
        return self < datetime.date.today()  # noqa: DTZ011 - a calendar date has no zone

    def is_future(self) -> bool:
        """Return whether the date is after today."""
        return self > datetime.date.today()  # noqa: DTZ011

    def to_date_string(self) -> str:
        """Return the date as `YYYY-MM-DD`."""
        return self.strftime("%Y-%m-%d")

    def for_json(self) -> str:
        """Return the date as ISO 8601."""
        return self.isoformat()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls._from_date, handler(datetime.date))

    @classmethod
    def _from_date(cls, value: datetime.date) -> Self:
        return cls(value.year, value.month, value.day)


class DateTime(datetime.datetime):
    """An aware point in time; one that is read without a zone is in UTC."""

    @classmethod
    def instance(cls, dt: datetime.datetime, tz: str | datetime.tzinfo | None = UTC) -> Self:
        """Return the same time as an instance of this class; `tz` is the zone of a naive one."""
        zone = dt.tzinfo or _zone(tz)
        return cls(dt.year, dt.month, dt.day, dt.hour, dt.minute, dt.second, dt.microsecond, tzinfo=zone, fold=dt.fold)

    @classmethod
    def create(
        cls,
        year: int,
        month: int,
        day: int,
        hour: int = 0,
        minute: int = 0,
        second: int = 0,
        microsecond: int = 0,
        tz: str | datetime.tzinfo | None = UTC,
    ) -> Self:
        """Return a time in a zone, named as in the IANA database."""
        return cls(year, month, day, hour, minute, second, microsecond, tzinfo=_zone(tz))

    @classmethod
    def now(cls, tz: str | datetime.tzinfo | None = None) -> Self:
        """Return the current time in a zone, by default the local one."""
        return cls.instance(datetime.datetime.now(_zone(tz)).astimezone(_zone(tz)))

    @classmethod
    def utcnow(cls) -> Self:
        """Return the current time in UTC."""
        return cls.now(UTC)

    def add(
        self,
        years: int = 0,
        months: int = 0,
        weeks: int = 0,
        days: int = 0,
        hours: int = 0,
        minutes: int = 0,
        seconds: float = 0,
        microseconds: int = 0,
    ) -> Self:
        """Return the time that much later.

        Days and longer units keep the time of day when the clocks change; hours and shorter ones count elapsed time.
        """
        calendar = self + relativedelta.relativedelta(years=years, months=months, weeks=weeks, days=days)
        elapsed = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
        if not elapsed:
            return calendar
        if calendar.tzinfo is None:
            return calendar + elapsed
        return type(self).instance((calendar.astimezone(UTC) + elapsed).astimezone(calendar.tzinfo))

    def subtract(
        self,
        years: int = 0,
        months: int = 0,
        weeks: int = 0,
        days: int = 0,
        hours: int = 0,
        minutes: int = 0,
        seconds: float = 0,
        microseconds: int = 0,
    ) -> Self:
        """Return the time that much earlier."""
        return self.add(-years, -months, -weeks, -days, -hours, -minutes, -seconds, -microseconds)

    def start_of(self, unit: TimeUnit | DateUnit) -> Self:
        """Return the first instant of the unit that contains this time; weeks start on Monday."""
        if unit == "second":
            return self.replace(microsecond=0)
        if unit == "minute":
            return self.replace(second=0, microsecond=0)
        if unit == "hour":
            return self.replace(minute=0, second=0, microsecond=0)
        first = Date(self.year, self.month, self.day).start_of(unit)
        return self.replace(
            year=first.year, month=first.month, day=first.day, hour=0, minute=0, second=0, microsecond=0
        )

    def end_of(self, unit: TimeUnit | DateUnit) -> Self:
        """Return the last microsecond of the unit that contains this time."""
        if unit in ("second", "minute", "hour"):
            return self.start_of(unit).add(**{f"{unit}s": 1}).subtract(microseconds=1)
        last = Date(self.year, self.month, self.day).end_of(unit)
        return self.replace(
            year=last.year, month=last.month, day=last.day, hour=23, minute=59, second=59, microsecond=999999
        )

    def in_timezone(self, tz: str | datetime.tzinfo) -> Self:
        """Return the same instant in another zone."""
        return type(self).instance(self.astimezone(_zone(tz)))

    in_tz = in_timezone

    def naive(self) -> Self:
        """Return the time without its zone."""
        return self.replace(tzinfo=None)

    def is_utc(self) -> bool:
        """Return whether the zone's offset is zero."""
        return self.utcoffset() == datetime.timedelta(0)

    def is_past(self) -> bool:
        """Return whether the time is before now."""
        return self < now()

    def is_future(self) -> bool:
        """Return whether the time is after now."""
        return self > now()

    def to_date_string(self) -> str:
        """Return the date as `YYYY-MM-DD`."""
        return self.strftime("%Y-%m-%d")

    def to_time_string(self) -> str:
        """Return the time of day as `HH:MM:SS`."""
        return self.strftime("%H:%M:%S")

    def to_datetime_string(self) -> str:
        """Return the date and the time of day, without the zone."""
        return self.strftime("%Y-%m-%d %H:%M:%S")

    def to_iso8601_string(self) -> str:
        """Return the time as ISO 8601, with `Z` for UTC."""
        text = self.isoformat()
        return f"{text[:-6]}Z" if self.is_utc() else text

    for_json = to_iso8601_string

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.instance, handler(datetime.datetime))


def _zone(tz: str | datetime.tzinfo | None) -> datetime.tzinfo | None:
    if isinstance(tz, str):
        return UTC if tz.upper() == "UTC" else ZoneInfo(tz)
    return tz


def _first_day(value: datetime.date, unit: str) -> dict[str, int]:
    """Return the year, month and day of the first day of the unit that contains `value`."""
    if unit in _YEARS:
        start = 1 if unit == "century" else 0
        return {"year": (value.year - start) // _YEARS[unit] * _YEARS[unit] + start, "month": 1, "day": 1}
    if unit == "month":
        return {"day": 1}
    if unit == "week":
        value = value - datetime.timedelta(days=value.weekday())
    elif unit != "day":
        raise ValueError(f"{unit!r} is not a unit of time: use day, week, month, year, decade or century.")
    return {"year": value.year, "month": value.month, "day": value.day}
