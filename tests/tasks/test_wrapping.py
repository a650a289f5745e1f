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
