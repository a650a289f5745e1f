"""The four shells behind one interface, so that a test is written once and runs in each of them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

from prefect import flow, task

SHELLS = ("sync", "async", "generator", "async generator")


class Shell:
    """Makes tasks and flows of a kind from a plain function, and calls them.

    A generator yields what the plain function returns, and the call gives that item back.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.iterates = "generator" in kind
        self.awaits = "async" in kind

    def function(self, body: Callable[..., Any]) -> Callable[..., Any]:
        """`body` as a function of this kind."""
        if self.kind == "sync":
            return body

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return body(*args, **kwargs)

        def generator(*args: Any, **kwargs: Any) -> Any:
            yield body(*args, **kwargs)

        async def async_generator(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            yield body(*args, **kwargs)

        made = {"async": coroutine, "generator": generator, "async generator": async_generator}[self.kind]
        made.__signature__ = inspect.signature(body)  # type: ignore[attr-defined]
        return functools.update_wrapper(made, body)

    def task(self, **options: Any) -> Callable[[Callable[..., Any]], Any]:
        return lambda body: task(self.function(body), **options)

    def flow(self, **options: Any) -> Callable[[Callable[..., Any]], Any]:
        return lambda body: flow(self.function(body), **options)

    def call(self, runnable: Any, *args: Any, **kwargs: Any) -> Any:
        """Call it from plain code and give back the value (of a generator, its only item)."""
        if self.kind == "generator":
            return next(iter(list(runnable(*args, **kwargs))), None)
        if self.kind == "async generator":

            async def collect() -> Any:
                return next(iter([item async for item in runnable(*args, **kwargs)]), None)

            return asyncio.run(collect())
        if self.kind == "async":

            async def await_it() -> Any:
                return await runnable(*args, **kwargs)

            return asyncio.run(await_it())
        return runnable(*args, **kwargs)
