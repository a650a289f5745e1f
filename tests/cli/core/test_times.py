"""Times as people write them, in a zone with daylight saving time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click
import pytest

from prefect.cli.core import times

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 10, 23, 14, 30, 15, tzinfo=BERLIN)
"""A Friday; the clocks go back on the Sunday after it."""


@pytest.fixture(autouse=True)
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("5 minutes", timedelta(minutes=5)),
        ("in 1 hour and 30 minutes", timedelta(hours=1, minutes=30)),
        ("1h 30m", timedelta(hours=1, minutes=30)),
        ("an hour, 2.5 secs", timedelta(hours=1, seconds=2.5)),
        ("half an hour", timedelta(minutes=30)),
        ("2 weeks", timedelta(weeks=2)),
    ],
)
def test_parse_due_time_adds_a_duration(text: str, span: timedelta) -> None:
    assert times.parse_due_time(text, None, AT) == AT + span


def test_parse_due_time_is_now_by_default() -> None:
    assert times.parse_due_time(None, None, AT) == AT


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("now", "2026-10-23 14:30:15+02:00"),
        ("tomorrow 5pm", "2026-10-24 17:00:00+02:00"),
        ("tomorrow at 17:00", "2026-10-24 17:00:00+02:00"),
        ("5pm tomorrow", "2026-10-24 17:00:00+02:00"),
        ("Tomorrow", "2026-10-24 14:30:15+02:00"),
        ("tomorrow at noon", "2026-10-24 12:00:00+02:00"),
        ("today 8am", "2026-10-23 08:00:00+02:00"),
        ("the day after tomorrow", None),
        ("day after tomorrow 9:15", "2026-10-25 09:15:00+01:00"),
        ("5pm", "2026-10-23 17:00:00+02:00"),
        ("at 8:30am", "2026-10-24 08:30:00+02:00"),
        ("14:30", "2026-10-24 14:30:00+02:00"),
        ("midnight", "2026-10-24 00:00:00+02:00"),
        ("monday 9:00", "2026-10-26 09:00:00+01:00"),
        ("next friday 5pm", "2026-10-30 17:00:00+01:00"),
        ("friday 5pm", "2026-10-23 17:00:00+02:00"),
        ("on friday at 9am", "2026-10-30 09:00:00+01:00"),
        ("in 2 hours", "2026-10-23 16:30:15+02:00"),
        ("2 days from now", "2026-10-25 13:30:15+01:00"),
        ("2030-01-31 08:30", "2030-01-31 08:30:00+01:00"),
        ("2030-01-31T08:30:00Z", "2030-01-31 09:30:00+01:00"),
        ("2026-10-23 08:30", "2026-10-23 08:30:00+02:00"),
        ("Mon, 26 Oct 2026 08:30", "2026-10-26 08:30:00+01:00"),
        ("31 January", "2026-01-31 00:00:00+01:00"),
        ("whenever", None),
        ("tomorrow whenever", None),
        ("", None),
    ],
)
def test_parse_time_understands_natural_words(text: str, due: str | None) -> None:
    if due is None:
        with pytest.raises(click.ClickException, match="--start-at expects a time such as 'tomorrow 5pm'"):
            times.parse_time(text, "--start-at", AT)
    else:
        assert str(times.parse_time(text, "--start-at", AT)) == due
