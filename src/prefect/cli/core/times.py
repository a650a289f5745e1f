"""Times as people write them: durations, times of day, days by name, and dates. They are in the local zone.

It must not depend on any command.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.cli.core.output import fail
from prefect.types import now

if TYPE_CHECKING:
    from dateutil import parser as dateutil_parser
else:
    dateutil_parser = lazy("dateutil.parser")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION_PART = re.compile(
    r"(\d+(?:\.\d+)?|an?)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?![a-z])"
)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = re.compile(rf"\b(next |this |on )?({'|'.join(_WEEKDAYS)}|mon|tues?|wed|thu(?:rs)?|fri|sat|sun)\b,?")
_DAYS_AHEAD = (("day after tomorrow", 2), ("tomorrow", 1), ("today", 0))
_TIME_WORDS = {"noon": "12:00", "midnight": "00:00"}


def parse_due_time(start_in: str | None, start_at: str | None, at: datetime | None = None) -> datetime:
    """Return the start time of a run from `--start-in` or `--start-at`; now if both are None.

    Args:
        start_in: A duration.
        start_at: A time.
        at: The present; now if None.
    """
    at = at or now()
    if start_in is not None and start_at is not None:
        fail("Use either --start-in or --start-at.")
    if start_in is None:
        return at if start_at is None else parse_time(start_at, "--start-at", at)
    duration = _parse_duration(start_in)
    if duration is None:
        fail(f"--start-in expects a duration such as '5 minutes' or '1h 30m', got {start_in!r}.")
    return at + duration


def parse_time(text: str, option: str, at: datetime | None = None) -> datetime:
    """Parse a time; it is in the local zone unless it names one, and ahead unless it names a date.

    Args:
        text: What the user wrote, such as `tomorrow 5pm`.
        option: The option, for errors.
        at: The present; now if None.
    """
    at = (at or now()).astimezone()
    plain = " ".join(text.lower().split())
    if plain == "now":
        return at
    if plain.startswith("in ") or plain.endswith(" from now"):
        duration = _parse_duration(plain.removesuffix(" from now"))
        if duration is not None:
            return _to_local(at + duration)
    try:
        return _parse_day_and_time(plain, at)
    except (ValueError, OverflowError):
        fail(f"{option} expects a time such as 'tomorrow 5pm', '17:30' or '2030-01-31 08:30', got {text!r}.")


def parse_duration(text: str, option: str) -> timedelta:
    """Parse a duration such as `24h` or `5 minutes`; `option` is for errors."""
    duration = _parse_duration(text)
    if duration is None:
        fail(f"{option} expects a duration such as '24h' or '5 minutes', got {text!r}.")
    return duration


def _parse_duration(text: str) -> timedelta | None:
    """Return a duration, or None if the text is not one."""
    plain = re.sub(r"^in |\band\b|,", " ", text.strip().lower()).replace("half an ", "0.5 ")
    left = _DURATION_PART.sub(" ", plain).strip()
    found = _DURATION_PART.findall(plain)
    if not found or left:
        return None
    span = timedelta()
    for count, unit in found:
        span += timedelta(**{_UNITS[unit[0]]: 1.0 if count[0] == "a" else float(count)})
    return span


def _parse_day_and_time(text: str, at: datetime) -> datetime:
    for word, clock in _TIME_WORDS.items():
        text = re.sub(rf"\b{word}\b", clock, text)
    for word, days in _DAYS_AHEAD:
        if re.search(rf"\b{word}\b", text):
            return _combine(at + timedelta(days=days), text.replace(word, " "), at)
    if weekday := _WEEKDAY.search(text):
        number = next(place for place, name in enumerate(_WEEKDAYS) if name.startswith(weekday[2][:3]))
        days = (number - at.weekday()) % 7
        rest = text.replace(weekday[0], " ")
        if re.search(r"\d{4}|\d[./-]\d", rest):  # a whole date: the weekday says nothing new
            return _parse_date(rest, at)
        due = _combine(at + timedelta(days=days), rest, at)
        is_over = due <= at or (days == 0 and (weekday[1] or "").startswith("next"))
        return _combine(at + timedelta(days=days + 7), rest, at) if is_over else due
    return _parse_date(text, at)


def _combine(day: datetime, clock: str, at: datetime) -> datetime:
    """Return a time of a day; the present time of day if the text names none."""
    clock = re.sub(r"\b(at|on)\b|,", " ", clock).strip()
    if not clock:
        return _to_local(datetime.combine(day.date(), at.time()))
    return _to_local(dateutil_parser.parse(clock, default=datetime.combine(day.date(), time())))


def _parse_date(text: str, at: datetime) -> datetime:
    text = re.sub(r"^at ", "", text)
    today, elsewhere = (datetime.combine(day, time()) for day in (at.date(), at.date() + timedelta(days=400)))
    due, other = (_to_local(dateutil_parser.parse(text, default=default)) for default in (today, elsewhere))
    names_no_date = due.date() != other.date() and (other.date() - due.date()).days == 400
    return due if due > at or not names_no_date else _to_local(due.replace(tzinfo=None) + timedelta(days=1))


def _to_local(time: datetime) -> datetime:
    return time.astimezone()
