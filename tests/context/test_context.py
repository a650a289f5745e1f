"""Run contexts: current inside their block, passed to threads and processes, and reset afterwards."""

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


def test_context_is_empty_outside_of_runs():
    assert FlowRunContext.get() is TaskRunContext.get() is None
    assert FlowRunContext is EngineContext
    with pytest.raises(MissingContextError):
        get_run_context()


def test_run_context_is_that_of_the_innermost_run():
    @task
    def inner() -> str:
        return type(get_run_context()).__name__

    @flow
    def outer() -> list[str]:
        return [inner(), type(get_run_context()).__name__]

    assert outer() == ["TaskRunContext", "EngineContext"]


def test_subflow_context_has_a_parent_and_no_task():
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


def test_tags_accumulate_inside_nested_blocks():
    with tags("a", "b") as outer:
        assert outer == {"a", "b"}
        with tags("c"):
            assert TagsContext.get().current_tags == {"a", "b", "c"}
        assert TagsContext.get().current_tags == {"a", "b"}
    assert TagsContext.get().current_tags == set()


def test_tags_apply_to_submitted_tasks():
    @task(tags={"own"})
    def tagged() -> list[str]:
        context = TaskRunContext.get()
        assert context is not None
        return sorted(context.task_run.tags)

    @flow
    def program() -> list[str]:
        with tags("tagged"):
            future = tagged.submit()
        return future.result()

    assert program() == ["own", "tagged"]


def test_context_cannot_be_entered_twice():
    context = TagsContext(current_tags={"x"})
    with context:
        with pytest.raises(RuntimeError, match="already entered"):
            context.__enter__()
        with context.model_copy(update={"current_tags": {"y"}}):
            assert TagsContext.get().current_tags == {"y"}
    assert TagsContext.get().current_tags == set()


def test_context_rejects_unknown_fields():
    with pytest.raises(TypeError, match="no field 'tag'"):
        TagsContext(tag=1)


def test_with_context_keeps_the_context_in_a_thread():
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


def test_serialized_context_is_hydrated():
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
        hydrated, hydrated_task = FlowRunContext.get(), TaskRunContext.get()
        assert hydrated is not None and hydrated_task is not None
        assert hydrated.flow_run.id == here.flow_run.id
        assert hydrated.parameters == {"x": 3}
        assert hydrated_task.task.name == "inner"
        assert TagsContext.get().current_tags == {"here"}
    assert FlowRunContext.get() is None


def test_hydrating_an_empty_context_does_nothing():
    with hydrated_context(None):
        assert FlowRunContext.get() is None
