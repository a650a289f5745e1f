"""Durations and ages as text."""

from datetime import timedelta

import pytest

from prefect.cli.core import formats
from prefect.types import now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0s"),
        (0.0004, "<1ms"),
        (0.85, "850ms"),
        (0.9999, "1.0s"),
        (4.23, "4.2s"),
        (59.97, "1m"),
        (192, "3m 12s"),
        (7500, "2h 5m"),
        (7205, "2h"),
        (274000, "3d 4h"),
        (-5, "-5.0s"),
        (timedelta(minutes=2), "2m"),
    ],
)
def test_format_duration(seconds, text: str):
    assert formats.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "just now"),
        (1, "1 second ago"),
        (125, "2 minutes ago"),
        (3600, "1 hour ago"),
        (200000, "2 days ago"),
        (172000, "1 day ago"),
        (-0.5, "just now"),
        (-7200, "in 2 hours"),
        (-7199, "in 2 hours"),
        (-5400 - 1, "in 2 hours"),
        (-172000, "in 2 days"),
        (-119.4, "in 2 minutes"),
        (-59.7, "in 1 minute"),
        (-3599, "in 1 hour"),
        (-86399, "in 1 day"),
    ],
)
def test_format_age(seconds: float, text: str):
    at = now()
    assert formats.format_age(at - timedelta(seconds=seconds), at=at) == text
    assert formats.format_age(None) == ""
