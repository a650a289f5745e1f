"""Types of settings that are parsed from text."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field

from prefect._lazy import lazy

if TYPE_CHECKING:
    import json
else:
    json = lazy("json")


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("it should be a JSON object") from None


def _items(value: Any) -> Any:
    """Return the items of a JSON list or of a text with commas; nothing for None and for an empty text."""
    if value is None:
        return []
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            return _from_json(value)
        return [item.strip() for item in value.split(",") if item.strip()]
    if isinstance(value, (int, float)):
        return [value]
    return value


def _delay(value: Any) -> Any:
    """Return a number, or numbers with commas between them."""
    if not isinstance(value, str):
        return value
    items = _items(value)
    if not items:
        return None
    return items if len(items) > 1 or value.lstrip().startswith("[") else items[0]


VACUUM_TYPES = frozenset({"events", "flow_runs", "orphans"})


def _vacuum(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip().lower()
        if text in ("", "0", "false", "f", "n", "no", "off"):
            return False
        if text in ("1", "true", "t", "y", "yes", "on"):
            return True
        value = None if text == "null" else _items(value)
    if value is None:
        return {"events"}
    if not isinstance(value, bool):
        unknown = sorted(str(item) for item in cast("list[Any]", value) if item not in VACUUM_TYPES)
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(sorted(VACUUM_TYPES))}")
    return value


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    return value


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
"""The name of a logging level, in any case."""

TextList = Annotated[list[str], BeforeValidator(_items)]
"""Names with commas between them, or a list."""

TextSet = Annotated[set[str], BeforeValidator(_items)]
"""Names with commas between them, or a list; each counts once."""

StatusCodes = Annotated[set[Annotated[int, Field(ge=100, le=599)]], BeforeValidator(_items)]
"""HTTP status codes with commas between them, or a list."""

RetryDelay = Annotated[int | float | list[float], BeforeValidator(_delay)]
"""Seconds, or the seconds before each retry with commas between them."""

OptionalRetryDelay = Annotated[int | float | list[float] | None, BeforeValidator(_delay)]

Headers = Annotated[dict[str, str], BeforeValidator(_from_json)]
"""A JSON object of texts."""

Duration = Annotated[timedelta, BeforeValidator(_seconds)]
"""Seconds, `2 days`, `1:30:00`, or ISO 8601."""

Durations = Annotated[dict[str, Duration], BeforeValidator(_from_json)]
"""A JSON object of durations: seconds, or ISO 8601."""

VacuumTypes = Annotated[bool | set[str], BeforeValidator(_vacuum)]
"""The targets of the vacuum: names with commas between them, true for all of them, false for the least."""
