"""The query language for runs: `state:failed flow:nightly tag:prod duration:>5m since:24h error:"timeout"`.

Terms are joined by "and"; several values of a term, separated by commas, by "or". A `-` before a term negates it. A
quoted name must be equal, any other one is contained. A word without a field is looked for in names and ids.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server.services.core.errors import InvalidRequest
from prefect.server.store.queries.run_search import FIELDS, Term
from prefect.types import UTC

_TERM = re.compile(r'(-?)(?:([a-z][a-z-]*(?:\.[\w-]+)?):)?((?:"[^"]*"|[^\s"])+)')
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_ANSWERS = {"yes": True, "true": True, "only": True, "no": False, "false": False}

_EXAMPLE = 'state:failed flow:nightly tag:prod duration:>5m since:24h error:"timeout"'


def parse_query(text: str, table: str, at: datetime) -> tuple[Term, ...]:
    """Return the terms of a query.

    Args:
        text: The query.
        table: `flow_run` or `task_run`: which runs it is about.
        at: The time that relative times count from.

    Raises:
        InvalidRequest: A field is unknown, or a value is not valid.
    """
    return tuple(_parse_term(match, table, at) for match in _TERM.finditer(text))


def _parse_term(match: re.Match[str], table: str, at: datetime) -> Term:
    sign, field, raw = match.groups()
    negated = sign == "-"
    if field is None:
        return Term("word", (_uuid_or_text(raw.replace('"', "")),), negated)
    name, _, key = field.partition(".")
    if name not in FIELDS[table] or (key and name != "param"):
        known = ", ".join(sorted(FIELDS[table] - {"word"}))
        raise InvalidRequest(f"Queries have no field {field!r}: use one of {known}, as in {_EXAMPLE}.")
    exact = raw.startswith('"')
    values = [raw.replace('"', "")] if '"' in raw else [part for part in raw.split(",") if part]
    operator = ""
    if name == "duration" and values and values[0][:1] in ("<", ">"):
        operator, values = values[0][0], [values[0][1:].lstrip("="), *values[1:]]
    parsed = tuple(_parse_value(name, key, value, at) for value in values)
    return Term(name, parsed, negated, exact and name not in ("error", "state"), operator)


def _parse_value(name: str, key: str, value: str, at: datetime) -> Any:
    match name:
        case "duration":
            return parse_duration(value)
        case "since" | "until":
            return _parse_time(value, at)
        case "subflow":
            if value not in _ANSWERS:
                raise InvalidRequest(f"subflow:{value} is not valid: use subflow:yes or subflow:no.")
            return _ANSWERS[value]
        case "param":
            if not key:
                raise InvalidRequest("A parameter is looked for by its name, as in param.batch:8.")
            return (f'"{key}"', value)
        case "flow" | "deployment" | "pool" | "queue" | "run":
            return _uuid_or_text(value)
        case _:
            return value


def parse_duration(text: str) -> timedelta:
    """Return a duration such as `5m`, `1h30m` or `250ms`.

    Raises:
        InvalidRequest: It is none.
    """
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidRequest(f"{text!r} is no duration: write one as 250ms, 90s, 5m, 1h30m or 7d.")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        raise InvalidRequest(f"{text!r} is longer than a duration can be.") from None


def _parse_time(text: str, at: datetime) -> datetime:
    if text == "today":
        return at.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        try:
            return at - parse_duration(text)
        except (InvalidRequest, OverflowError):
            raise InvalidRequest(
                f"{text!r} is no time: write how long ago, as in since:24h, or a date, as in since:2026-11-02."
            ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _uuid_or_text(text: str) -> UUID | str:
    try:
        return UUID(text)
    except ValueError:
        return text
