"""Call an async function again after it failed, for other people's packages."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from prefect._backoff import clamped_poisson_interval
from prefect.logging.loggers import get_logger

__all__ = ["exponential_backoff_with_jitter", "retry_async_fn"]

P = ParamSpec("P")
R = TypeVar("R")


def exponential_backoff_with_jitter(attempt: int, base_delay: float, max_delay: float) -> float:
    """Return a random delay in seconds, about twice the one before and about `max_delay` at most."""
    return clamped_poisson_interval(min(base_delay * 2**attempt, max_delay))


def retry_async_fn(
    max_attempts: int = 3,
    backoff_strategy: Callable[[int, float, float], float] = exponential_backoff_with_jitter,
    base_delay: float = 1,
    max_delay: float = 10,
    retry_on_exceptions: tuple[type[Exception], ...] = (Exception,),
    operation_name: str | None = None,
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Decorate an async function so that it is called again when it fails.

    Args:
        max_attempts: How often it is called at most.
        backoff_strategy: Makes the delay from the number of failures before the last one, `base_delay`, `max_delay`.
        base_delay: The first delay in seconds.
        max_delay: The longest one.
        retry_on_exceptions: The exceptions after which it is called again.
        operation_name: What log records call it; its name if None.
    """
    logger = get_logger("retries")

    def decorate(fn: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        name = operation_name or fn.__name__

        @functools.wraps(fn)
        async def retrying(*args: P.args, **kwargs: P.kwargs) -> R:
            for attempt in range(max_attempts - 1):
                try:
                    return await fn(*args, **kwargs)
                except retry_on_exceptions as error:
                    delay = backoff_strategy(attempt, base_delay, max_delay)
                    logger.warning(
                        "%r failed (attempt %s of %s): %s. It is tried again in %.2f seconds.",
                        name,
                        attempt + 1,
                        max_attempts,
                        error,
                        delay,
                    )
                    await asyncio.sleep(delay)
            return await fn(*args, **kwargs)

        return retrying

    return decorate
