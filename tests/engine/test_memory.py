"""What a run leaves behind: nothing that only the garbage collector finds."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from prefect import task
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
def test_a_tasks_result_goes_with_the_last_who_holds_it(shell: Shell, options: dict[str, Any]):
    made: list[weakref.ref[Held]] = []

    @shell.task(**options)
    def fn() -> Held:
        result = Held()
        made.append(weakref.ref(result))
        return result

    shell.call(fn)

    assert [ref() for ref in made] == [None]


def test_a_tasks_arguments_go_with_the_last_who_holds_them(shell: Shell):
    made: list[weakref.ref[Held]] = []

    @shell.task()
    def fn(given: Held) -> None:
        made.append(weakref.ref(given))

    shell.call(fn, Held())

    assert [ref() for ref in made] == [None]


@pytest.mark.parametrize("submitted", [False, True], ids=["called", "submitted"])
def test_what_a_flows_tasks_returned_goes_with_the_flow(shell: Shell, submitted: bool):
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
