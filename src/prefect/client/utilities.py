"""Decorators for functions with an optional client."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from prefect._lazy import lazy

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
else:
    orchestration = lazy("prefect.client.orchestration")

__all__ = ["client_injector", "get_or_create_client", "inject_client"]

P = ParamSpec("P")
R = TypeVar("R")


def get_or_create_client(client: PrefectClient | None = None) -> tuple[PrefectClient, bool]:
    """Return the client, or one of the current settings; and whether it was provided, so that its owner closes it."""
    if client is not None:
        return client, True
    return orchestration.get_client(), False


def client_injector(
    func: Callable[Concatenate[PrefectClient, P], Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Call a function with a client as its first argument."""

    @functools.wraps(func)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        client, _ = get_or_create_client()
        async with client:
            return await func(client, *args, **kwargs)

    return call


def inject_client(fn: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Fill in the keyword argument `client` with one of the current settings where it is missing or None."""

    @functools.wraps(fn)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        provided: Any = kwargs.get("client")
        client, is_provided = get_or_create_client(provided)
        kwargs["client"] = client
        if is_provided:
            return await fn(*args, **kwargs)
        async with client:
            return await fn(*args, **kwargs)

    return call
