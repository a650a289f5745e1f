"""Cache policies: keys are stable between processes and differ for different computations."""

import collections
import dataclasses
import datetime
import enum
import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from types import SimpleNamespace

import pydantic
import pytest

from prefect.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    STABLE_TRANSFORMS,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    CompoundCachePolicy,
    Inputs,
    task_input_hash,
)


def fn(x): return x+1  # fmt: skip


FLOW_RUN = "00000000-0000-0000-0000-00000000000f"


def context(function=fn, flow_run_id: str | None = FLOW_RUN):
    return SimpleNamespace(
        task=SimpleNamespace(fn=function, task_key="tk"),
        task_run=SimpleNamespace(id="00000000-0000-0000-0000-000000000001", flow_run_id=flow_run_id),
    )


def key(policy, inputs=None, parameters=None, ctx=None):
    return policy.compute_key(ctx or context(), inputs or {}, parameters or {})


def excluded(policy):
    return {type(each).__name__: getattr(each, "exclude", None) for each in policy.policies}


# --- keys of the original --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "inputs", "expected"),
    [
        (INPUTS, {"x": 1}, "599d6780d743a1b50a942acff196a0f1"),
        (INPUTS, {"y": 2, "x": 1}, "935c832359f6b6b1222ab2d2f271d6be"),
        (INPUTS, {}, None),
        (INPUTS - "x", {"x": 1}, "05da934bc95640755e0d7882f6f171d0"),
        (Inputs(exclude=["x"]), {"x": 1}, "05da934bc95640755e0d7882f6f171d0"),
        (RUN_ID, {}, FLOW_RUN),
        (NONE, {"x": 1}, None),
        (NO_CACHE, {"x": 1}, None),
        (FLOW_PARAMETERS, {}, None),
    ],
)
def test_key_equals_the_prefect_key(policy, inputs, expected):
    assert key(policy, inputs) == expected


def test_flow_parameters_key_equals_the_prefect_key():
    assert key(FLOW_PARAMETERS, parameters={"a": 1}) == "2576c7382d4326599e7292b78724a71e"


def test_run_id_key_is_the_task_run_id_outside_of_a_flow():
    assert key(RUN_ID, ctx=context(flow_run_id=None)) == "00000000-0000-0000-0000-000000000001"


def test_task_input_hash_depends_on_the_inputs():
    same = task_input_hash(context(), {"x": 1})
    assert same and same == task_input_hash(context(), {"x": 1}) != task_input_hash(context(), {"x": 2})
    assert task_input_hash(context(), {"x": threading.Lock()}) is None


# --- composing -------------------------------------------------------------------------------------------------------


def test_default_policy_combines_source_run_and_inputs():
    assert list(excluded(DEFAULT)) == ["TaskSource", "RunId", "Inputs"]
    assert DEFAULT == RUN_ID + INPUTS + TASK_SOURCE or set(excluded(DEFAULT)) == set(
        excluded(RUN_ID + INPUTS + TASK_SOURCE)
    )


def test_added_policies_are_equal_in_any_order():
    assert INPUTS + TASK_SOURCE == TASK_SOURCE + INPUTS


def test_added_policies_merge_excluded_inputs():
    assert excluded((INPUTS - "x") + (INPUTS - "y")) == {"Inputs": ["x", "y"]}
    assert excluded(DEFAULT - "x" - "y")["Inputs"] == ["x", "y"]
    assert excluded(CompoundCachePolicy(policies=[INPUTS - "a", DEFAULT - "b"]))["Inputs"] == ["a", "b"]


def test_subtracting_a_name_excludes_the_input():
    assert key(DEFAULT - "x", {"x": 1, "y": 1}) == key(DEFAULT - "x", {"x": 2, "y": 1})
    assert key(DEFAULT - "x", {"x": 1, "y": 1}) != key(DEFAULT - "x", {"x": 1, "y": 2})
    assert Inputs() == INPUTS and TASK_SOURCE - "x" is TASK_SOURCE and NONE - "x" is NONE
    for policy in (INPUTS, DEFAULT, TASK_SOURCE):
        with pytest.raises(TypeError, match="only subtract strings"):
            policy - 5


def test_adding_none_returns_the_other_policy():
    assert NONE + INPUTS is INPUTS and INPUTS + NONE is INPUTS and type(NONE + NO_CACHE) is type(NONE)


def test_adding_a_value_that_is_no_policy_raises():
    with pytest.raises(TypeError):
        INPUTS + 5  # pyright: ignore


def test_compound_key_depends_on_every_policy():
    assert key(INPUTS + FLOW_PARAMETERS, {"x": 1}, {"a": 1}) != key(INPUTS + FLOW_PARAMETERS, {"x": 1}, {"a": 2})
    assert key(CacheKeyFnPolicy(cache_key_fn=lambda c, p: None) + FLOW_PARAMETERS) is None


def test_cache_key_function_computes_the_key():
    policy = CachePolicy.from_cache_key_fn(lambda ctx, inputs: f"{ctx.task.task_key}-{inputs['x']}")
    assert key(policy, {"x": 5}) == "tk-5"
    assert key(policy + INPUTS, {"x": 5}) not in (None, "tk-5")
    assert key(CacheKeyFnPolicy()) is None


def test_configure_returns_a_copy():
    locks = object()
    policy = INPUTS.configure(key_storage="/tmp/x", isolation_level="SERIALIZABLE", lock_manager=locks)  # pyright: ignore
    assert (policy.key_storage, policy.isolation_level, policy.lock_manager) == ("/tmp/x", "SERIALIZABLE", locks)
    assert INPUTS.key_storage is None and policy.configure() == policy
    both = policy + TASK_SOURCE
    assert (both.key_storage, both.isolation_level, both.lock_manager) == ("/tmp/x", "SERIALIZABLE", locks)
    assert (policy - "x").key_storage == "/tmp/x"


@pytest.mark.parametrize(
    ("option", "one", "two", "what"),
    [
        ("key_storage", "a", "b", "storage locations"),
        ("isolation_level", "SERIALIZABLE", "READ_COMMITTED", "isolation levels"),
        ("lock_manager", object(), object(), "lock managers"),
    ],
)
def test_adding_policies_with_different_options_raises(option, one, two, what):
    with pytest.raises(ValueError, match=f"different {what}"):
        INPUTS.configure(**{option: one}) + TASK_SOURCE.configure(**{option: two})


def test_policy_without_compute_key_raises():
    with pytest.raises(NotImplementedError, match="compute_key"):
        key(CachePolicy())


def test_custom_policy_can_be_combined():
    @dataclasses.dataclass
    class Weekly(CachePolicy):
        week: int = 1

        def compute_key(self, task_ctx, inputs, flow_parameters, **kwargs):
            return f"week-{self.week}"

    assert key(Weekly(week=3, key_storage="x")) == "week-3"
    assert key(Weekly() + INPUTS, {"x": 1}) != key(Weekly(week=2) + INPUTS, {"x": 1})


# --- the source ------------------------------------------------------------------------------------------------------


def test_source_changes_the_key():
    def one():
        return 1

    def two():
        return 2

    assert key(TASK_SOURCE, ctx=context(one)) == key(TASK_SOURCE, ctx=context(one))
    assert key(TASK_SOURCE, ctx=context(one)) != key(TASK_SOURCE, ctx=context(two))


@pytest.mark.parametrize("other", ["lambda x: x + 2", "lambda x: abs(x)", "lambda y: y", "lambda x: (lambda: x + 3)"])
def test_key_without_source_uses_the_compiled_code(other):
    one = key(TASK_SOURCE, ctx=context(eval("lambda x: x + 1")))
    assert one == key(TASK_SOURCE, ctx=context(eval("lambda x: x + 1")))
    assert one != key(TASK_SOURCE, ctx=context(eval(other)))


def test_source_key_supports_callable_objects():
    class Callable:
        def __call__(self):
            return 1

    class Unhashable(Callable):
        __hash__ = None  # pyright: ignore

    assert key(TASK_SOURCE, ctx=context(Callable())) == key(TASK_SOURCE, ctx=context(Callable()))
    assert key(TASK_SOURCE, ctx=context(Unhashable())) != key(TASK_SOURCE, ctx=context(Callable()))


# --- inputs ----------------------------------------------------------------------------------------------------------


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    A = "a"


class Plain(pydantic.BaseModel):
    a: int = 1


class Twin(pydantic.BaseModel):
    a: int = 1


class Secretive(pydantic.BaseModel):
    shown: int = 1
    hidden: int = pydantic.Field(default=1, exclude=True)


class Rounded(pydantic.BaseModel):
    a: float

    @pydantic.field_serializer("a")
    def _round(self, value: float) -> int:
        return int(value)


class WithSecret(pydantic.BaseModel):
    token: pydantic.SecretStr


@dataclasses.dataclass
class Point:
    x: int = 0
    y: object = None


class Thing:
    def __init__(self, a):
        self.a = a


DISTINCT = [
    ({Level.LOW}, {1}),
    (1, 2),
    (1, "1"),
    (1, True),
    (1, 1.0),
    (None, "None"),
    ({1: "a"}, {"1": "a"}),
    ({None: 1}, {"null": 1}),
    (Level.LOW, 1),
    (Mode.A, "a"),
    ([Mode.A], ["a"]),
    (Plain(), {"a": 1}),
    (Plain(), Plain(a=2)),
    (Plain(), Twin()),
    (Secretive(hidden=1), Secretive(hidden=2)),
    ([Secretive(hidden=1)], [Secretive(hidden=2)]),
    (Rounded(a=1.2), Rounded(a=1.4)),
    (WithSecret(token=pydantic.SecretStr("a")), WithSecret(token=pydantic.SecretStr("b"))),
    (Point(), Point(x=1)),
    (Thing(1), Thing(2)),
    ({1, 2}, {1, 3}),
    ({1, 2}, [1, 2]),
    (b"a", "a"),
    (datetime.date(2024, 1, 1), "2024-01-01"),
    (uuid.UUID(int=1), str(uuid.UUID(int=1))),
    (Path("a"), "a"),
    (lambda: 1, lambda: 2),
    (float("nan"), None),
]


@pytest.mark.parametrize(("one", "two"), DISTINCT, ids=lambda v: repr(v).split(" at 0x")[0])
def test_key_differs_for_different_inputs(one, two):
    assert key(INPUTS, {"x": one}) != key(INPUTS, {"x": two})


@pytest.mark.parametrize(
    "value", [pair[0] for pair in DISTINCT if not callable(pair[0])], ids=lambda v: repr(v).split(" at 0x")[0]
)
def test_key_is_the_same_for_equal_inputs(value):
    import copy

    again = value if isinstance(value, (enum.Enum, Thing)) else copy.deepcopy(value)
    assert key(INPUTS, {"x": value}) == key(INPUTS, {"x": again}) is not None


def test_key_ignores_the_order_of_dictionaries():
    assert key(INPUTS, {"x": {"a": 1, "b": 2}}) == key(INPUTS, {"x": {"b": 2, "a": 1}})
    assert key(INPUTS, {"x": {1: 1, 2: 2}}) == key(INPUTS, {"x": {2: 2, 1: 1}})


def test_key_is_the_same_in_every_process():
    program = (
        "import datetime, enum, pydantic, collections\n"
        "from prefect.cache_policies import INPUTS\n"
        "class M(pydantic.BaseModel):\n    s: set[str] = set('abcdef')\n"
        "value = [{'b', 'a', 'c', 'd'}, {1: {'x', 'y', 'z'}}, M(), frozenset('wxyz'), datetime.date(2024, 1, 1)]\n"
        "print(INPUTS.compute_key(None, {'x': value}, {}))\n"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(keys) == 1 and keys != {""}


def test_key_supports_arrays_and_frames():
    np = pytest.importorskip("numpy")
    assert key(INPUTS, {"x": np.arange(3)}) == key(INPUTS, {"x": np.arange(3)})
    assert key(INPUTS, {"x": np.arange(3)}) != key(INPUTS, {"x": np.arange(4)})
    assert key(INPUTS, {"x": np.arange(3)}) != key(INPUTS, {"x": np.arange(3.0)})


def test_error_names_the_input_that_cannot_be_hashed():
    with pytest.raises(ValueError, match=r"the input 'lock' of type lock cannot be hashed.*INPUTS - 'lock'"):
        key(DEFAULT, {"a": 1, "lock": threading.Lock()})
    with pytest.raises(ValueError, match="the flow parameter 'p'"):
        key(FLOW_PARAMETERS, parameters={"p": threading.Lock()})
    assert key(DEFAULT - "lock", {"a": 1, "lock": threading.Lock()})


def test_key_supports_cyclic_inputs():
    def cyclic(value):
        items: list = [value]
        items.append(items)
        return items

    assert key(INPUTS, {"x": cyclic(1)}) == key(INPUTS, {"x": cyclic(1)}) != key(INPUTS, {"x": cyclic(2)})


def test_key_of_an_object_of_a_local_class_is_that_of_its_attributes():
    class Thing:
        counter: list = []

        def __init__(self, value):
            self.value = value

    class Items(list): ...

    before = key(INPUTS, {"x": Thing(1)})
    Thing.counter.append(1)

    assert before == key(INPUTS, {"x": Thing(1)}) != key(INPUTS, {"x": Thing(2)})
    assert key(INPUTS, {"x": Items([1])}) != key(INPUTS, {"x": Items([2])})


def test_key_uses_stable_transforms(monkeypatch):
    monkeypatch.setitem(STABLE_TRANSFORMS, threading.Lock().__class__, lambda lock: "a lock")
    assert key(INPUTS, {"x": threading.Lock()}) == key(INPUTS, {"x": threading.Lock()}) is not None


def test_key_supports_named_tuples_and_ordered_dictionaries():
    pair = collections.namedtuple("pair", "a b")
    assert key(INPUTS, {"x": pair(1, 2)}) != key(INPUTS, {"x": pair(1, 3)})
    assert key(INPUTS, {"x": collections.OrderedDict(a=1)}) != key(INPUTS, {"x": collections.OrderedDict(a=2)})
