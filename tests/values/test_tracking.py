"""Return values of runs are found by identity and not kept alive."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from prefect import flow, journal, task
from prefect.context import FlowRunContext
from prefect.types import new_id
from prefect.values.tracking import MAX_TRACKED_ITEMS, TrackedResults
from tests.interrupts import list_python_calls


class Value:
    """A value that can be referenced weakly."""


@pytest.mark.parametrize("value", [Value(), [1], {"a": 1}, (1000, 2000), "some text", 10**6, 1.5, b"bytes", {1}])
def test_find_returns_the_run_of_a_value(value: Any) -> None:
    tracked, run_id = TrackedResults(), new_id()
    tracked.track(value, run_id, "task_run")
    origin = tracked.find(value)
    assert origin is not None
    assert (origin.run_id, origin.kind) == (run_id, "task_run")


@pytest.mark.parametrize("value", [None, True, 7, ...])
def test_shared_values_are_not_tracked(value: Any) -> None:
    tracked = TrackedResults()
    tracked.track(value, new_id(), "task_run")
    assert tracked.find(value) is None


def test_find_ignores_an_equal_value() -> None:
    tracked, value = TrackedResults(), [1, 2]
    tracked.track(value, new_id(), "task_run")
    assert tracked.find([1, 2]) is None


def test_find_returns_the_latest_run_of_a_value() -> None:
    tracked, value, later = TrackedResults(), [1, 2], new_id()
    tracked.track(value, new_id(), "task_run")
    tracked.track(value, later, "flow_run")
    origin = tracked.find(value)
    assert origin is not None
    assert origin.run_id == later


def test_items_of_a_small_collection_are_tracked() -> None:
    tracked, few, many = TrackedResults(), [object()], [object() for _ in range(MAX_TRACKED_ITEMS + 1)]
    tracked.track(few, new_id(), "task_run")
    tracked.track(many, new_id(), "task_run")
    assert tracked.find(few[0]) is not None
    assert tracked.find(many[0]) is None


def test_weakly_referenced_value_is_freed_immediately() -> None:
    tracked, value = TrackedResults(), Value()
    tracked.track(value, new_id(), "task_run")
    del value
    assert not tracked


def test_interrupt_at_the_end_of_a_value_is_not_lost() -> None:
    tracked, values = TrackedResults(), [Value()]
    tracked.track(values[0], new_id(), "task_run")
    assert list_python_calls(values.clear) == []
    assert not tracked


def test_values_without_other_references_are_dropped() -> None:
    tracked = TrackedResults()
    for number in range(1000):
        tracked.track([number, [number]], new_id(), "task_run")
    assert len(tracked) < 20


def test_values_that_the_program_has_stay_tracked() -> None:
    tracked = TrackedResults()
    kept = [[number] for number in range(50)]
    for value in kept:
        tracked.track(value, new_id(), "task_run")
    for number in range(10_000):
        tracked.track([number], new_id(), "task_run")
    assert all(tracked.find(value) for value in kept)
    assert len(tracked) < 4 * len(kept)


@pytest.mark.parametrize("how", ["call", "submit", "map", "subflow"])
@pytest.mark.parametrize("in_memory", [True, False])
def test_flow_frees_return_values_that_it_does_not_keep(how: str, in_memory: bool) -> None:
    @task(cache_result_in_memory=in_memory)
    def make(number: int) -> list[Any]:
        return [[number] for _ in range(200)]

    @flow(cache_result_in_memory=in_memory)
    def make_all(number: int) -> list[Any]:
        return [[number] for _ in range(200)]

    def run(number: int) -> None:
        if how == "call":
            make(number)
        elif how == "submit":
            make.submit(number).wait()
        elif how == "map":
            make.map([number]).wait()
        else:
            make_all(number)

    @flow
    def outer() -> tuple[int, int]:
        for number in range(60):
            run(number)
        context = FlowRunContext.get()
        assert context is not None
        journal.flush()  # a record that is not written yet has a copy of the value
        gc.collect()
        alive = sum(type(found) is list and len(found) == 200 for found in gc.get_objects())
        return len(context.run_results), alive

    tracked, alive = outer()
    assert tracked < 20
    assert alive < 20
