"""The polling loop of a worker: it polls after each notice of the server, and at intervals in case notices are lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

from prefect.runner.poller import RETRY_INTERVAL_SECONDS

if TYPE_CHECKING:
    from prefect.runner.poller import Poller
    from prefect.settings.models.worker import WorkerSettings

POLL_INTERVAL_SECONDS = 1.5
"""Between two polls of a worker without notices of runs, unless the setting `worker.query_seconds` is smaller.

A run waits for a poll for at most this time, and then for its process, so 95 of 100 runs begin within the budget of
three seconds with more than a second to spare. A poll is one request, of about 10 ms of the server's CPU: a hundred
workers that poll one server take two thirds of a core of it.
"""

MIN_PAUSE_SECONDS = 0.05
"""Between two polls, however many notices arrive: one poll finds the runs of all of them."""


class PollingLoop:
    """Repeats a poll for runs.

    Args:
        poller: The poll.
        settings: The worker's settings.

    Attributes:
        is_notified: Whether the server sends notices of runs.
    """

    def __init__(self, poller: Poller, settings: WorkerSettings) -> None:
        self.is_notified = False
        self._poller = poller
        self._notified_interval = settings.query_seconds
        is_set = "query_seconds" in settings.model_fields_set
        self._poll_interval = self._notified_interval if is_set else min(self._notified_interval, POLL_INTERVAL_SECONDS)
        self._wake = anyio.Event()

    @property
    def interval(self) -> float:
        """The seconds between two polls."""
        interval = self._notified_interval if self.is_notified else self._poll_interval
        return min(interval, RETRY_INTERVAL_SECONDS) if self._poller.is_failing else interval

    def wake(self) -> None:
        """Poll immediately."""
        self._wake.set()

    async def run(self) -> None:
        """Poll for runs until cancelled."""
        while True:
            self._wake = anyio.Event()
            begun = time.monotonic()
            await self._poller.poll_once()
            with anyio.move_on_after(max(self.interval - (time.monotonic() - begun), MIN_PAUSE_SECONDS)):
                await self._wake.wait()
            await anyio.sleep(max(0.0, MIN_PAUSE_SECONDS - (time.monotonic() - begun)))
