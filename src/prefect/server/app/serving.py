"""Running a server: the process that `prefect server start` becomes, its port, its signals and its end.

A process of its own serves with uvicorn on uvloop. Several share one port and one PostgreSQL: the bus, through which
they hear of each other, is the database's.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from prefect.exceptions import PrefectException
from prefect.logging.configuration import setup_logging
from prefect.server.app import Server
from prefect.server.app import base_path as base_path
from prefect.server.app.websocket import WebsocketProtocol
from prefect.server.db import opening
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.settings import Settings

SHUTDOWN_TIMEOUT_SECONDS = 5
"""Seconds that requests and websockets which are under way have when the server is told to stop."""


GC_THRESHOLD = 20_000
"""Objects made until garbage is looked for: one answer has more than the 700 of Python's, and none of it is garbage."""

WORKER_POLL_INTERVAL_SECONDS = 0.5
"""Seconds between two looks whether all workers live."""


class CannotServe(PrefectException):
    """The server cannot be started as it was asked to."""


def serve(settings: Settings, *, loops: bool = True, workers: int = 1, started: Callable[[str], None]) -> None:
    """Serve until a signal says to stop.

    Args:
        settings: What the server is told.
        loops: Whether it does the work of the loops, too.
        workers: How many processes serve.
        started: Called with the server's address, once it answers.

    Raises:
        CannotServe: The port is taken, or several processes were asked for on SQLite.
        StoreError: The database cannot be used.
    """
    if workers > 1 and opening.sqlite_path(settings) is not None:
        raise CannotServe(
            f"{workers} workers need PostgreSQL, through which they hear of each other: set "
            "PREFECT_SERVER_DATABASE_CONNECTION_URL, or start one worker."
        )
    with closing(_listen(settings.server.api.host, settings.server.api.port)) as listening:
        address = _address(settings.server.api.host, listening)
        if workers == 1:
            run(_serve(Server(settings, loops=loops), listening, lambda: started(address)))
        else:
            _serve_with(workers, settings, loops, listening, lambda: started(address))


def check_port(settings: Settings) -> None:
    """Fail if the port cannot be served now.

    Raises:
        CannotServe: It is taken.
    """
    _listen(settings.server.api.host, settings.server.api.port).close()


def describe_database(settings: Settings) -> str:
    """Where the server keeps what it is told, for people."""
    return opening.describe_database(settings)


def run(main: Any) -> None:
    """Run a coroutine on the quickest event loop there is."""
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that is bound to the address; nobody else can take it from now on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotServe(f"{host!r} is no address of this machine ({error.strerror or error}).") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        listening.close()
        raise CannotServe(
            f"Port {port} of {host} cannot be served ({getattr(error, 'strerror', None) or error}): stop what uses it, "
            "or name another with --port."
        ) from error
    return listening


def _address(host: str, listening: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"


def _config(app: Any, settings: Settings, **more: Any) -> uvicorn.Config:
    told = settings.server.api
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws=WebsocketProtocol,
        ws_ping_interval=told.websocket_ping_interval,
        ws_ping_timeout=told.websocket_ping_timeout,
        timeout_keep_alive=told.keepalive_timeout,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
        **more,
    )


class _Uvicorn(uvicorn.Server):
    """Uvicorn, whose process ends as if nothing had happened after a signal told it to."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._when_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def _serve(server: Server, listening: socket.socket, started: Callable[[], None]) -> None:
    await server.start()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    try:
        await _Uvicorn(_config(server.app, server.settings, lifespan="off"), started).serve([listening])
    finally:
        await server.stop()


# --- several processes -----------------------------------------------------------------------------------------------


def _serve_with(
    workers: int, settings: Settings, loops: bool, listening: socket.socket, started: Callable[[], None]
) -> None:
    """Have processes serve the same socket, and start another for each that dies, until a signal says to stop."""
    run(_look_at(settings))
    # They read the settings from their environment.
    os.environ.update(settings.to_environment_variables(exclude_unset=True, include_secrets=True))
    context = multiprocessing.get_context("spawn")
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())

    def start() -> Any:
        process = context.Process(target=_work, args=(listening, loops), name="prefect-server-worker")
        process.start()
        return process

    processes = [start() for _ in range(workers)]
    started()
    while not told.wait(WORKER_POLL_INTERVAL_SECONDS):
        processes = [process if process.is_alive() else start() for process in processes]
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


async def _look_at(settings: Settings) -> None:
    """Bring the database to the current schema, or fail before there are processes."""
    database = opening.open_database(settings)
    await database.open()
    await database.close()


def _work(listening: socket.socket, loops: bool) -> None:
    """What a worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl+C reaches all: the parent passes it on
    setup_logging()
    run(_serve(Server(get_current_settings(), loops=loops), listening, lambda: None))


# --- the loops alone -------------------------------------------------------------------------------------------------


def serve_loops(settings: Settings, started: Callable[[], None]) -> None:
    """Do the work of the loops, without the API, until a signal says to stop."""
    run(_serve_loops(Server(settings), started))


async def _serve_loops(server: Server, started: Callable[[], None]) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    await server.start()
    try:
        started()
        await told.wait()
    finally:
        await server.stop()
