"""Schedules of deployments: intervals, cron expressions and iCalendar rules.

`schemas.dates` computes their dates. The schedules that users write are in `prefect.schedules`.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeGuard

from pydantic import ConfigDict, Field, field_validator, model_validator

from prefect._lazy import lazy_modules
from prefect.schemas.base import PrefectBaseModel
from prefect.types import now
from prefect.types._annotated import AwareDateTime, PositiveDuration

if TYPE_CHECKING:
    from dateutil import rrule as rrules

    from prefect.schemas import dates
else:
    dates, rrules = lazy_modules("prefect.schemas.dates", "dateutil.rrule")

MAX_ITERATIONS = 1000
"""Maximum number of dates of a schedule that one search examines."""

MAX_RRULE_LENGTH = 6500
DEFAULT_ANCHOR_DATE = datetime.date(2020, 1, 1)
"""The start of a rule without one."""


def is_valid_timezone(v: str) -> bool:
    """Return whether `v` is the name of a time zone in the IANA database, for example `Europe/Berlin`."""
    return dates.is_timezone(v)


def _check_timezone_name(value: str | None) -> str | None:
    if value and not is_valid_timezone(value):
        raise ValueError(f"{value!r} is not a time zone: use a name of the IANA database, as in 'America/New_York'.")
    return value


def validate_cron_string(v: str) -> str:
    """Return the cron expression; raise ValueError unless it is one that can be computed."""
    return dates.check_cron(v)


def validate_rrule_string(v: str) -> str:
    """Return the iCalendar rule; raise ValueError unless it is one and not too long."""
    if len(v) > MAX_RRULE_LENGTH:
        raise ValueError(f"A recurrence rule must have at most {MAX_RRULE_LENGTH} characters, and this has {len(v)}.")
    return dates.check_rrule(v)


class IntervalSchedule(PrefectBaseModel):
    """A run every `interval` (seconds in JSON), counted from `anchor_date`.

    An interval of a day or more keeps the time of day in `timezone` when the clocks change; a shorter one keeps
    the elapsed time. The zone defaults to the anchor's.
    """

    model_config = ConfigDict(extra="forbid")

    interval: PositiveDuration
    anchor_date: AwareDateTime = Field(default_factory=now)
    timezone: str | None = None

    @model_validator(mode="after")
    def _default_timezone(self) -> Self:
        if self.timezone is None:
            name = getattr(self.anchor_date.tzinfo, "key", None) or getattr(self.anchor_date.tzinfo, "name", None)
            vars(self)["timezone"] = name if isinstance(name, str) and is_valid_timezone(name) else "UTC"
        _check_timezone_name(self.timezone)
        return self

    def next_dates(self, n: int, start: datetime.datetime, end: datetime.datetime | None = None) -> list[Any]:
        """Return up to `n` dates from `start` (inclusive) to `end` (inclusive), aware and in order."""
        return dates.next_dates(self, n, start, end)


class CronSchedule(PrefectBaseModel):
    """A run whenever a cron expression matches the clock of `timezone` (UTC when None).

    With both a day of month and a weekday, `day_or` selects days that match either; otherwise both must match.
    A time that a change of the clocks skips runs that much later; a repeated time runs only the first time.
    """

    model_config = ConfigDict(extra="forbid")

    cron: str
    timezone: str | None = None
    day_or: bool = True

    _check_timezone = field_validator("timezone")(_check_timezone_name)
    _check_cron = field_validator("cron")(validate_cron_string)

    def next_dates(self, n: int, start: datetime.datetime, end: datetime.datetime | None = None) -> list[Any]:
        """Return up to `n` dates from `start` (inclusive) to `end` (inclusive), aware and in order."""
        return dates.next_dates(self, n, start, end)


class RRuleSchedule(PrefectBaseModel):
    """A run at each date of an iCalendar recurrence rule, on the clock of `timezone`."""

    model_config = ConfigDict(extra="forbid")

    rrule: str
    timezone: str | None = "UTC"

    _check_timezone = field_validator("timezone")(_check_timezone_name)
    _check_rrule = field_validator("rrule")(validate_rrule_string)

    @classmethod
    def from_rrule(cls, rrule: rrules.rrule | rrules.rruleset) -> RRuleSchedule:
        """Return the schedule of a rule of `dateutil`, in the time zone of the rule's start, by default UTC.

        Raises:
            ValueError: A set of rules whose starts or zones differ.
        """
        text, zone = dates.rrule_text(rrule)
        return cls(rrule=text, timezone=zone)

    def to_rrule(self) -> rrules.rrule | rrules.rruleset:
        """Return the `dateutil` rule, with an aware start."""
        return dates.as_rrule(self)

    def next_dates(self, n: int, start: datetime.datetime, end: datetime.datetime | None = None) -> list[Any]:
        """Return up to `n` dates from `start` (inclusive) to `end` (inclusive), aware and in order."""
        return dates.next_dates(self, n, start, end)


class NoSchedule(PrefectBaseModel):
    """No schedule: it never runs."""

    model_config = ConfigDict(extra="forbid")

    def next_dates(self, n: int, start: datetime.datetime, end: datetime.datetime | None = None) -> list[Any]:
        """Return no dates."""
        return []


SCHEDULE_TYPES = IntervalSchedule | CronSchedule | RRuleSchedule | NoSchedule
"""The types of schedules."""


def is_schedule_type(obj: Any) -> TypeGuard[SCHEDULE_TYPES]:
    """Return whether `obj` is a schedule."""
    return isinstance(obj, SCHEDULE_TYPES)


def construct_schedule(
    interval: int | float | datetime.timedelta | None = None,
    anchor_date: datetime.datetime | str | None = None,
    cron: str | None = None,
    rrule: str | None = None,
    timezone: str | None = None,
) -> SCHEDULE_TYPES:
    """Make a schedule from one of `interval` (seconds), `cron` or `rrule`.

    Raises:
        ValueError: None of them is passed, or several, or an anchor date without an interval.
    """
    kind_count = sum(value is not None for value in (interval, cron, rrule))
    if kind_count > 1:
        raise ValueError("A schedule has one of interval, cron and rrule, and several were passed.")
    if anchor_date and interval is None:
        raise ValueError("Only a schedule with an interval has an anchor date.")
    if timezone and not kind_count:
        raise ValueError("A time zone needs a schedule: give interval, cron or rrule as well.")
    if interval is not None:
        fields = {"interval": interval, "anchor_date": anchor_date, "timezone": timezone}
        return IntervalSchedule.model_validate({name: value for name, value in fields.items() if value is not None})
    if cron is not None:
        return CronSchedule(cron=cron, timezone=timezone)
    if rrule is not None:
        return RRuleSchedule(rrule=rrule, timezone=timezone or "UTC")
    raise ValueError("A schedule needs one of interval, cron and rrule.")


class WrittenSchedule(Protocol):
    """The fields of `prefect.schedules.Schedule` that `as_schedule_type` reads."""

    @property
    def interval(self) -> datetime.timedelta | None: ...
    @property
    def cron(self) -> str | None: ...
    @property
    def rrule(self) -> str | None: ...
    @property
    def timezone(self) -> str | None: ...
    @property
    def anchor_date(self) -> datetime.datetime: ...
    @property
    def day_or(self) -> bool: ...
    @property
    def active(self) -> bool: ...
    @property
    def parameters(self) -> dict[str, Any]: ...
    @property
    def slug(self) -> str | None: ...


def as_schedule_type(schedule: WrittenSchedule) -> SCHEDULE_TYPES:
    """Return the model of a schedule that a user wrote with `prefect.schedules`."""
    if schedule.interval is not None:
        return IntervalSchedule(
            interval=schedule.interval, anchor_date=schedule.anchor_date, timezone=schedule.timezone
        )
    if schedule.cron is not None:
        return CronSchedule(cron=schedule.cron, timezone=schedule.timezone, day_or=schedule.day_or)
    if schedule.rrule is not None:
        text = schedule.rrule
        if "DTSTART" not in text:
            text = f"DTSTART:{DEFAULT_ANCHOR_DATE:%Y%m%d}T000000\n{text}"
        return RRuleSchedule(rrule=text, timezone=schedule.timezone or "UTC")
    return NoSchedule()


NormalizedSchedule = SCHEDULE_TYPES
"""The types of schedules in a request."""
