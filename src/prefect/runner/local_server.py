"""The server that a runner brings along when none is configured."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import ModuleType
from typing import Any

from prefect import settings
from prefect._file_stamps import Stamps, read_stamps
from prefect._lazy import lazy
from prefect.outbox import leftovers
from prefect.settings import PREFECT_API_URL, temporary_settings

# By name, because the server stands above the runner.
embedded: ModuleType = lazy("prefect.server.app.embedded")


STORE_POLL_INTERVAL_SECONDS = 0.2
"""Between two checks of the times of the local store's files, by which changes of other programs are noticed."""


class RunnerApi:
    """The API that a runner uses: of the configured server, or of a server in this process.

    Attributes:
        url: Its address.
    """

    def __init__(self, url: str, server: Any = None) -> None:
        self.url = url
        self._server = server
        self._leftovers = leftovers.LeftoverShipper(settings.get_current_settings())
        self._catching_up = asyncio.Lock()

    @property
    def is_local(self) -> bool:
        """Whether the API is served by this process."""
        return self._server is not None

    @property
    def child_url(self) -> str | None:
        """The address for the processes of flow runs; None if these record into the home, which needs no server."""
        return None if self._server is not None and self._server.has_home_store else self.url

    async def catch_up(self) -> None:
        """Apply the journal of this home to the API's store."""
        if self._server is not None:
            await self._server.catch_up()
            return
        async with self._catching_up:
            await _call_in_daemon_thread(self._leftovers.ship)

    @contextmanager
    def as_current(self) -> Iterator[None]:
        """Use the API for clients that are made in this context."""
        with temporary_settings({PREFECT_API_URL: self.url}):
            yield


async def watch_store(changed: Callable[[], None]) -> None:
    """Call a function whenever another program of this home has changed the local store, until cancelled."""
    home = settings.get_current_settings().home
    files = [home / "pluperfect.db", home / "pluperfect.db-wal"]
    known: Stamps | None = None
    while True:
        await asyncio.sleep(STORE_POLL_INTERVAL_SECONDS)
        found = read_stamps(files)
        if found != known:
            known = found if found.is_settled else None
            changed()


async def _call_in_daemon_thread(fn: Callable[[], None]) -> None:
    """Call a function that may wait for a server that hangs: the end of the program must not wait for it."""
    loop = asyncio.get_running_loop()
    called: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if called.done():
            return
        if error is None:
            called.set_result(None)
        else:
            called.set_exception(error)

    def call() -> None:
        error: BaseException | None = None
        try:
            fn()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=call, name="prefect-runner-shipping", daemon=True).start()
    await called


@asynccontextmanager
async def open_api() -> AsyncIterator[RunnerApi]:
    """Yield the API of the configured server; without one, the API of a server that is started in this process.

    Raises:
        CannotServe: The port that the settings name is in use.
        StoreError: The database cannot be used.
    """
    current = settings.get_current_settings()
    if current.api.url:
        yield RunnerApi(current.api.url)
        return
    server = embedded.EmbeddedServer(current)
    await asyncio.to_thread(server.start)
    try:
        yield RunnerApi(server.url, server)
    finally:
        await asyncio.to_thread(server.stop)
