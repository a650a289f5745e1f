"""Contexts are current inside their block, travel to threads and processes, and leave nothing behind."""

import threading
from typing import Any

import pytest

from prefect import flow, task
from prefect.context import (
    EngineContext,
    FlowRunContext,
    TagsContext,
    TaskRunContext,
    get_run_context,
    hydrated_context,
    serialize_context,
    tags,
    with_context,
)
from prefect.exceptions import MissingContextError


def test_there_is_none_outside_of_runs():
    assert FlowRunContext.get() is TaskRunContext.get() is None
    assert FlowRunContext is EngineContext
    with pytest.raises(MissingContextError):
        get_run_context()


def test_the_innermost_run_counts():
    @task
    def inner() -> str:
        return type(get_run_context()).__name__

    @flow
    def outer() -> list[str]:
        return [inner(), type(get_run_context()).__name__]

    assert outer() == ["TaskRunContext", "EngineContext"]


def test_a_subflow_is_in_its_parent_and_in_no_task():
    seen: list[Any] = []

    @flow
    def inner() -> None:
        context = EngineContext.get()
        assert context is not None
        seen.extend([context.parent, TaskRunContext.get()])

    @task
    def calls() -> None:
        inner()

    @flow
    def outer() -> Any:
        calls()
        return EngineContext.get()

    outer_context = outer()
    assert seen == [outer_context, None]


def test_tags_add_up_and_end():
    with tags("a", "b") as outer:
        assert outer == {"a", "b"}
        with tags("c"):
            assert TagsContext.get().current_tags == {"a", "b", "c"}
        assert TagsContext.get().current_tags == {"a", "b"}
    assert TagsContext.get().current_tags == set()


def test_tags_reach_tasks_that_are_submitted():
    @task(tags={"own"})
    def tagged() -> list[str]:
        context = TaskRunContext.get()
        assert context is not None
        return sorted(context.task_run.tags)

    @flow
    def program() -> list[str]:
        with tags("given"):
            future = tagged.submit()
        return future.result()

    assert program() == ["given", "own"]


def test_a_context_is_entered_once():
    context = TagsContext(current_tags={"x"})
    with context:
        with pytest.raises(RuntimeError, match="already entered"):
            context.__enter__()
        with context.model_copy(update={"current_tags": {"y"}}):
            assert TagsContext.get().current_tags == {"y"}
    assert TagsContext.get().current_tags == set()


def test_an_unknown_field_is_an_error():
    with pytest.raises(TypeError, match="no field 'tag'"):
        TagsContext(tag=1)


def test_a_function_carried_to_a_thread_keeps_its_context():
    seen: list[Any] = []

    def look() -> None:
        seen.append(TagsContext.get().current_tags)

    with tags("here"):
        carried = with_context(look)
    threads = [threading.Thread(target=carried), threading.Thread(target=look)]
    for thread in threads:
        thread.start()
        thread.join()
    assert seen == [{"here"}, set()]


def test_contexts_travel():
    import cloudpickle

    @task
    def inner() -> bytes:
        return cloudpickle.dumps(serialize_context())

    @flow
    def outer(x: int) -> Any:
        with tags("here"):
            return inner(), FlowRunContext.get()

    pickled, here = outer(3)
    with hydrated_context(cloudpickle.loads(pickled)):
        there, task_there = FlowRunContext.get(), TaskRunContext.get()
        assert there is not None and task_there is not None
        assert there.flow_run.id == here.flow_run.id
        assert there.parameters == {"x": 3}
        assert task_there.task.name == "inner"
        assert TagsContext.get().current_tags == {"here"}
    assert FlowRunContext.get() is None


def test_hydrating_nothing_is_nothing():
    with hydrated_context(None):
        assert FlowRunContext.get() is None
