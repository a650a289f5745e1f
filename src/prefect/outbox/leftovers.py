"""Shipping what other processes of a home directory left in its outboxes when they ended.

For processes that live long: a server, a worker, a runner. What is left is shipped to the server that it was written
for, within seconds of that server's return.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefect._file_stamps import Stamps, read_stamps
from prefect._lazy import lazy
from prefect.logging.loggers import get_logger
from prefect.outbox import store
from prefect.outbox.api_connection import ApiConnection

if TYPE_CHECKING:
    from prefect.outbox import shipper
    from prefect.settings import Settings
else:
    shipper = lazy("prefect.outbox.shipper")

POLL_INTERVAL_SECONDS = 3.0
"""Between two checks of the outboxes."""

END_TIMEOUT_SECONDS = 1.0
"""How long the end of the block waits for a server that is taking records; what it does not take stays on disk."""


class LeftoverShipper:
    """Ships the outboxes of a home directory, with the credentials of these settings.

    Args:
        settings: The settings with the home directory.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._shippers: dict[str, shipper.Shipper] = {}
        self._empty: dict[Path, Stamps] = {}

    def ship(self) -> None:
        """Ship what waits, unless another process does or the server is unavailable."""
        for path in store.find_files(self._settings.home):
            stamps = read_stamps((path, path.with_name(f"{path.name}-wal")))
            if self._empty.get(path) == stamps:
                continue
            outbox = store.read_outbox(path)
            if outbox is None or not outbox.has_waiting():
                if stamps.is_settled:
                    self._empty[path] = stamps
                continue
            if outbox.url not in self._shippers:
                api = self._settings.api.model_copy(update={"url": outbox.url})
                connection = ApiConnection(self._settings.model_copy(update={"api": api}))
                self._shippers[outbox.url] = shipper.Shipper(outbox, connection)
            self._shippers[outbox.url].ship_leftovers()


@contextmanager
def ship_leftovers(settings: Settings) -> Generator[None]:
    """Ship what processes that have ended left in the outboxes of a home directory, in a thread, inside the block."""
    ended = threading.Event()
    leftovers = LeftoverShipper(settings)

    def run() -> None:
        while not ended.wait(POLL_INTERVAL_SECONDS):
            try:
                leftovers.ship()
            except Exception:  # a damaged file, a full disk: the next poll may find it well
                get_logger("outbox").log(logging.DEBUG, "The outboxes could not be shipped.", exc_info=True)

    thread = threading.Thread(target=run, name="prefect-leftovers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(END_TIMEOUT_SECONDS)
