"""`Date` and `DateTime`: calendar arithmetic, time zones, text formats, and use as model fields."""

from __future__ import annotations

import datetime

import pytest
from pydantic import BaseModel, ValidationError

from prefect.types import UTC, Date, DateTime

AT = DateTime.create(2024, 5, 16, 13, 45, 30, 123456)  # a Thursday


class Event(BaseModel):
    at: DateTime
    day: Date


def test_add_clips_day_to_month_length() -> None:
    assert DateTime.create(2024, 1, 31).add(months=1) == DateTime.create(2024, 2, 29)
    assert Date(2024, 1, 31).add(months=1) == Date(2024, 2, 29)
    assert Date(2024, 3, 31).subtract(months=1) == Date(2024, 2, 29)


def test_add_keeps_time_of_day_for_days_and_elapsed_time_for_hours() -> None:
    before = DateTime.create(2024, 3, 30, 12, tz="Europe/Berlin")  # the clocks change that night

    assert before.add(days=1).hour == 12
    assert before.add(hours=24).hour == 13
    assert before.add(hours=24).subtract(hours=24) == before


def test_arithmetic_keeps_class() -> None:
    results = [AT.add(days=1), AT.add(hours=1), AT.start_of("week"), AT.in_tz("Asia/Tokyo"), AT.naive()]
    assert {type(result) for result in results} == {DateTime}
    assert {type(result) for result in [Date(2024, 1, 1).add(days=1), Date(2024, 1, 1).end_of("year")]} == {Date}


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("second", "2024-05-16T13:45:30Z", "2024-05-16T13:45:30.999999Z"),
        ("minute", "2024-05-16T13:45:00Z", "2024-05-16T13:45:59.999999Z"),
        ("hour", "2024-05-16T13:00:00Z", "2024-05-16T13:59:59.999999Z"),
        ("day", "2024-05-16T00:00:00Z", "2024-05-16T23:59:59.999999Z"),
        ("week", "2024-05-13T00:00:00Z", "2024-05-19T23:59:59.999999Z"),
        ("month", "2024-05-01T00:00:00Z", "2024-05-31T23:59:59.999999Z"),
        ("year", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999999Z"),
        ("decade", "2020-01-01T00:00:00Z", "2029-12-31T23:59:59.999999Z"),
        ("century", "2001-01-01T00:00:00Z", "2100-12-31T23:59:59.999999Z"),
    ],
)
def test_start_of_and_end_of_return_unit_bounds(unit: str, start: str, end: str) -> None:
    assert AT.start_of(unit).to_iso8601_string() == start  # pyright: ignore[reportArgumentType]
    assert AT.end_of(unit).to_iso8601_string() == end  # pyright: ignore[reportArgumentType]


def test_start_of_raises_for_unknown_unit() -> None:
    with pytest.raises(ValueError, match="'fortnight' is not a unit"):
        AT.start_of("fortnight")  # pyright: ignore[reportArgumentType]


def test_in_timezone_converts_time() -> None:
    tokyo = AT.in_timezone("Asia/Tokyo")

    assert tokyo == AT
    assert (tokyo.hour, tokyo.is_utc(), AT.is_utc()) == (22, False, True)
    assert DateTime.instance(datetime.datetime(2024, 1, 1), "Asia/Tokyo") == DateTime.create(2023, 12, 31, 15)
    assert DateTime.now("Asia/Tokyo").utcoffset() == datetime.timedelta(hours=9)


def test_is_past_and_is_future() -> None:
    now = DateTime.utcnow()

    assert now.subtract(minutes=1).is_past()
    assert now.add(minutes=1).is_future()
    assert not now.add(minutes=1).is_past()


def test_datetime_text_formats() -> None:
    assert AT.to_date_string() == "2024-05-16"
    assert AT.to_time_string() == "13:45:30"
    assert AT.to_datetime_string() == "2024-05-16 13:45:30"
    assert AT.in_tz("Asia/Tokyo").to_iso8601_string() == "2024-05-16T22:45:30.123456+09:00"
    assert Date(2024, 5, 16).for_json() == "2024-05-16"


def test_model_fields_are_converted_and_aware() -> None:
    event = Event.model_validate({"at": "2024-01-01T00:00:00", "day": "2024-01-01"})

    assert (type(event.at), type(event.day)) == (DateTime, Date)
    assert event.at.tzinfo is UTC
    assert event.model_dump_json() == '{"at":"2024-01-01T00:00:00Z","day":"2024-01-01"}'
    assert Event.model_json_schema()["properties"]["at"]["format"] == "date-time"


def test_model_field_rejects_invalid_time() -> None:
    with pytest.raises(ValidationError):
        Event.model_validate({"at": "soon", "day": "2024-01-01"})
