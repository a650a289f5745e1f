"""Methods for sync and async callers, of one sync function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

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
