"""A sync and an async implementation behind one name, for other people's packages.

This package itself writes such functions once, as `prefect._io.twin`; both decide alike.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast

from prefect._io import is_async_context, is_driven

__all__ = ["async_dispatch", "is_in_async_context"]

P = ParamSpec("P")
R = TypeVar("R")


def is_in_async_context() -> bool:
    """Return whether a dual function returns a coroutine here: in an async run, or under a loop outside of runs."""
    return not is_driven() and is_async_context()


def _is_async(function: Any) -> bool:
    """Return whether a function, what it wraps, or the function of a task is async."""
    functions = (function, inspect.unwrap(function), getattr(function, "fn", None))
    return any(inspect.iscoroutinefunction(each) for each in functions)


def async_dispatch(
    async_impl: Callable[P, Coroutine[Any, Any, R]] | classmethod[Any, P, Coroutine[Any, Any, R]],
) -> Callable[[Callable[P, R]], Callable[P, R | Coroutine[Any, Any, R]]]:
    """Decorate a sync function so that it calls `async_impl` in async contexts.

    `_sync=True` or `_sync=False` decides for one call. The async implementation is the function's attribute `aio`.

    Args:
        async_impl: The async function, method or task with the same parameters.

    Raises:
        TypeError: It is not async.
    """
    implementation: Any = async_impl.__func__ if isinstance(async_impl, classmethod) else async_impl
    if not _is_async(implementation):
        raise TypeError("async_impl must be an async function")

    def decorate(sync_fn: Callable[P, R]) -> Callable[P, R | Coroutine[Any, Any, R]]:
        @functools.wraps(sync_fn)
        def dispatch(*args: P.args, **kwargs: P.kwargs) -> R | Coroutine[Any, Any, R]:
            sync = kwargs.pop("_sync", None)
            if sync is None:
                sync = not is_in_async_context()
            return sync_fn(*args, **kwargs) if sync else implementation(*args, **kwargs)

        cast("Any", dispatch).aio = implementation
        return dispatch

    return decorate
