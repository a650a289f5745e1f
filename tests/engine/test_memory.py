"""Memory of ended runs: reference counting alone frees it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from prefect import flow, task
from tests.engine.shells import SHELLS, Shell


class Held:
    """Stands for a large result."""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param)


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("options", [{}, {"persist_result": True}, {"on_completion": [lambda task, run, state: None]}])
def test_task_result_is_freed_with_its_last_reference(shell: Shell, options: dict[str, Any]):
    made: list[weakref.ref[Held]] = []

    @shell.task(**options)
    def fn() -> Held:
        result = Held()
        made.append(weakref.ref(result))
        return result

    shell.call(fn)

    assert [ref() for ref in made] == [None]


def test_task_arguments_are_freed_with_their_last_reference(shell: Shell):
    made: list[weakref.ref[Held]] = []

    @shell.task()
    def fn(argument: Held) -> None:
        made.append(weakref.ref(argument))

    shell.call(fn, Held())

    assert [ref() for ref in made] == [None]


@pytest.mark.parametrize("submitted", [False, True], ids=["called", "submitted"])
def test_results_of_tasks_are_freed_with_their_flow_run(shell: Shell, submitted: bool):
    made: list[weakref.ref[Held]] = []

    @task
    def fn() -> Held:
        result = Held()
        made.append(weakref.ref(result))
        return result

    @shell.flow()
    def program() -> None:
        if submitted:
            fn.submit().wait()
        else:
            fn()

    shell.call(program)

    assert [ref() for ref in made] == [None]


@pytest.mark.parametrize("decorate", [task, flow])
def test_result_that_is_not_stored_can_be_read(decorate: Any) -> None:
    @decorate(cache_result_in_memory=False, persist_result=False)
    def work() -> int:
        return 5

    assert work() == 5
    assert work(return_state=True).result() == 5
