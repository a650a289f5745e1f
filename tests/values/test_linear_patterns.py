"""Patterns that take time in proportion to the text."""

from __future__ import annotations

import pytest

from prefect.values import linear_patterns


@pytest.mark.parametrize(
    ("pattern", "text", "ignore_case", "occurs"),
    [
        ("b+", "abba", False, True),
        ("B+", "abba", False, False),
        ("B+", "abba", True, True),
        ("^b", "abba", False, False),
        ("(a+)+$", "a" * 5000 + "b", False, False),
    ],
)
def test_pattern_occurs_in_a_text(pattern: str, text: str, ignore_case: bool, occurs: bool):
    assert linear_patterns.is_match(pattern, text, ignore_case) is occurs


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "unclosed group"),
        ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
        ("a" * 1001, "it has 1001 characters, more than 1000"),
    ],
)
def test_what_is_no_pattern_reports_the_reason(pattern: str, reason: str):
    with pytest.raises(ValueError) as failed:
        linear_patterns.compile_pattern(pattern)
    assert str(failed.value) == reason
