"""Traversal of nested collections, and helpers for dictionaries and iterables."""

import collections
import dataclasses
import enum
from typing import Any, NamedTuple

import pydantic
import pytest

from prefect.utilities import collections as tools
from prefect.values.annotations import allow_failure, opaque, quote, unmapped
from prefect.values.traversal import StopVisiting, visit_collection


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: int
    y: int = dataclasses.field(init=False, default=3)


class Pair(NamedTuple):
    p: Any
    q: Any


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    a: int = 1
    b: Any = None
    _private: int = pydantic.PrivateAttr(5)


class MyList(list): ...


def plus_one(value):
    return value + 1 if type(value) is int else value


def visited(expr, **options):
    seen = []
    visit_collection(expr, seen.append, **options)
    return seen


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (3, 4),
        ("ab", "ab"),
        ([1, [2]], [2, [3]]),
        ((1, 2), (2, 3)),
        ({1, 2}, {2, 3}),
        ({1: {2: [3]}}, {2: {3: [4]}}),
        (Pair(1, [2]), Pair(2, [3])),
        (MyList([1]), MyList([2])),
        (collections.OrderedDict(a=1), collections.OrderedDict(a=2)),
        (collections.Counter("aab"), collections.Counter(a=3, b=2)),
        (Model(b=[1], c=7), Model(a=2, b=[2], c=8)),
        ([quote([1]), allow_failure(1), unmapped(1)], [quote([2]), allow_failure(2), unmapped(2)]),
        (opaque([1]), opaque([1])),
        (frozenset([1]), frozenset([1])),
        (range(3), range(3)),
    ],
    ids=repr,
)
def test_visit_collection_returns_a_value_of_the_same_type(before, after):
    result = visit_collection(before, plus_one, return_data=True)
    assert result == after
    assert type(result) is type(before)


def test_visit_collection_keeps_the_default_factory():
    result = visit_collection(collections.defaultdict(list, a=[1]), plus_one, return_data=True)
    assert result == {"a": [2]} and result.default_factory is list


def test_visit_collection_supports_frozen_dataclasses():
    result = visit_collection(Frozen(1), plus_one, return_data=True)
    assert (result.x, result.y) == (2, 4)


def test_visit_collection_keeps_private_attributes_and_set_fields_of_models():
    model = Model(a=1)
    model._private = 9
    result = visit_collection(model, plus_one, return_data=True)
    assert (result.a, result._private, result.model_fields_set) == (2, 9, {"a"})


@pytest.mark.parametrize("value", [[1, [2]], {"a": [1]}, Model(b=[1]), (1, 2), Frozen(1), [quote(1)]], ids=repr)
def test_visit_collection_returns_the_same_object_when_nothing_changes(value):
    assert visit_collection(value, lambda x: x, return_data=True) is value


def test_visit_collection_returns_none_without_return_data():
    assert visit_collection([1], plus_one) is None


class Color(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [
        "abc",
        b"abc",
        bytearray(b"abc"),
        iter([1]),
        (i for i in [1]),
        range(3),
        memoryview(b"x"),
        Color.RED,
        Model,
        {}.keys(),
    ],
    ids=lambda v: type(v).__name__,
)
def test_visit_collection_treats_unsupported_collections_as_one_value(value):
    assert len(visited([value])) == 2


def test_visit_collection_visits_parents_before_children():
    assert visited({"a": [1], "b": 2}) == [{"a": [1], "b": 2}, "a", [1], 1, "b", 2]


def test_visit_collection_stops_at_max_depth():
    assert visited([1, [2, [3]]], max_depth=0) == [[1, [2, [3]]]]
    assert visited([1, [2, [3]]], max_depth=1) == [[1, [2, [3]]], 1, [2, [3]]]


def test_visit_collection_does_not_traverse_opaque_values():
    assert visited(opaque([1])) == [opaque([1]), [1]]


def test_visit_collection_removes_annotations():
    value = [unmapped(1), allow_failure([2]), opaque([3])]
    assert visit_collection(value, plus_one, return_data=True, remove_annotations=True) == [2, [3], [3]]


def test_visit_collection_passes_context_to_nested_values_only():
    seen = []

    def visitor(value, context):
        seen.append((value if isinstance(value, int) else "list", context.get("depth", 0)))
        context["depth"] = context.get("depth", 0) + 1

    context = {}
    visit_collection([1, [2], 3], visitor, context=context)
    assert seen == [("list", 0), (1, 1), ("list", 1), (2, 2), (3, 1)]
    assert context == {}


def test_stop_visiting_skips_the_content_of_a_value():
    seen = []

    def visitor(value):
        seen.append(value)
        if value == [2]:
            raise StopVisiting
        return plus_one(value)

    assert visit_collection([1, [2], 3], visitor, return_data=True) == [2, [2], 4]
    assert seen == [[1, [2], 3], 1, [2], 3]


def test_visit_collection_ends_for_cyclic_values():
    loop: list[Any] = [1]
    loop.append(loop)
    assert visited(loop) == [loop, 1, loop]
    assert visit_collection(loop, plus_one, return_data=True)[0] == 2


def test_visit_collection_keeps_shared_values_shared():
    shared = [1]
    result = visit_collection([shared, shared], plus_one, return_data=True)
    assert result == [[2], [2]] and result[0] is result[1]


def test_visit_collection_traverses_results_of_the_visitor():
    assert visit_collection(["r"], lambda v: [1] if v == "r" else plus_one(v), return_data=True) == [[2]]


def test_visit_collection_distinguishes_temporary_values_with_equal_ids():
    # Each answer is a new list, which may get the address of one that is gone.
    result = visit_collection(
        list("abcdef"), lambda v: [v.upper() + "!"] if v in list("abcdef") else v, return_data=True
    )
    assert result == [["A!"], ["B!"], ["C!"], ["D!"], ["E!"], ["F!"]]


def test_dict_to_flatdict_can_be_reversed():
    nested = {"a": {"b": 1, "c": {}}, "d": 2}
    flat = {("a", "b"): 1, ("a", "c"): {}, ("d",): 2}
    assert tools.dict_to_flatdict(nested) == flat
    assert tools.flatdict_to_dict(flat) == nested


def test_deep_merge_is_recursive_and_returns_a_copy():
    one, other = {"a": {"b": 1}, "c": [1]}, {"a": {"d": 2}, "c": [2]}
    assert tools.deep_merge(one, other) == {"a": {"b": 1, "d": 2}, "c": [2]}
    assert one == {"a": {"b": 1}, "c": [1]}
    assert tools.deep_merge_dicts({"a": 1}, {"a": {"b": 2}}, {"c": 3}) == {"a": {"b": 2}, "c": 3}


def test_get_from_dict_and_set_in_dict_follow_paths():
    nested = {"a": {"b": [1, {"c": 2}]}}
    assert tools.get_from_dict(nested, "a.b[1].c") == 2
    assert tools.get_from_dict(nested, ["a", "x"], "none") == "none"
    assert tools.get_from_dict(nested, "a.b[7]", "none") == "none"
    assert tools.get_from_dict({"a": "text"}, "a.b", "none") == "none"
    tools.set_in_dict(nested, "a.d.e", 3)
    assert nested["a"]["d"] == {"e": 3}
    with pytest.raises(TypeError, match="'a'"):
        tools.set_in_dict({"a": 1}, "a.b", 2)


def test_remove_nested_keys_removes_at_any_depth():
    assert tools.remove_nested_keys(["a"], {"a": 1, "b": {"a": 2, "c": 3}}) == {"b": {"c": 3}}


def test_iterable_helpers_handle_scalars_and_iterables():
    assert [tools.isiterable(v) for v in ("a", b"a", 5, [], {}, iter([]), range(1))] == [False] * 3 + [True] * 4
    assert [tools.ensure_iterable(v) for v in (3, [3], {"a": 1}, "ab")] == [[3], [3], [{"a": 1}], "ab"]
    assert list(tools.batched_iterable(iter([1, 2, 3]), 2)) == [(1, 2), (3,)]
    assert list(tools.distinct([1, 2, 1])) == [1, 2]
    assert list(tools.distinct([{"a": 1}, {"a": 1}], key=lambda d: d["a"])) == [{"a": 1}]
    assert tools.listrepr([1, "a"], sep=", ") == "1, 'a'"
    assert tools.extract_instances([1, "a", True], int) == [1, True]
    assert tools.extract_instances([1, "a", 2.0], (int, str)) == {int: [1], str: ["a"]}


def test_auto_enum_uses_the_name_as_value():
    class Kind(tools.AutoEnum):
        RED = tools.AutoEnum.auto()

    assert (Kind.RED.value, Kind("RED"), repr(Kind.RED), str(Kind.RED)) == ("RED", Kind.RED, "Kind.RED", "Kind.RED")
    assert Kind.RED == "RED"


@pytest.mark.parametrize("remove", [False, True])
def test_visitor_may_stop_inside_an_annotation(remove: bool):
    seen: list[Any] = []

    def visit(value: Any) -> Any:
        seen.append(value)
        if value == [1, 2]:
            raise StopVisiting
        return value * 10 if isinstance(value, int) else value

    value = [unmapped([1, 2]), {"a": [1, 2], "b": unmapped({"c": 5})}]
    kept = visit_collection(value, visit, return_data=True, remove_annotations=remove)
    inner: Any = [[1, 2], {"c": 50}] if remove else [unmapped([1, 2]), unmapped({"c": 50})]
    assert kept == [inner[0], {"a": [1, 2], "b": inner[1]}]
    assert 1 not in seen and 2 not in seen and 5 in seen
