"""How commands write values: JSON, one line of text, ages and durations, coloured states. It prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy
from prefect.types import now

if TYPE_CHECKING:
    import orjson

    from prefect.types import json_codec
else:
    orjson = lazy("orjson")
    json_codec = lazy("prefect.types.json_codec")

STATE_COLOURS: Mapping[str, str] = {
    "COMPLETED": "green",
    "FAILED": "red",
    "CRASHED": "bright_red",
    "CANCELLED": "bright_black",
    "CANCELLING": "bright_black",
    "RUNNING": "blue",
    "PENDING": "yellow",
    "SCHEDULED": "yellow",
    "PAUSED": "yellow",
}


class Cell(str):
    """Text of a table cell, and its colour on a terminal."""

    colour: str | None

    def __new__(cls, text: str, colour: str | None = None) -> Cell:
        cell = super().__new__(cls, text)
        cell.colour = colour
        return cell


def state_cell(name: str | None, type: str | None) -> Cell:
    """Return a cell with a state's name in the colour of its type; it is empty without a state."""
    return Cell(name or "", STATE_COLOURS.get(type or ""))


def as_json(value: Any, *, indent: bool = True) -> str:
    """Serialize a value to JSON, including models, UUIDs, times and durations (in seconds)."""
    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    return json_codec.dumps(value, default=_to_plain_value, option=option).decode()


def _to_plain_value(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)  # pyright: ignore[reportUnknownArgumentType]
    return str(value)


def as_text(value: Any) -> str:
    """Return a value on one line: a string unchanged, anything else as JSON."""
    return value if isinstance(value, str) else as_json(value, indent=False)


_AGE_UNITS = (("second", 1, 60), ("minute", 60, 60), ("hour", 3600, 24), ("day", 86400, float("inf")))
"""Units of ages: name, seconds, and the count from which the next unit is used."""


_UNIT_SECONDS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def format_duration(value: timedelta | float | None) -> str:
    """Format a duration: `<1ms`, `850ms`, `4.2s`, `3m 12s`, `2h 5m`, `3d 4h`; empty for None."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds == 0:
        return "0s"
    if seconds < 0.001:
        return "<1ms"
    if seconds < 0.9995:
        return f"{sign}{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{sign}{seconds:.1f}s"
    whole = round(seconds)
    parts: list[str] = []
    for unit, size in _UNIT_SECONDS:
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
        if len(parts) == 2:
            break
    return sign + " ".join(part for part in parts if part)


def format_age(time: datetime | None, *, at: datetime | None = None) -> str:
    """Format the age of a time: `just now`, `5 minutes ago`, `in 2 hours`; empty for None.

    An age is rounded down, a time ahead to the nearest unit.

    Args:
        time: Time with a zone.
        at: Reference time; now if None.
    """
    if time is None:
        return ""
    seconds = ((at or now()) - time).total_seconds()
    ahead, seconds = seconds < 0, abs(seconds)
    if seconds < 1:
        return "just now"
    counts = ((round(seconds / size) if ahead else int(seconds // size), name, end) for name, size, end in _AGE_UNITS)
    count, unit = next((count, name) for count, name, end in counts if count < end)
    text = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"in {text}" if ahead else f"{text} ago"


def format_time(time: datetime) -> str:
    """Format a time in the local zone, with its age."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z} ({format_age(time)})"
