"""Fragments of SQL: text with `?` for each value, and the values beside it. Values never enter the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Sql(NamedTuple):
    """A statement or a fragment of one.

    Attributes:
        text: SQL with a `?` for each value, whatever the database's own marker is, and `IN (?*)` for a `Many`.
        values: Python values (UUID, aware datetime, timedelta, str, int, float, bool, None), one a marker.
    """

    text: str
    values: tuple[Any, ...] = ()


class Many(tuple[Any, ...]):
    """Any number of values for one marker, so that the statement's text, which databases cache, does not change."""

    __slots__ = ()


TRUE = Sql("1 = 1")
FALSE = Sql("1 = 0")


def join(separator: str, parts: Iterable[Sql]) -> Sql:
    """Return fragments joined by a separator."""
    parts = list(parts)
    return Sql(separator.join(part.text for part in parts), tuple(value for part in parts for value in part.values))


def all_of(parts: Iterable[Sql]) -> Sql:
    """Return a condition that holds when every part does; without parts it always holds."""
    parts = list(parts)
    if not parts:
        return TRUE
    return parts[0] if len(parts) == 1 else _enclosed(join(" AND ", parts))


def any_of(parts: Iterable[Sql]) -> Sql:
    """Return a condition that holds when one part does; without parts it never holds."""
    parts = list(parts)
    if not parts:
        return FALSE
    return parts[0] if len(parts) == 1 else _enclosed(join(" OR ", parts))


def one_of(expression: str, values: Sequence[Any]) -> Sql:
    """Return a condition that holds when the expression equals one of the values."""
    if not values:
        return FALSE
    if len(values) == 1:
        return Sql(f"{expression} = ?", (values[0],))
    return Sql(f"{expression} IN (?*)", (Many(values),))


def none_of(expression: str, values: Sequence[Any]) -> Sql:
    """Return a condition that holds when the expression equals none of the values, or is null."""
    if not values:
        return TRUE
    return Sql(f"({expression} IS NULL OR {expression} NOT IN (?*))", (Many(values),))


def chunks(values: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    """Iterate over values in chunks: databases limit how many markers a statement may have."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _enclosed(part: Sql) -> Sql:
    return Sql(f"({part.text})", part.values)
