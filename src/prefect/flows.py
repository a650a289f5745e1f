"""The flow that programs use: what `prefect._flow` runs, with serving and deploying on top, and the `@flow` decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from prefect import _flow

__all__ = ["Flow", "flow"]

P = ParamSpec("P")
R = TypeVar("R")


class Flow(_flow.Flow[P, R]):
    __doc__ = _flow.Flow.__doc__


class FlowDecorator:
    """What `flow` is: a decorator that also loads flows from storage."""

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Flow[P, R]: ...
    @overload
    def __call__(self, **options: Any) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
    def __call__(self, fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        """Make a function a flow: `@flow`, or `@flow(retries=3)` with the options of `Flow`."""
        if fn is None:
            return lambda function: Flow(function, **options)
        return Flow(fn, **options)


flow = FlowDecorator()
