"""Tasks and flows that wrap callables adopt their name and kind, but not every attribute."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from prefect import flow, task
from prefect.tasks import exponential_backoff


class Adder:
    """A callable object whose attributes have the names of task attributes."""

    def __init__(self) -> None:
        self.name, self.retries, self.tags, self.fn, self.isasync = "mine", 7, 3, "x", True

    def __call__(self, number: int) -> int:
        return number + 1


@pytest.mark.parametrize("decorate", [task, flow])
def test_task_does_not_adopt_attributes_of_a_callable_object(decorate: Any) -> None:
    wrapped = decorate(Adder(), retries=2)

    assert (wrapped.name.lower(), wrapped.retries, wrapped.isasync, wrapped(1)) == ("adder", 2, False, 2)


def test_task_adopts_attributes_of_its_function_but_keeps_its_own() -> None:
    def fn() -> int:
        return 1

    fn.owner, fn.name, fn.fn = "me", "other", None  # pyright: ignore[reportFunctionMemberAccess]

    wrapped: Any = task(fn)

    assert (wrapped.owner, wrapped.name, wrapped()) == ("me", "fn", 1)


@pytest.mark.parametrize("decorate", [task, flow])
def test_task_or_flow_can_be_wrapped_again(decorate: Any) -> None:
    @flow(name="inside")
    def inside(number: int) -> int:
        return number + 1

    wrapped = decorate(inside, name="outside")

    assert (wrapped.name, inside.name, wrapped(1), wrapped.fn) == ("outside", "inside", 2, inside)


def test_wrapped_async_flow_is_async() -> None:
    @task
    @flow
    async def inside() -> int:
        return 1

    assert asyncio.run(inside()) == 1  # pyright: ignore[reportArgumentType]


@dataclass
class Job:
    """A callable with a `func` attribute that is not a partial."""

    func: Callable[..., Any]

    async def __call__(self) -> int:
        return 3


def test_object_with_a_func_attribute_is_not_a_partial() -> None:
    wrapped = task(Job(len))

    assert (wrapped.name, wrapped.isasync, task(functools.partial(len)).name) == ("Job", True, "len")


def test_delay_function_works_without_retries() -> None:
    @task(retry_delay_seconds=exponential_backoff(2))
    def fn() -> None: ...

    assert (fn.retries, fn.retry_delay_seconds) == (0, 0)


class Station:
    """A class with a flow as a method."""

    @flow
    def reading(self, number: int) -> int:
        return number


def test_flow_can_be_bound_after_an_unbound_call():
    unbound: Any = Station.reading
    bound: Any = Station().reading

    assert unbound(Station(), "3") == 3
    assert Station().reading.validate_parameters({"number": "4"}) == {"number": 4}
    assert bound("4") == 4


def first_by_position(fn: Any) -> Any:
    @functools.wraps(fn)
    def wrapper(a: Any, **kw: Any) -> Any:
        return (a, kw), fn(a, **kw)

    return wrapper


def all_by_name(fn: Any) -> Any:
    @functools.wraps(fn)
    def wrapper(**kw: Any) -> Any:
        return kw, fn(**kw)

    return wrapper


def one_by_name(fn: Any) -> Any:
    @functools.wraps(fn)
    def wrapper(a: Any, *, b: Any = None, **kw: Any) -> Any:
        return (a, b, kw), fn(a, b=b, **kw)

    return wrapper


def any_way(fn: Any) -> Any:
    @functools.wraps(fn)
    def wrapper(*args: Any, **kw: Any) -> Any:
        return args, fn(*args, **kw)

    return wrapper


def asynchronous(fn: Any) -> Any:
    @functools.wraps(fn)
    async def wrapper(a: Any, **kw: Any) -> Any:
        return (a, kw), fn(a, **kw)

    return wrapper


class ByObject:
    """A decorator whose wrapper is an object."""

    def __init__(self, fn: Any) -> None:
        self.inside = fn
        functools.update_wrapper(self, fn)

    def __call__(self, a: Any, **kw: Any) -> Any:
        return (a, kw), self.inside(a, **kw)


DECORATORS = [
    (first_by_position, (1, {"b": 5, "c": 3})),
    (all_by_name, {"a": 1, "b": 5, "c": 3}),
    (one_by_name, (1, 5, {"c": 3})),
    (any_way, (1, 5, 3)),
    (ByObject, (1, {"b": 5, "c": 3})),
]


@pytest.mark.parametrize("call", [lambda fn: fn(1, 5), lambda fn: fn(1, b=5), lambda fn: fn(b=5, a=1)])
@pytest.mark.parametrize(("decorator", "received"), DECORATORS)
@pytest.mark.parametrize("decorate", [task, flow])
def test_decorated_function_is_called_as_its_wrapper_takes_arguments(
    decorate: Any, decorator: Any, received: Any, call: Any
) -> None:
    def fn(a: int, b: int = 2, c: int = 3) -> tuple[int, ...]:
        return a, b, c

    assert call(decorate(decorator(fn), name="fn")) == (received, (1, 5, 3))


def test_decorated_async_function_is_called_as_its_wrapper_takes_arguments() -> None:
    wrapped: Any = task(asynchronous(lambda a, b=2: (a, b)))

    assert asyncio.run(wrapped(1, 5)) == ((1, {"b": 5}), (1, 5))


class Decorated:
    """A class whose methods are decorated."""

    @task
    @first_by_position
    def with_object_as_first(self: Any, b: int) -> int:
        return b


def test_decorated_method_is_called_as_its_wrapper_takes_arguments() -> None:
    decorated: Any = Decorated()

    assert decorated.with_object_as_first(5) == ((decorated, {"b": 5}), 5)
    assert decorated.with_object_as_first.submit(b=6).result() == ((decorated, {"b": 6}), 6)


def test_decorated_function_can_be_submitted_and_mapped() -> None:
    wrapped: Any = task(all_by_name(lambda a, b=2: (a, b)))

    assert wrapped.submit(1).result() == ({"a": 1, "b": 2}, (1, 2))
    assert wrapped.map([1, 2], b=3).result() == [({"a": 1, "b": 3}, (1, 3)), ({"a": 2, "b": 3}, (2, 3))]
