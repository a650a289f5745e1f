"""The query language for runs: `state:failed flow:nightly tag:prod duration:>5m since:24h error:"timeout"`.

The web page's address, the API and `prefect flow-run ls --query` share it. Terms are joined by "and"; several values of
a term, separated by commas, by "or". A `-` before a term negates it. A quoted name must be equal, any other one is
contained. A word without a field is searched in names and ids.
"""

from __future__ import annotations

import difflib
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.runs.states.run_states import STATE_NAMES
from prefect.server.store.queries.run_search import FIELDS, Term
from prefect.types import UTC

_TERM = re.compile(r'(-?)(?:([A-Za-z][A-Za-z_-]*(?:\.[\w-]+)?):)?((?:"[^"]*"|[^\s"])+)')
_VALUE = re.compile(r'(?:"[^"]*"|[^,"])+')
_COMPARISON = re.compile(r"-?([A-Za-z][A-Za-z_-]*)(=|[<>]=?)(.+)")
_FIELD_ALONE = re.compile(r"-?([A-Za-z][A-Za-z_-]*):")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_ANSWERS = {"yes": True, "true": True, "only": True, "no": False, "false": False}

_EXAMPLE = 'state:failed flow:nightly tag:prod duration:>5m since:24h error:"timeout"'
_TABLES = {"flow_run": "flow runs", "task_run": "task runs"}

_OTHER_WORDS = {
    **dict.fromkeys(("status", "type"), "state"),
    **dict.fromkeys(("work-pool", "work_pool", "workpool"), "pool"),
    **dict.fromkeys(("work-queue", "work_queue"), "queue"),
    **dict.fromkeys(("after", "start", "started", "from"), "since"),
    **dict.fromkeys(("before", "to", "ended"), "until"),
    **dict.fromkeys(("message", "exception", "log"), "error"),
    **dict.fromkeys(("parameter", "parameters", "params"), "param"),
    **dict.fromkeys(("flow-run", "flow_run", "parent"), "run"),
}
"""Other spellings of fields in a query, and the field that each means."""

_OPERATORS = {
    "AND": 'terms are joined by "and" as they are, so leave it out',
    "OR": 'values of a field are joined by "or" with commas, as in state:failed,crashed',
    "NOT": "a minus before a term negates it, as in -tag:old",
}
"""What to write in the place of the operators of other query languages."""

_USUAL_STATES = tuple(
    name.lower()
    for name in (
        *STATE_NAMES.values(),
        *("Late", "Retrying", "AwaitingRetry", "AwaitingConcurrencySlot", "Resuming", "Suspended", "TimedOut"),
        *("Cached", "NotReady", "RolledBack"),
    )
)


def parse_query(text: str, table: str, at: datetime) -> tuple[Term, ...]:
    """Return the terms of a query.

    Args:
        text: The query.
        table: `flow_run` or `task_run`: which runs it is about.
        at: The time that relative times count from.

    Raises:
        InvalidRequest: A field is unknown, or a value is not valid.
    """
    if text.count('"') % 2:
        raise InvalidRequest(f"The quote in {text[text.rindex(chr(34)) :]} is not closed: write it as {_EXAMPLE}.")
    return tuple(_parse_term(match, table, at) for match in _TERM.finditer(text.replace("\0", "")))


def _parse_term(match: re.Match[str], table: str, at: datetime) -> Term:
    sign, field, raw = match.groups()
    negated = sign == "-"
    alone = _FIELD_ALONE.fullmatch(raw)
    if field is None and alone and alone[1].lower() in FIELDS[table]:
        raise InvalidRequest(f"{raw} has no value: write one after it without a space, as in {_EXAMPLE}.")
    if field is None:
        _check_word(raw, table)
        return Term("word", (_uuid_or_text(raw.replace('"', "")),), negated)
    name, _, key = field.partition(".")
    name = name.lower()
    if name not in FIELDS[table] or (key and name != "param"):
        raise _unknown_field(field, name, table)
    exact = raw.startswith('"')
    values = _VALUE.findall(raw)
    operator = ""
    if name == "duration" and values and values[0][:1] in ("<", ">"):
        operator, values = values[0][0], [values[0][1:].lstrip("="), *values[1:]]
    if name == "state":
        for value in values:
            _check_state(value)
    parsed = tuple(_parse_value(name, key, value.replace('"', ""), at) for value in values)
    return Term(name, parsed, negated, exact and name not in ("error", "state"), operator)


def _check_word(raw: str, table: str) -> None:
    """Raise `InvalidRequest` if a word looks like a term or an operator of another query language."""
    if raw in _OPERATORS:
        raise InvalidRequest(f'{raw} is not an operator: {_OPERATORS[raw]}. The word is looked for in quotes: "{raw}".')
    compared = _COMPARISON.fullmatch(raw)
    if compared and compared[1].lower() in FIELDS[table]:
        name, operator, value = compared.groups()
        term = f"{name}:{operator if operator != '=' else ''}{value}"
        raise InvalidRequest(f'{raw} is not a term: did you mean {term}? The word is looked for in quotes: "{raw}".')


def _unknown_field(field: str, name: str, table: str) -> InvalidRequest:
    known = sorted(FIELDS[table] - {"word"})
    near = difflib.get_close_matches(name, known, 1) or [_OTHER_WORDS.get(name, "")]
    hint = f"did you mean {near[0]}:? They have" if near[0] in known else "use one of"
    return InvalidRequest(
        f"Queries of {_TABLES[table]} have no field {field!r}: {hint} {', '.join(known)}, as in {_EXAMPLE}."
        f' A word with a colon is looked for in quotes: "{field}:…".'
    )


def _check_state(value: str) -> None:
    """Raise `InvalidRequest` if a state is nearly one of the usual ones; programs may use names of their own."""
    name = value.lower()
    near = difflib.get_close_matches(name, _USUAL_STATES, 1, cutoff=0.75)
    if near and near[0] != name and not value.startswith('"'):
        raise InvalidRequest(f'No run has the state {value}: did you mean state:{near[0]}? If not: state:"{value}".')


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
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "today":
        return midnight
    if text == "yesterday":
        return midnight - timedelta(days=1)
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
