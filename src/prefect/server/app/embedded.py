"""A server in a thread of a program: for a program that serves flows when no server is configured.

It is the same server as that of `prefect server start`, on the home's own store and on an address of this machine only.
It must not change the process around it: no signal handlers, no settings.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from prefect.server.app import Server, base_path, serving
from prefect.server.db import opening
from prefect.server.loops import journal
from prefect.server.services.runs.liveness.orphans import crash_orphans

if TYPE_CHECKING:
    from prefect.settings import Settings

HOST = "127.0.0.1"

START_TIMEOUT_SECONDS = 60.0
"""How long the server may take until it answers; a large store may have to be migrated."""


class EmbeddedServer:
    """A server that answers while it is entered as a context.

    Args:
        settings: The settings of the server.
        port: The port, or 0 for one that is free. If None, that of the settings, or a free one if they set none.

    Attributes:
        url: The address of its API.
    """

    def __init__(self, settings: Settings, port: int | None = None) -> None:
        self.settings = settings
        self._port = port
        self.url = ""
        self._started: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self._uvicorn: serving.UvicornServer | None = None
        self._thread = threading.Thread(target=self._run, name="prefect-server", daemon=True)

    def start(self) -> None:
        """Start the server, and wait until it answers.

        Raises:
            CannotServe: The port of the settings is in use.
            StoreError: The database cannot be used.
        """
        api = self.settings.server.api
        configured = api.port if "port" in api.model_fields_set else 0
        self._listening = serving.listen(HOST, configured if self._port is None else self._port)
        self.url = f"{serving.describe_address(HOST, self._listening)}{base_path(self.settings)}"
        self._thread.start()
        self._started.result(START_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Answer the open requests, and stop."""
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True
        self._thread.join()

    @property
    def has_home_store(self) -> bool:
        """Whether the database is the local store of the home, which programs without a server also use."""
        return opening.sqlite_path(self.settings) == self.settings.home / opening.STORE_FILE_NAME

    async def catch_up(self) -> None:
        """Apply what processes of this home have recorded, and crash the runs of those that have ended.

        Called from any event loop.
        """
        assert self._loop is not None
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._catch_up(), self._loop))

    async def _catch_up(self) -> None:
        assert self._server is not None
        if self.has_home_store:
            await journal.apply_records(self._server.database, self.settings.home)
            await crash_orphans(self._server.database, self.settings.home)

    def _run(self) -> None:
        with closing(self._listening):
            try:
                serving.run(self._serve(self._listening))
            except BaseException as error:
                if self._started.done():
                    logging.getLogger("prefect.server").exception("The server has failed.")
                else:
                    self._started.set_exception(error)

    async def _serve(self, listening: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = server = Server(self.settings)
        await server.start()
        try:
            config = serving.build_config(server.app, server.settings, lifespan="off")
            self._uvicorn = _ThreadServer(config, lambda: self._started.set_result(None), server.live.stop)
            await self._uvicorn.serve([listening])
        finally:
            await server.stop()


@contextmanager
def serve_home(settings: Settings) -> Iterator[None]:
    """Run a server on the home of the settings, for what only a server does: its schedules and its automations."""
    # On a free port: nobody needs its address, and another server may have that of the settings.
    server = EmbeddedServer(settings, port=0)
    server.start()
    try:
        yield
    finally:
        server.stop()


class _ThreadServer(serving.UvicornServer):
    """Uvicorn in a thread, which leaves the signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
