"""For functions that take a client and can do without being given one."""

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
    """The client given, or one of the current settings; and whether it was given, so that its owner closes it."""
    if client is not None:
        return client, True
    return orchestration.get_client(), False


def client_injector(
    func: Callable[Concatenate[PrefectClient, P], Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """A function that is called with a client before its arguments."""

    @functools.wraps(func)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        client, _ = get_or_create_client()
        async with client:
            return await func(client, *args, **kwargs)

    return call


def inject_client(fn: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """A function whose keyword `client` may be left out or None: it gets one of the current settings then."""

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
