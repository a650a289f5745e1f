"""Polling for flow runs on a server that may be unavailable, fail or hang.

A server that does not answer is asked again at intervals that do not grow, so that its runs start within seconds of its
return. Each poll has a timeout, because a connection whose other end is gone may never fail.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from prefect.client import failures

if TYPE_CHECKING:
    import logging

POLL_TIMEOUT_SECONDS = 4.0
"""How long a poll may take; after one that took longer, as long as `MAX_POLL_TIMEOUT_SECONDS` if the server is well."""
MAX_POLL_TIMEOUT_SECONDS = 60.0

RETRY_INTERVAL_SECONDS = 1.5
"""Between two polls while the server does not answer."""


@dataclass(eq=False)
class Poller:
    """Calls a function that polls for runs, and notices when the server is unavailable and when it is back.

    Attributes:
        poll: Polls for runs once.
        check_health: Returns an error if the server does not answer a simple request.
        logger: Receives what people should know.
        role: The name of the polling program in messages: "runner" or "worker".
        is_failing: Whether the last poll found no server.
    """

    poll: Callable[[], Awaitable[Any]]
    check_health: Callable[[], Awaitable[Exception | None]]
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    role: str
    is_failing: bool = field(default=False, init=False)
    _timeout: float = field(default=POLL_TIMEOUT_SECONDS, init=False)
    _last_refusal: str = field(default="", init=False)

    async def poll_once(self) -> bool:
        """Poll for runs, and return whether the server has answered."""
        try:
            with anyio.fail_after(self._timeout):
                await self.poll()
        except Exception as error:
            await self._report_failure(error)
            return False
        if self.is_failing:
            self.logger.info("The API answers again.")
        self.is_failing, self._last_refusal = False, ""
        self._timeout = POLL_TIMEOUT_SECONDS
        return True

    async def _report_failure(self, error: Exception) -> None:
        if not failures.is_unavailable(error):
            self._report_refusal(error)
            return
        if not self.is_failing:
            self.is_failing = True
            is_own = type(error) is TimeoutError
            reason = f"no answer in {self._timeout:.0f} seconds" if is_own else failures.describe_error(error)
            self.logger.warning(
                "The API cannot be reached (%s). The %s continues when it answers again.", reason, self.role
            )
        if isinstance(error, TimeoutError):
            await self._adapt_timeout()

    def _report_refusal(self, error: Exception) -> None:
        """Log an error that waiting does not mend, once for as long as it stays the same."""
        reason = failures.describe_error(error)
        if reason != self._last_refusal:
            self._last_refusal = reason
            details = None if failures.get_status(error) is not None else error
            self.logger.error(
                "The %s could not poll for flow runs; it will try again: %s", self.role, reason, exc_info=details
            )

    async def _adapt_timeout(self) -> None:
        """Allow the next poll more time, if the server answers a simple request."""
        with anyio.move_on_after(POLL_TIMEOUT_SECONDS):
            try:
                error = await self.check_health()
            except Exception as failed:  # it is unavailable
                error = failed
            if error is None:
                self._timeout = min(self._timeout * 2, MAX_POLL_TIMEOUT_SECONDS)
