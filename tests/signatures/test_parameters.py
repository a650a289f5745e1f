"""Binding of arguments, which must agree with `inspect.signature`."""

import functools
import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect.exceptions import ParameterBindError, SignatureMismatchError
from prefect.signatures.parameters import Parameters


def plain(a, b, c=3): ...
def nothing(): ...
def keyword_only(a, *, b, c=3): ...
def positional_only(a, b=2, /, c=3, *, d=4): ...
def variadic(a, b=2, *args, c, d=4, **kwargs): ...
def only_variadic(*args, **kwargs): ...
def name_in_both(a, /, **kwargs): ...


class Things:
    def method(self, a, b=2): ...
    @classmethod
    def class_method(cls, a, b=2): ...
    @staticmethod
    def free(a, b=2): ...
    def __call__(self, a, *, b=2): ...
    def without_self(*args): ...


@functools.wraps(plain)
def wrapper(*args, **kwargs): ...


FUNCTIONS = [
    plain,
    nothing,
    keyword_only,
    positional_only,
    variadic,
    only_variadic,
    name_in_both,
    Things().method,
    Things.class_method,
    Things.free,
    Things(),
    Things().without_self,
    wrapper,
    functools.partial(plain, 1, c=4),
    print,
    lambda x, y=1: None,
]


@pytest.mark.parametrize("fn", FUNCTIONS)
def test_parameters_match_the_signature(fn):
    parameters, expected = Parameters.from_function(fn), inspect.signature(fn).parameters
    assert parameters.names == tuple(expected)
    assert parameters.kinds == {name: int(p.kind) for name, p in expected.items()}
    assert parameters.defaults == {name: p.default for name, p in expected.items() if p.default is not p.empty}


arguments = st.lists(st.integers(), max_size=4)
keywords = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "z", "x", "y", "kwargs"]), st.integers(), max_size=4)


@settings(deadline=None)  # of a machine that is busy with other tests
@given(fn=st.sampled_from(FUNCTIONS), args=arguments, kwargs=keywords)
def test_bind_matches_the_standard_library(fn, args, kwargs):
    parameters = Parameters.from_function(fn)
    try:
        bound = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError:
        with pytest.raises(ParameterBindError):
            parameters.bind(args, kwargs)
        with pytest.raises(ParameterBindError):
            parameters.bind_partial(args, kwargs)
        return
    assert parameters.bind_partial(args, kwargs) == dict(bound.arguments)
    bound.apply_defaults()
    result = parameters.bind(args, kwargs)
    assert list(result.items()) == list(bound.arguments.items())
    call = inspect.signature(fn).bind(*parameters.unbind(result)[0], **parameters.unbind(result)[1])
    call.apply_defaults()
    assert call.arguments == bound.arguments


@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "message"),
    [
        (plain, (1,), {}, "missing a required argument: 'b'"),
        (plain, (), {}, "missing required arguments: 'a', 'b'"),
        (plain, (1, 2, 3, 4), {}, "too many positional arguments"),
        (plain, (1, 2), {"q": 3}, "got an unexpected keyword argument 'q'"),
        (plain, (1, 2), {"a": 3}, "multiple values for argument 'a'"),
        (positional_only, (), {"a": 1}, "'a' is positional-only"),
    ],
)
def test_bind_error_names_the_function_and_the_parameter(fn, args, kwargs, message):
    with pytest.raises(ParameterBindError) as caught:
        Parameters.from_function(fn).bind(args, kwargs)
    assert message in str(caught.value)
    assert fn.__name__ in str(caught.value)


def test_bind_never_compares_values():
    class Awkward:
        __hash__ = None

        def __eq__(self, other):
            raise AssertionError("compared")

    value = Awkward()
    parameters = Parameters.from_function(plain)
    assert parameters.bind((value,), {"b": value})["b"] is value
    assert parameters.unbind({"a": value, "b": value, "c": value})[0][0] is value


def test_unbind_passes_arguments_after_a_gap_by_name():
    assert Parameters.from_function(plain).unbind({"a": 1, "c": 3}) == ((1,), {"c": 3})


def test_unbind_fills_a_gap_before_variadic_arguments_with_the_default():
    assert Parameters.from_function(variadic).unbind({"a": 1, "args": (8, 9), "c": 3}) == ((1, 2, 8, 9), {"c": 3})


def test_unbind_rejects_unknown_names():
    with pytest.raises(SignatureMismatchError, match="zz"):
        Parameters.from_function(plain).unbind({"a": 1, "b": 2, "zz": 3})


def test_bind_does_not_share_defaults_between_calls():
    parameters = Parameters.from_function(plain)
    parameters.bind((1, 2), {})["c"] = 99
    assert parameters.bind((1, 2), {})["c"] == 3
