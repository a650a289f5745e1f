"""JSON with values that orjson does not have: written and read exactly, and recognised where others wrote them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.types import json_codec

BIG, NEGATIVE, LONE = 1 << 80, -(1 << 70), "a\ud800b"

VALUES: list[Any] = [
    BIG,
    NEGATIVE,
    1 << 64,
    -(1 << 63) - 1,
    LONE,
    {"a": [BIG, {"b": LONE}], "c": "ä", "d": 1.5, "e": None, "f": True},
    {LONE: {"a": BIG}, "b": [NEGATIVE]},
    [[[LONE]], "\ude00\ud83d", "\0"],
]


@pytest.mark.parametrize("value", VALUES)
def test_loads_returns_what_dumps_wrote(value: Any) -> None:
    text = json_codec.dumps(value)
    assert json_codec.is_marked(text)
    assert json_codec.loads(text) == json_codec.loads(text.decode()) == json_codec.loads_foreign(text) == value


@pytest.mark.parametrize("value", VALUES)
def test_loads_foreign_reads_the_json_of_other_programs(value: Any) -> None:
    assert json_codec.loads_foreign(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "value", [(1 << 64) - 1, -(1 << 63), "ä", {"a": [1, 2.5, None]}, [], "123456789012345678901234567890"]
)
def test_other_values_are_written_as_orjson_does(value: Any) -> None:
    text = json_codec.dumps(value)
    assert text == orjson.dumps(value)
    assert json_codec.loads(text) == json_codec.loads_foreign(text) == value


def test_dumps_keeps_defaults_and_options() -> None:
    class Colour(Enum):
        RED = BIG

    @dataclass
    class Point:
        x: int

    class Model:
        def dump(self) -> Any:
            return {"n": NEGATIVE}

    at = datetime(2026, 11, 25, tzinfo=UTC)
    value = {1: Colour.RED, BIG: Point(BIG), LONE: Model(), UUID(int=1): (at,)}
    text = json_codec.dumps(value, lambda item: item.dump(), orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
    assert json_codec.loads(text) == {
        "1": BIG,
        str(BIG): {"x": BIG},
        LONE: {"n": NEGATIVE},
        str(UUID(int=1)): ["2026-11-25T00:00:00Z"],
    }


def test_dumps_refuses_what_has_no_json() -> None:
    circular: list[Any] = [BIG]
    circular.append(circular)
    for value in (object(), {BIG: object()}, [LONE, object()], circular):
        with pytest.raises(TypeError):
            json_codec.dumps(value, None, orjson.OPT_NON_STR_KEYS)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b" NaN",
        b" {",
        b'"\\u12"',
        b'["\\ud800", NaN]',
        b"[12345678901234567890123, Infinity]",
        b"[12345678901234567890123, \xff]",
        b"1" * 5000,
        b" " + b"[" * 100_000,
    ],
)
def test_loads_foreign_refuses_what_is_no_json(text: bytes) -> None:
    with pytest.raises(json_codec.JSONDecodeError):
        json_codec.loads_foreign(text)


_TEXTS = st.text(st.sampled_from("aä€😀\0\ud800"), max_size=4)  # no two surrogates that are one character together
_LEAVES = st.none() | st.booleans() | st.integers(-(1 << 90), 1 << 90) | _TEXTS
_TREES = st.recursive(_LEAVES, lambda item: st.lists(item) | st.dictionaries(_TEXTS, item), max_leaves=8)


@given(_TREES)
def test_every_value_survives(value: Any) -> None:
    assert json_codec.loads(json_codec.dumps(value)) == value
    assert json_codec.loads_foreign(json.dumps(value).encode()) == value


@pytest.mark.parametrize(("text", "shown"), [("a", "a"), ("ä€😀", "ä€😀"), (LONE, "a\\ud800b")])
def test_replace_surrogates_makes_a_text_encodable(text: str, shown: str) -> None:
    assert json_codec.replace_surrogates(text) == shown
    shown.encode()
