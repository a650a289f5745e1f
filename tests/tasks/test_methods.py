"""The object of a method is one of the parameters of its runs: of cache keys, names, `prefect.runtime` and retries."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from prefect import flow, runtime, task
from prefect.cache_policies import DEFAULT, INPUTS
from prefect.flow_engine import run_flow
from prefect.task_engine import run_task

calls: list[Any] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


class Scale:
    """An object whose methods depend on what it holds."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    @task
    def times(self, number: int) -> int:
        calls.append(self.factor)
        return number * self.factor

    @task
    async def atimes(self, number: int) -> int:
        return number * self.factor

    @task(task_run_name="by-{self.factor}-{number}")
    def named(self, number: int) -> tuple[Any, list[str]]:
        return runtime.task_run.name, list(runtime.task_run.parameters)

    @task(task_run_name=lambda parameters: "+".join(parameters))
    def named_by_function(self, number: int) -> Any:
        return runtime.task_run.name

    @task(cache_key_fn=lambda context, parameters: f"{parameters['self'].factor}-{parameters['number']}")
    def keyed(self, number: int) -> int:
        return number * self.factor

    @task(cache_policy=DEFAULT - "self")
    def ignoring(self, number: int) -> int:
        return number * self.factor

    @task
    @classmethod
    def name_of_class(cls) -> str:
        return cls.__name__

    @flow(flow_run_name="flow-by-{self.factor}")
    def as_flow(self, number: int) -> tuple[Any, list[str], int]:
        return runtime.flow_run.name, list(runtime.flow_run.parameters), number * self.factor


class Scale2(Scale):
    """Another class with the same methods."""


WAYS: dict[str, Callable[[Any, int], int]] = {
    "call": lambda bound, number: bound(number),
    "submit": lambda bound, number: bound.submit(number).result(),
    "map": lambda bound, number: bound.map([number]).result()[0],
    "state": lambda bound, number: bound(number, return_state=True).result(),
    "options": lambda bound, number: bound.with_options(name="other")(number),
    "run_task": lambda bound, number: run_task(bound, parameters={"number": number}),
}


@pytest.mark.parametrize("way", WAYS)
def test_cached_method_depends_on_its_object(way: str) -> None:
    call = WAYS[way]

    @flow(persist_result=True)
    def run() -> list[int]:
        return [call(Scale(1).times, 5), call(Scale(100).times, 5), call(Scale(1).times, 5)]

    assert run() == [5, 500, 5]
    assert calls == [1, 100]


def test_cached_async_method_depends_on_its_object() -> None:
    @flow(persist_result=True)
    async def run() -> list[int]:
        return [await Scale(1).atimes(5), await Scale(100).atimes(5)]

    assert asyncio.run(run()) == [5, 500]


def test_cached_class_method_depends_on_its_class() -> None:
    @flow(persist_result=True)
    def run() -> list[Any]:
        return [Scale.name_of_class(), Scale2.name_of_class()]  # pyright: ignore[reportCallIssue]

    assert run() == ["Scale", "Scale2"]


@pytest.mark.parametrize("method", ["keyed", "ignoring"])
def test_cache_key_of_a_method_can_use_or_ignore_the_object(method: str) -> None:
    @flow(persist_result=True)
    def run() -> list[int]:
        return [getattr(Scale(factor), method)(5) for factor in (1, 100)]

    assert run() == ([5, 500] if method == "keyed" else [5, 5])


def test_names_and_runtime_of_a_method_have_the_object() -> None:
    @flow
    def run() -> list[Any]:
        return [Scale(3).named(4), Scale(3).named_by_function(4)]

    assert run() == [("by-3-4", ["self", "number"]), "self+number"]
    assert Scale(8).as_flow(2) == ("flow-by-8", ["self", "number"], 16)
    assert run_flow(Scale(8).as_flow, parameters={"number": 2}) == ("flow-by-8", ["self", "number"], 16)


def test_flow_method_leaves_the_object_out_of_recorded_parameters_and_schema() -> None:
    bound = Scale(8).as_flow

    assert list(bound.parameters.properties) == ["number"]
    assert bound.serialize_parameters({**bound.instance_parameters, "number": 2}) == {"number": 2}
    assert bound.validate_parameters({"number": "2"}) == {"number": 2}


def test_flow_retry_repeats_a_method_of_another_object() -> None:
    attempts: list[int] = []

    @flow(retries=1)
    def run() -> list[int]:
        attempts.append(1)
        results = [Scale(len(attempts) * 10).times(1), Scale(5).times(2)]
        if len(attempts) == 1:
            raise ValueError
        return results

    assert run() == [20, 10]
    assert calls == [10, 5, 20]


def test_method_of_an_object_without_hash_runs_each_time(caplog: pytest.LogCaptureFixture) -> None:
    class Locked(Scale):
        def __init__(self, factor: int) -> None:
            super().__init__(factor)
            self.lock = threading.Lock()

    @flow(persist_result=True)
    def run() -> list[int]:
        return [Locked(1).times(5), Locked(100).times(5)]

    assert run() == [5, 500]
    assert "the input 'self' of type" in caplog.text


def test_map_passes_the_object_whole() -> None:
    class Numbers(list[int]):
        @task
        def plus(self, number: int) -> int:
            return len(self) + number

    @flow
    def run() -> list[int]:
        return Numbers([1, 2]).plus.map([1, 2, 3]).result()

    assert run() == [3, 4, 5]


def test_dataclass_object_is_hashed_with_attributes_that_are_no_fields() -> None:
    @dataclasses.dataclass
    class Init:
        factor: dataclasses.InitVar[int]

        def __post_init__(self, factor: int) -> None:
            self.kept = factor

        @task
        def times(self, number: int) -> int:
            return self.kept * number

    @flow(persist_result=True)
    def run() -> list[int]:
        return [Init(1).times(5), Init(100).times(5)]

    assert run() == [5, 500]


class Plus:
    """A callable object."""

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __call__(self, number: int) -> int:
        return number + self.amount

    def add(self, number: int) -> int:
        return number + self.amount


@pytest.mark.parametrize(
    "make",
    [lambda amount: Plus(amount).add, Plus, lambda amount: functools.partial(Plus.add, Plus(amount))],
    ids=["method", "object", "partial"],
)
def test_cached_callable_depends_on_the_values_that_it_holds(make: Callable[[int], Any]) -> None:
    @flow(persist_result=True)
    def run() -> list[int]:
        return [task(make(amount), name="plus")(5) for amount in (1, 100, 1)]

    assert run() == [6, 105, 6]


def test_cache_policy_without_source_depends_on_the_object() -> None:
    class Other(Scale):
        @task(cache_policy=INPUTS)
        def plus(self, number: int) -> int:
            return number + self.factor

    assert (Other(1).plus(5), Other(100).plus(5)) == (6, 105)


def test_bound_task_keeps_its_object_as_an_attribute_of_another_class() -> None:
    class Holder:
        first = Scale(3).times

    assert Holder().first(2) == 6


def test_bound_task_has_the_plain_function() -> None:
    bound: Any = Scale(3).times

    assert bound.ismethod and bound.fn is Scale.times.fn
    assert bound.fn(Scale(3), 2) == 6
