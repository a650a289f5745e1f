"""Computation of schedule dates, correct across clock changes; separate from the models, to load its libraries lazily.

Except for short intervals, dates are computed as naive wall-clock times and then converted to the time zone, so that
9:00 stays 9:00. A time that the clock skips moves by the length of the change (02:30 becomes 03:30); of a repeated time
the first is used. Dates that coincide as a result are returned once.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from prefect._lazy import lazy_modules
from prefect.types import UTC

if TYPE_CHECKING:
    import croniter
    from dateutil import rrule as rrules
else:
    croniter, rrules = lazy_modules("croniter", "dateutil.rrule")

MAX_YEARS = 10
"""How far ahead of its start a search for dates goes, so that it ends for a rule without dates."""

_DAY = datetime.timedelta(days=1)
_UTC_TIME = re.compile(r"(\d{8}T\d{6})Z")
_TZID = re.compile(r";TZID=[^:;]+")
_FORMAT = "%Y%m%dT%H%M%S"

_SEARCH_START = datetime.datetime(2026, 1, 1)  # noqa: DTZ001  # the wall clock has no zone
"""Where the first date of an expression or a rule is searched from, to see that it can be."""

_STEPS = {
    3: datetime.timedelta(days=1),
    4: datetime.timedelta(hours=1),
    5: datetime.timedelta(minutes=1),
    6: datetime.timedelta(seconds=1),
    2: datetime.timedelta(weeks=1),
}
"""How far one step of a rule goes, by the frequency as `dateutil` numbers it."""

_YEARLY_OPTIONS: dict[str, Any] = {
    "freq": 0,
    "interval": 1,
    "count": None,
    "until": None,
    "bysetpos": None,
    "byhour": 0,
    "byminute": 0,
    "bysecond": 0,
}
"""Changes that turn a rule into one of all days that it allows, independent of its interval."""


class IntervalFields(Protocol):
    """The fields of an interval schedule."""

    interval: datetime.timedelta
    anchor_date: datetime.datetime
    timezone: str | None


class CronFields(Protocol):
    """The fields of a cron schedule."""

    cron: str
    timezone: str | None
    day_or: bool


class RRuleFields(Protocol):
    """The fields of a schedule with a recurrence rule."""

    rrule: str
    timezone: str | None


def is_timezone(name: str) -> bool:
    """Return whether the IANA database has a zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def upcoming(schedule: object, start: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield the dates of a schedule from a time on (inclusive), aware and in order.

    They end where the calendar of `datetime` does.
    """
    last = None
    try:
        for moment in next(
            (find(schedule, start) for name, find in _DATE_GENERATORS.items() if hasattr(schedule, name)), ()
        ):
            # Compared in UTC: two times of one zone compare by what the clock shows.
            instant = moment.astimezone(UTC)
            if instant >= start and (last is None or instant > last):
                yield moment
                last = instant
    except OverflowError:
        return


def next_dates(
    schedule: object, n: int, start: datetime.datetime, end: datetime.datetime | None = None
) -> list[datetime.datetime]:
    """Return up to `n` dates of a schedule between two moments, both included."""
    found: list[datetime.datetime] = []
    for moment in upcoming(schedule, start) if n > 0 else ():
        if end is not None and moment > end:
            break
        found.append(moment)
        if len(found) == n:
            break
    return found


# --- intervals -------------------------------------------------------------------------------------------------------


def _interval_moments(schedule: IntervalFields, start: datetime.datetime) -> Iterator[datetime.datetime]:
    zone = ZoneInfo(schedule.timezone or "UTC")
    start = start.astimezone(zone)
    anchor, step = schedule.anchor_date.astimezone(zone), schedule.interval
    if step < _DAY:
        # Time that passes: computed in UTC, where every hour has sixty minutes.
        anchor, start = anchor.astimezone(UTC), start.astimezone(UTC)
        count = (start - anchor) // step
        while True:
            yield (anchor + count * step).astimezone(zone)
            count += 1
    wall, count = anchor.replace(tzinfo=None), (start.replace(tzinfo=None) - anchor.replace(tzinfo=None)) // step - 1
    while True:
        yield _localize(wall + count * step, zone)
        count += 1


# --- cron ------------------------------------------------------------------------------------------------------------


def check_cron(text: str) -> str:
    """Return the cron expression; raise ValueError unless it is one whose dates are not random."""
    fields = text.split()
    if any(re.search(r"(?:^|[,/*])[rRhH](?:$|[(,/])", field) for field in fields):
        raise ValueError(f"The cron expression {text!r} is random or hashed, which schedules cannot be.")
    if not croniter.croniter.is_valid(text) or not _can_be_searched(text):
        needs = "a field is out of its range" if len(fields) == 5 else "it needs minute, hour, day, month and weekday"
        raise ValueError(f"{text!r} is not a cron expression: {needs}.")
    return text


def _can_be_searched(text: str) -> bool:
    """Return whether the search for a first date succeeds; some expressions pass validation and fail only here."""
    try:
        croniter.croniter(text, _SEARCH_START, max_years_between_matches=MAX_YEARS).get_next()
    except croniter.CroniterBadDateError:
        return True
    except (ValueError, LookupError, ArithmeticError):
        return False
    return True


def _cron_moments(schedule: CronFields, start: datetime.datetime) -> Iterator[datetime.datetime]:
    zone = ZoneInfo(schedule.timezone or "UTC")
    # From earlier, because a change of the clocks can move a date of the wall clock past the start.
    wall = start.astimezone(zone).replace(tzinfo=None) - datetime.timedelta(hours=3, seconds=1)
    walls = croniter.croniter(
        schedule.cron, wall, day_or=schedule.day_or, max_years_between_matches=MAX_YEARS, ret_type=datetime.datetime
    )
    while True:
        try:
            yield _localize(walls.get_next(datetime.datetime), zone)
        except ValueError:  # no match for years, as for the 31st of February, or the end of the calendar
            return


# --- recurrence rules ------------------------------------------------------------------------------------------------


def check_rrule(text: str) -> str:
    """Return the iCalendar rule; raise ValueError unless it is one."""
    try:
        next(_start_near(_wall_rule(text, UTC), _SEARCH_START).xafter(_SEARCH_START), None)
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
    ) as error:  # dateutil raises any of them
        raise ValueError(f"{text[:100]!r} is not an iCalendar recurrence rule: {error}.") from error
    return text


def _rrule_moments(schedule: RRuleFields, start: datetime.datetime) -> Iterator[datetime.datetime]:
    zone = ZoneInfo(schedule.timezone or "UTC")
    wall = start.astimezone(zone).replace(tzinfo=None) - datetime.timedelta(hours=3)
    rule = _start_near(_wall_rule(schedule.rrule, zone), wall)
    return (_localize(moment, zone) for moment in rule.xafter(wall, inc=True))


def _start_near(rule: Any, wall: datetime.datetime) -> Any:
    """Return the rule or rule set with a later start, because `dateutil` iterates over every step since the start."""
    if isinstance(rule, rrules.rrule):
        return _start_rule_near(rule, wall)
    near = rrules.rruleset()
    for one in rule._rrule:
        near.rrule(_start_rule_near(one, wall))
    for one in rule._exrule:
        near.exrule(_start_rule_near(one, wall))
    for moment in rule._rdate:
        near.rdate(moment)
    for moment in rule._exdate:
        near.exdate(moment)
    return near


def _start_rule_near(rule: Any, wall: datetime.datetime) -> Any:
    if (step := _STEPS.get(rule._freq)) is None:
        return rule  # months and years differ in length, and are few
    # No day is such as the rule wants, as the 30th of February: that is soon seen by the year, and by the step only
    # at the end of the calendar.
    if next(iter(rule.replace(**_YEARLY_OPTIONS)), None) is None:
        return rrules.rruleset()
    if rule._count is not None or wall <= rule._dtstart:
        return rule  # which dates are the first so many is known only from its start
    step *= rule._interval
    # By whole steps, which fall on the same dates.
    return rule.replace(dtstart=rule._dtstart + (wall - rule._dtstart) // step * step)


def as_rrule(schedule: RRuleFields) -> rrules.rrule | rrules.rruleset:
    """Return a schedule's rule as a `dateutil` rule with aware dates."""
    zone = ZoneInfo(schedule.timezone or "UTC")
    rule: Any = _wall_rule(schedule.rrule, zone)
    if isinstance(rule, rrules.rrule):
        return _aware_rule(rule, zone)
    aware = rrules.rruleset(cache=True)
    for one in rule._rrule:
        aware.rrule(_aware_rule(one, zone))
    for one in rule._exrule:
        aware.exrule(_aware_rule(one, zone))
    for moment in rule._rdate:
        aware.rdate(moment.replace(tzinfo=zone))
    for moment in rule._exdate:
        aware.exdate(moment.replace(tzinfo=zone))
    return aware


def rrule_text(rule: Any) -> tuple[str, str]:
    """Return the iCalendar text of a rule of `dateutil`, and the zone its start is in ("UTC" when it has none)."""
    if isinstance(rule, rrules.rrule):
        return str(rule), _zone_name(getattr(rule, "_dtstart", None))
    if not isinstance(rule, rrules.rruleset):
        raise ValueError(f"A recurrence rule must be an rrule or rruleset of dateutil, not {type(rule).__name__}.")
    parts: Any = rule
    rules = [*parts._rrule, *parts._exrule]
    starts = {one._dtstart for one in rules}
    zones = {_zone_name(start) for start in starts} or {"UTC"}
    if len(starts) > 1 or len(zones) > 1:
        raise ValueError("The rules of a set must have the same start and the same time zone to be a schedule.")
    lines = [str(parts._rrule[0])] if parts._rrule else []
    lines += [str(one).partition("\n")[2] for one in parts._rrule[1:]]
    lines += [str(one).partition("\n")[2].replace("RRULE:", "EXRULE:", 1) for one in parts._exrule]
    lines += [f"RDATE:{_utc_text(moment)}" for moment in parts._rdate]
    lines += [f"EXDATE:{_utc_text(moment)}" for moment in parts._exdate]
    return "\n".join(lines), zones.pop()


def _utc_text(moment: datetime.datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{aware.astimezone(UTC):{_FORMAT}}Z"


def _zone_name(moment: datetime.datetime | None) -> str:
    zone = moment.tzinfo if moment else None
    name = getattr(zone, "key", None) or getattr(zone, "name", None)
    if not name and zone is not None:
        # A zone of dateutil has no name, only the path of its file.
        path = str(getattr(zone, "_filename", "")).split("zoneinfo/")[-1]
        name = path if path and is_timezone(path) else None
    return name or "UTC"


def _wall_rule(text: str, zone: datetime.tzinfo) -> Any:
    """Return the rule on the wall clock of the zone: its UTC times are moved there, and a zone it names is ignored."""

    def to_wall(match: re.Match[str]) -> str:
        moment = datetime.datetime.strptime(match[1], _FORMAT).replace(tzinfo=UTC)
        return f"{moment.astimezone(zone):{_FORMAT}}"

    start = datetime.datetime(2020, 1, 1)  # noqa: DTZ001  # the wall clock has no zone
    return rrules.rrulestr(_UTC_TIME.sub(to_wall, _TZID.sub("", text)), dtstart=start, cache=True)


def _aware_rule(rule: Any, zone: ZoneInfo) -> Any:
    until = rule._until
    return rule.replace(
        dtstart=rule._dtstart.replace(tzinfo=zone),
        until=until.replace(tzinfo=zone).astimezone(UTC) if until else None,
    )


# --- shared ----------------------------------------------------------------------------------------------------------


def _localize(wall: datetime.datetime, zone: ZoneInfo) -> datetime.datetime:
    """Return the moment of a wall-clock time in the zone, shifted if the clock skips it."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)


_DATE_GENERATORS: dict[str, Callable[[Any, datetime.datetime], Iterator[datetime.datetime]]] = {
    "interval": _interval_moments,
    "cron": _cron_moments,
    "rrule": _rrule_moments,
}
"""Generators of a schedule's dates, by the field that only its class has; some are before the start or repeated."""
