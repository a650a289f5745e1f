"""Times as whole microseconds from 1970, UTC: exact, ordered, and half the size of their texts."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect.server.db.errors import Unstorable
from prefect.types import UTC

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(value: datetime) -> int:
    """Return the whole microseconds from 1970 to a time; a naive one is taken as UTC.

    Raises:
        Unstorable: It is in the year 0 or 10000 of UTC, and could not be read again.
    """
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    elif value.tzinfo is not UTC:
        try:
            value = value.astimezone(UTC)
        except OverflowError as error:
            raise Unstorable(f"The time {value.isoformat()} cannot be stored: {error}.") from error
    return (value - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Return the aware time so many microseconds after 1970."""
    return _EPOCH + timedelta(0, 0, value)
