"""Values against JSON schemas: patterns take linear time, whatever they are."""

from __future__ import annotations

import time
from typing import Any

import pytest

from prefect.form_values import json_schemas


def check(properties: dict[str, Any], **values: Any) -> str | None:
    try:
        json_schemas.validate(values, {"type": "object", "properties": properties})
    except json_schemas.InvalidValues as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("pattern", "text", "is_valid"),
    [
        ("^a+$", "aaa", True),
        ("^a+$", "aab", False),
        ("b", "abc", True),
        (r"^\d{3}-\d{4}$", "555-1234", True),
        ("^(?=a)b", "x", True),  # no pattern of Rust's: it is not checked
        (r"(.)\1", "ab", True),
    ],
)
def test_pattern_is_checked(pattern: str, text: str, is_valid: bool) -> None:
    message = check({"x": {"type": "string", "pattern": pattern}}, x=text)
    assert message == (
        None if is_valid else f"Validation failed for field 'x'. Failure reason: {text!r} does not match {pattern!r}"
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(a+)+$"},
        {"type": "object", "patternProperties": {"^(a+)+$": {"type": "integer"}}},
        {"type": "object", "patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
        {"type": "object", "patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False},
        {"type": "object", "propertyNames": {"pattern": "^(a+)+$"}},
        {"type": "string", "pattern": "(((a{0,99}){0,99}){0,99}){0,99}"},
    ],
)
def test_no_pattern_holds_up_the_server(schema: dict[str, Any]) -> None:
    begun = time.monotonic()
    text = "a" * 60 + "b"
    check({"x": schema}, x=text)
    check({"x": schema}, x={text: 1})
    assert time.monotonic() - begun < 5


def test_pattern_properties_and_additional_properties_are_checked() -> None:
    schema = {"type": "object", "properties": {"n": {}}, "patternProperties": {"^x-": {"type": "integer"}}}
    closed, typed = {**schema, "additionalProperties": False}, {**schema, "additionalProperties": {"type": "string"}}
    assert check({"x": closed}, x={"n": None, "x-a": 1}) is None
    assert "is not of type 'integer'" in str(check({"x": closed}, x={"x-a": "text"}))
    assert "Additional properties are not allowed ('y' was unexpected)" in str(check({"x": closed}, x={"y": 1}))
    assert "('y', 'z' were unexpected)" in str(check({"x": closed}, x={"y": 1, "z": 2}))
    assert check({"x": typed}, x={"y": "text"}) is None
    assert "is not of type 'string'" in str(check({"x": typed}, x={"y": 1}))
