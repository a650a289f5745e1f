"""Methods for sync and async callers, of one sync function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from prefect import Task
from prefect._internal.compatibility.async_dispatch import async_dispatch
from prefect.utilities.asyncutils import run_sync_in_worker_thread

P = ParamSpec("P")
R = TypeVar("R")


def in_thread(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]:
    """Return the async form of a method that blocks: it calls the method in a worker thread."""

    @functools.wraps(method)
    async def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await run_sync_in_worker_thread(method, self, *args, **kwargs)

    call.__name__ = f"a{method.__name__}"
    return call


def dual(afn: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Any, P], R]:
    """Return the form for sync and async callers of what `in_thread` returned."""
    # A coroutine for callers that await it, which a type cannot say.
    method: Any = getattr(afn, "__wrapped__")  # noqa: B009
    dispatch: Any = async_dispatch(afn)(method)
    return dispatch


class DualTask(Generic[P, R]):
    """A task that is awaited in async code and blocks in sync code. `submit` and `map` use the sync task.

    Args:
        sync_task: The task for sync code.
        async_task: The task for async code.
    """

    def __init__(self, sync_task: Task[P, R], async_task: Task[P, Coroutine[Any, Any, R]]) -> None:
        self._sync_task = sync_task
        dispatch: Any = async_dispatch(async_task)(sync_task.__call__)
        self._call = dispatch

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the task."""
        return self._call(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._sync_task, name)


def make_tasks(function: Callable[P, R]) -> tuple[DualTask[P, R], Task[P, Coroutine[Any, Any, R]]]:
    """Return the tasks of a function that blocks: for sync and async code, and for async code only."""

    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return await run_sync_in_worker_thread(function, *args, **kwargs)

    name = function.__name__.strip("_")
    for_async: Any = Task(call, name=name)
    return DualTask(Task(function, name=name), for_async), for_async
