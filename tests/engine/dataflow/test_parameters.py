"""Dependencies among the parameters of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prefect.engine.dataflow.parameters import collect_inputs
from prefect.futures import PrefectConcurrentFuture
from prefect.states import Completed
from prefect.types import new_id
from prefect.values.annotations import quote
from prefect.values.tracking import TrackedResults


class Plain:
    """An object that holds nothing that could be a dependency."""


@pytest.mark.parametrize(
    "wrap", [list, tuple, set, lambda items: dict.fromkeys(items), lambda items: {"key": [*items]}]
)
def test_dependency_among_many_plain_items_is_linked(wrap: Callable[[list[Any]], Any]) -> None:
    tracked, value, run_id = TrackedResults(), "a result " * 3, new_id()
    tracked.track(value, run_id, "task_run")
    found = collect_inputs({"x": wrap([1.5, value, b"bytes"])}, tracked)
    assert found.links == {"x": [{"input_type": "task_run", "id": run_id}]}
    assert found.is_plain


def test_flat_collection_is_not_visited_item_by_item(monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[Any] = []
    find = TrackedResults.find
    monkeypatch.setattr(TrackedResults, "find", lambda self, value: visited.append(value) or find(self, value))
    collect_inputs({"x": {"numbers": [*range(1000)], "pairs": [(1, 2.5), ("a", None)]}}, TrackedResults())
    assert len(visited) < 10


def test_object_that_a_task_returned_is_linked() -> None:
    tracked, value, run_id = TrackedResults(), Plain(), new_id()
    tracked.track(value, run_id, "task_run")
    assert collect_inputs({"self": value}, tracked).links == {"self": [{"input_type": "task_run", "id": run_id}]}


@pytest.mark.parametrize("kind", ["future", "state", "annotation"])
def test_what_stands_for_a_run_is_resolved(kind: str) -> None:
    value = {"future": PrefectConcurrentFuture(new_id()), "state": Completed(), "annotation": quote(1)}[kind]
    assert not collect_inputs({"x": value}, None).is_plain
