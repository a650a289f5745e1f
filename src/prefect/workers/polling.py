"""When a worker looks for flow runs: at each notice of the server, and at intervals in case notices are lost.

A server that does not answer is asked again at intervals that do not grow, so that a worker goes on within seconds of
the server's return. Each look has a timeout, because a connection whose other end is gone may never fail.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio

from prefect.client import failures

if TYPE_CHECKING:
    import logging

    from prefect.settings.models.worker import WorkerSettings

POLL_INTERVAL_SECONDS = 1.5
"""Between two looks of a worker without notices of runs, unless the setting `worker.query_seconds` is smaller.

A run waits for a look for at most this time, and then for its process, so 95 of 100 runs begin within the budget of
three seconds with more than a second to spare. A look is one request, of about 10 ms of the server's CPU: a hundred
workers that poll one server take two thirds of a core of it.
"""

POLL_TIMEOUT_SECONDS = 4.0
"""How long a look may take; after one that took longer, as long as `MAX_POLL_TIMEOUT_SECONDS` if the server is well."""
MAX_POLL_TIMEOUT_SECONDS = 60.0

MIN_PAUSE_SECONDS = 0.05
"""Between two looks, however many notices arrive: one look finds the runs of all of them."""


class PollingLoop:
    """Calls a function that looks for runs.

    Args:
        look: Looks for runs once.
        check_health: Returns an error if the server does not answer a simple request.
        settings: The worker's settings.
        logger: The worker's logger.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Any]],
        check_health: Callable[[], Awaitable[Exception | None]],
        settings: WorkerSettings,
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._look = look
        self._check_health = check_health
        self._notified_interval = settings.query_seconds
        is_set = "query_seconds" in settings.model_fields_set
        self._poll_interval = self._notified_interval if is_set else min(self._notified_interval, POLL_INTERVAL_SECONDS)
        self._logger = logger
        self._wake = anyio.Event()
        self._timeout = POLL_TIMEOUT_SECONDS
        self._is_failing = False
        self.is_notified = False

    @property
    def interval(self) -> float:
        """The seconds between two looks."""
        return self._notified_interval if self.is_notified else self._poll_interval

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Look for runs until cancelled."""
        while True:
            self._wake = anyio.Event()
            begun = time.monotonic()
            await self.look_once()
            with anyio.move_on_after(max(self.interval - (time.monotonic() - begun), MIN_PAUSE_SECONDS)):
                await self._wake.wait()
            await anyio.sleep(max(0.0, MIN_PAUSE_SECONDS - (time.monotonic() - begun)))

    async def look_once(self) -> bool:
        """Look for runs, and return whether the server has answered."""
        try:
            with anyio.fail_after(self._timeout):
                await self._look()
        except Exception as error:
            await self._note_failure(error)
            return False
        if self._is_failing:
            self._logger.info("The API answers again.")
        self._is_failing = False
        self._timeout = POLL_TIMEOUT_SECONDS
        return True

    async def _note_failure(self, error: Exception) -> None:
        if not failures.is_unavailable(error) and not isinstance(error, TimeoutError):
            self._logger.exception("The worker could not look for flow runs; it will try again.")
            return
        if not self._is_failing:
            self._is_failing = True
            reason = f"no answer in {self._timeout:.0f} seconds" if isinstance(error, TimeoutError) else error
            self._logger.warning("The API cannot be reached (%s). The worker goes on when it answers again.", reason)
        if isinstance(error, TimeoutError):
            await self._adapt_timeout()

    async def _adapt_timeout(self) -> None:
        """Allow the next look more time, if the server answers a simple request."""
        with anyio.move_on_after(POLL_TIMEOUT_SECONDS):
            try:
                error = await self._check_health()
            except Exception as failed:  # it is away
                error = failed
            if error is None:
                self._timeout = min(self._timeout * 2, MAX_POLL_TIMEOUT_SECONDS)
