"""Public path of timeouts of sync and async code; see `prefect.coroutines.timeouts`."""

from __future__ import annotations

from prefect.coroutines.timeouts import (
    fail_if_not_timeout_error,
    timeout,
    timeout_async,
)

__all__ = [
    "fail_if_not_timeout_error",
    "timeout",
    "timeout_async",
]
