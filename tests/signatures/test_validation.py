"""Validation of parameters from type hints: coercion, and errors that name each invalid parameter."""

from __future__ import annotations

import datetime
import functools
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import pydantic
import pytest

from prefect.exceptions import ParameterTypeError, SignatureMismatchError
from prefect.signatures.validation import get_validator

if TYPE_CHECKING:
    from somewhere import Unknown


class Person(pydantic.BaseModel):
    age: int


class Child(Person):
    toys: int = 0


class Plain: ...


def check(fn, **parameters) -> dict[str, Any]:
    return get_validator(fn)(parameters)


def test_validator_coerces_values_and_builds_models():
    def fn(a: int, b: str = "x", person: Person | None = None): ...

    assert check(fn, a="3", person={"age": "4"}) == {"a": 3, "b": "x", "person": Person(age=4)}


def test_validator_returns_instances_unchanged():
    def fn(person: Person, thing: Plain, anything, call: Callable[[], int] = int): ...

    child, thing, listed = Child(age=3), Plain(), [1]
    result = check(fn, person=child, thing=thing, anything=listed)
    assert result["person"] is child
    assert result["thing"] is thing
    assert result["anything"] is listed


def test_validation_error_names_each_invalid_field():
    def fn(a: int, person: Person, b: Literal["x", "y"] = "x"): ...

    with pytest.raises(ParameterTypeError) as caught:
        check(fn, a="three", person={"age": "old"}, b="z")
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == [" - a", " - person.age", " - b"]
    assert all(value in line for value, line in zip(("'three'", "'old'", "'z'"), lines, strict=True))


def test_validation_error_names_a_missing_parameter():
    def fn(a, b: int): ...

    with pytest.raises(ParameterTypeError, match="a: Field required"):
        check(fn, b=1)
    with pytest.raises(ParameterTypeError, match="b: Field required"):
        check(fn, a=1)


def test_validator_rejects_unknown_parameters():
    def fn(a: int): ...

    with pytest.raises(SignatureMismatchError, match="q"):
        check(fn, a=1, q=2)


def test_validator_checks_a_default_only_when_it_is_passed():
    def fn(day: datetime.date = "2020-01-01", x: int = None): ...  # type: ignore[assignment]  # noqa: RUF013

    assert check(fn) == {"day": "2020-01-01", "x": None}
    assert check(fn, day="2020-01-01")["day"] == datetime.date(2020, 1, 1)
    with pytest.raises(ParameterTypeError, match="x: "):
        check(fn, x=None)


def test_validator_supports_parameter_names_reserved_by_pydantic():
    def fn(_x: int, schema: int, copy: int, json: int, model_config: int, model_fields: int, self_: int = 1): ...

    names = ["_x", "schema", "copy", "json", "model_config", "model_fields", "self_"]
    assert check(fn, **dict.fromkeys(names, "5")) == dict.fromkeys(names, 5)


def test_validator_checks_positional_only_and_keyword_only_parameters():
    def fn(a: int, /, b: Annotated[int, pydantic.Field(gt=3)] = 5, *, c: int): ...

    assert check(fn, a="1", b="4", c="2") == {"a": 1, "b": 4, "c": 2}
    with pytest.raises(ParameterTypeError, match="greater than 3"):
        check(fn, a=1, b=2, c=3)


def test_validator_leaves_variadic_parameters_unchanged():
    def fn(*args: int, z: int = 1, **kwargs: float): ...

    assert check(fn, args=("x",), z="3", kwargs={"q": "y"}) == {"args": ("x",), "z": 3, "kwargs": {"q": "y"}}
    assert check(fn) == {"args": (), "z": 1, "kwargs": {}}


def test_validator_unwraps_field_defaults():
    def fn(a: int = pydantic.Field(3, gt=1), b: list[int] = pydantic.Field(default_factory=list)): ...

    assert check(fn) == {"a": 3, "b": []}
    values = {"a": fn.__defaults__[0], "b": fn.__defaults__[1]}
    assert check(fn, **values) == {"a": 3, "b": []}


def test_validator_resolves_forward_references_in_the_enclosing_function():
    class Local(pydantic.BaseModel):
        q: int

    def fn(a: Local, b: list[Local] | None = None):
        return Local  # so that the function encloses it

    assert check(fn, a={"q": "1"}, b=[{"q": 2}]) == {"a": Local(q=1), "b": [Local(q=2)]}


def test_validation_error_names_an_undefined_forward_reference():
    def fn(a: Unknown): ...

    with pytest.raises(ParameterTypeError, match=r"'a'.*'fn'.*'Unknown'"):
        check(fn, a=1)


def test_validator_ignores_an_undefined_return_type():
    def fn(a: int) -> Unknown: ...

    assert check(fn, a="1") == {"a": 1}


def test_validator_allows_any_value_when_the_annotation_is_not_a_type():
    def fn(a: 3, b: "not a type", c: (int, str)): ...  # noqa: F722

    assert check(fn, a="x", b="y", c="z") == {"a": "x", "b": "y", "c": "z"}


def test_validator_supports_methods_partials_and_wrapped_functions():
    class Things:
        def method(self, a: int): ...

        def __call__(self, a: Optional[int] = None): ...  # noqa: UP045

    def inner(a: int, b: int = 2): ...

    @functools.wraps(inner)
    def outer(*args, **kwargs): ...

    assert check(Things().method, a="1") == {"a": 1}
    assert check(Things(), a="1") == {"a": 1}
    assert check(functools.partial(inner, b=3), a="1") == {"a": 1, "b": 3}
    assert check(outer, a="1") == {"a": 1, "b": 2}
    assert check(Things.method, self=None, a="1") == {"self": None, "a": 1}


def test_validator_coerces_a_bool_to_an_int():
    def fn(a: int): ...

    assert check(fn, a=True)["a"] is not True


def test_get_validator_caches_without_keeping_the_function_alive():
    def make():
        def fn(a: int): ...

        return fn

    fn = make()
    assert get_validator(fn) is get_validator(fn)
    gone = weakref.ref(fn)
    del fn
    gc.collect()
    assert gone() is None


def test_validator_does_not_import_pydantic_for_plain_values():
    code = (
        "import sys\nfrom prefect.signatures.validation import get_validator\ndef fn(a: int, b: str, c): ...\n"
        "assert get_validator(fn)({'a': 1, 'b': 'x', 'c': []})\nassert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="pydantic 1 has no release for it")
def test_validator_accepts_pydantic_1_models():
    from pydantic.v1 import BaseModel

    class Old(BaseModel):
        x: int

    def fn(old): ...

    fn.__annotations__["old"] = Old
    assert check(fn, old={"x": "1"}) == {"old": Old(x=1)}
    with pytest.raises(ParameterTypeError, match="old"):
        check(fn, old={"x": "a"})
