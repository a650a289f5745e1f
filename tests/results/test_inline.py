"""Inline results: JSON values are recorded as JSON, others pickled, large or unpicklable ones omitted."""

import collections
import datetime
import enum
import json
import math
import pickle
import threading
import uuid
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect.results.inline import MAX_INLINE_BYTES, inline, restore

JSON = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    1.5,
    -0.0,
    1e300,
    "",
    "text",
    "naïve ☃",
    'quote " and \\ and \n',
    [],
    {},
    [1, [2, [3, None]], {"a": [True, {}]}],
    {"a": 1, "b": {"c": [1.5, "x"]}},
]
PICKLE = [
    2**63 * 4,
    math.inf,
    (1, 2),
    {1, 2},
    frozenset({"a"}),
    b"bytes",
    bytearray(b"x"),
    {1: "int key"},
    {"a": (1,)},
    [math.inf],
    [2**70],
    "\ud800",
    ["\ud800"],
    1 + 2j,
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    uuid.UUID(int=7),
    Decimal("1.10"),
    collections.OrderedDict(a=1),
    ValueError("boom", 1).args,
]


class Level(enum.IntEnum):
    LOW = 1


class Text(str):
    pass


class Blob:
    """A large value that fails the test when it is pickled."""

    nbytes = 10**12

    def __reduce__(self):
        raise AssertionError("pickled although it is too large")


class Hostile:
    def __reduce__(self):
        raise RuntimeError("no")

    @property
    def nbytes(self):
        raise RuntimeError("no")


def through_json(recorded):
    return json.loads(json.dumps(recorded))


@pytest.mark.parametrize("value", JSON, ids=repr)
def test_inline_records_json_values_as_json(value):
    recorded = inline(value)
    assert recorded is not None and recorded["format"] == "json"
    again = restore(through_json(recorded))
    assert again == value and type(again) is type(value)


@pytest.mark.parametrize("value", PICKLE, ids=repr)
def test_inline_pickles_other_values(value):
    recorded = inline(value)
    assert recorded is not None and recorded["format"] == "pickle"
    again = restore(through_json(recorded))
    assert again == value and type(again) is type(value)


@pytest.mark.parametrize("value", [Level.LOW, Text("x"), [Level.LOW], {"a": Text("x")}, {Text("k"): 1}], ids=repr)
def test_inline_keeps_the_type_of_subclasses(value):
    recorded = inline(value)
    assert recorded is not None and recorded["format"] == "pickle"
    assert pickle.dumps(restore(recorded)) == pickle.dumps(value)


def test_inline_preserves_nan():
    recorded = inline(math.nan)
    assert recorded is not None and math.isnan(restore(recorded))


@pytest.mark.parametrize(
    "value",
    [
        "x" * (MAX_INLINE_BYTES + 1),
        "é" * MAX_INLINE_BYTES,
        '"' * MAX_INLINE_BYTES + '"',
        b"x" * (MAX_INLINE_BYTES + 1),
        ["x" * MAX_INLINE_BYTES, "y"],
        [None] * (MAX_INLINE_BYTES + 1),
        list(range(MAX_INLINE_BYTES)),
        ("a", "x" * MAX_INLINE_BYTES * 2),
        {"a": {"b": b"x" * MAX_INLINE_BYTES * 2}},
        Blob(),
        [Blob()],
        {"a": (Blob(),)},
    ],
    ids=lambda v: f"{type(v).__name__}",
)
def test_inline_omits_large_values(value):
    assert inline(value) is None


class Holder:
    def __init__(self, held):
        self.held = held


def test_inline_stops_pickling_at_a_large_nested_value():
    assert inline(Holder([Holder(Blob())])) is None


def test_inline_limit_counts_serialized_bytes():
    assert inline(["x" * 96], limit=100) == {"format": "json", "body": ["x" * 96]}
    assert inline(["x" * 97], limit=100) is None


@pytest.mark.parametrize(
    "value", [threading.Lock(), lambda: 1, (i for i in ()), Hostile(), [Hostile()]], ids=lambda v: type(v).__name__
)
def test_inline_omits_values_that_cannot_be_pickled(value):
    assert inline(value) is None


def test_inline_pickles_cyclic_values():
    value: list = [1]
    value.append(value)
    recorded = inline(value)
    assert recorded is not None and recorded["format"] == "pickle"
    again = restore(recorded)
    assert again[1] is again


def test_inline_omits_deeply_nested_values():
    value: list = []
    for _ in range(100_000):
        value = [value]
    assert inline(value) is None


def test_inline_copies_the_value():
    value = {"a": [1]}
    recorded = inline(value)
    value["a"].append(2)
    assert recorded == {"format": "json", "body": {"a": [1]}}


def test_restore_error_names_an_unknown_format():
    with pytest.raises(ValueError, match="'xml'"):
        restore({"format": "xml", "body": ""})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.text())
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_restore_returns_an_equal_value(value):
    recorded = inline(value)
    assert recorded is not None
    again = restore(through_json(recorded))
    assert again == value and type(again) is type(value)
