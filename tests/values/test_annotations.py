"""Annotations of values: `quote`, `unmapped`, `freeze` and others."""

import copy
import pickle

import pytest

from prefect.values.annotations import Quote, allow_failure, freeze, opaque, quote, unmapped


@pytest.mark.parametrize("mark", [allow_failure, freeze, opaque, quote, unmapped])
def test_annotation_keeps_its_value_when_copied_or_pickled(mark):
    value = mark([1])
    for same in (value, pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert type(same) is mark
        assert same.unwrap() == same.value == [1]
        assert same == value
    assert value.rewrap(2) == mark(2)
    assert value != mark([2]) and value != [1]
    assert repr(value) == f"{mark.__name__}([1])"


def test_different_annotations_are_not_equal():
    assert quote(1) != unmapped(1)


def test_unmapped_returns_its_value_at_every_index():
    assert unmapped([1, 2])[7] == [1, 2]


def test_freeze_requires_a_json_value():
    assert freeze({"a": {1}}).unfreeze() == {"a": {1}}
    with pytest.raises(ValueError, match="JSON"):
        freeze(object())


def test_deprecated_quote_class_warns():
    with pytest.warns(DeprecationWarning, match="quote"):
        assert Quote(3).unquote() == 3
