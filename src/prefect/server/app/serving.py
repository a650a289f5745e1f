"""The process of `prefect server start`: its port, its signals, its worker processes and its shutdown.

It serves with uvicorn, on uvloop where that is installed. Several processes share one port and one PostgreSQL, whose
notifications their buses receive.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from prefect.exceptions import PrefectException
from prefect.logging.configuration import setup_logging
from prefect.server.app import Server
from prefect.server.app import base_path as base_path
from prefect.server.app.http_protocol import HttpProtocol
from prefect.server.app.websocket import WebsocketProtocol
from prefect.server.db import opening
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.settings import Settings

SHUTDOWN_TIMEOUT_SECONDS = 5
"""How long requests and websockets may take to end when the server stops."""


SWITCH_INTERVAL_SECONDS = 0.0005
"""How long a thread that runs Python code, as the one that writes, keeps others from it: a request changes threads."""

GC_THRESHOLD = 20_000
"""New objects until garbage is collected: one response has more than Python's 700, and none of them is garbage."""

WORKER_POLL_INTERVAL_SECONDS = 0.5
"""How often it is checked that all worker processes are alive."""


class CannotServe(PrefectException):
    """The server cannot be started with these settings and options."""


def serve(settings: Settings, *, loops: bool = True, workers: int = 1, started: Callable[[str], None]) -> None:
    """Serve until a signal to stop.

    Args:
        settings: The settings of the server.
        loops: Whether it runs the loops.
        workers: The number of processes.
        started: Called with the server's address, once it answers.

    Raises:
        CannotServe: The port is in use, or several processes were requested on SQLite.
        StoreError: The database cannot be used.
    """
    if workers > 1 and opening.sqlite_path(settings) is not None:
        raise CannotServe(
            f"{workers} workers need PostgreSQL, through which they notify each other: set "
            "PREFECT_SERVER_DATABASE_CONNECTION_URL, or start one worker."
        )
    with closing(listen(settings.server.api.host, settings.server.api.port)) as listening:
        address = describe_address(settings.server.api.host, listening)
        if workers == 1:
            run(_serve(Server(settings, loops=loops), listening, lambda: started(address)))
        else:
            _serve_with_workers(workers, settings, loops, listening, lambda: started(address))


def check_port(settings: Settings) -> None:
    """Check that the port can be served.

    Raises:
        CannotServe: It is in use.
    """
    listen(settings.server.api.host, settings.server.api.port).close()


def describe_database(settings: Settings) -> str:
    """Return where the database is, for people, without secrets."""
    return opening.describe_database(settings)


def run(main: Any) -> None:
    """Run a coroutine on uvloop, or on asyncio's event loop where it is not installed."""
    try:
        import uvloop  # pyright: ignore[reportMissingImports]
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address.

    Raises:
        CannotServe: There is no such address, or the port is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotServe(f"{host!r} is not an address of this machine ({error.strerror or error}).") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        listening.close()
        raise CannotServe(
            f"Port {port} of {host} cannot be served ({getattr(error, 'strerror', None) or error}): stop the "
            "program that uses it, or choose another port with --port."
        ) from error
    return listening


def describe_address(host: str, listening: socket.socket) -> str:
    """Return the URL of a listening socket."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"


def build_config(app: Any, settings: Settings, **options: Any) -> uvicorn.Config:
    """Return the configuration of uvicorn for an application with these settings."""
    api_settings = settings.server.api
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=HttpProtocol,
        ws=WebsocketProtocol,
        ws_per_message_deflate=False,  # hot path: to inflate an event takes half of the time that its frame does
        ws_ping_interval=api_settings.websocket_ping_interval,
        ws_ping_timeout=api_settings.websocket_ping_timeout,
        timeout_keep_alive=api_settings.keepalive_timeout,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
        **options,
    )


class UvicornServer(uvicorn.Server):
    """Uvicorn, which does not raise the signal that stopped it again.

    Args:
        config: Its configuration.
        started: Called once it serves.
        stopping: Called when it begins to stop: it waits for responses that are being sent.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started
        self._on_stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


async def _serve(server: Server, listening: socket.socket, started: Callable[[], None]) -> None:
    await server.start()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    try:
        config = build_config(server.app, server.settings, lifespan="off")
        await UvicornServer(config, started, server.live.stop).serve([listening])
    finally:
        await server.stop()


# --- several processes -----------------------------------------------------------------------------------------------


def _serve_with_workers(
    workers: int, settings: Settings, loops: bool, listening: socket.socket, started: Callable[[], None]
) -> None:
    """Run processes that serve the same socket, and replace each that dies, until a signal to stop."""
    run(_prepare_database(settings))
    # The processes read the settings from their environment.
    os.environ.update(settings.to_environment_variables(exclude_unset=True, include_secrets=True))
    context = multiprocessing.get_context("spawn")
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())

    def start() -> Any:
        process = context.Process(target=_run_worker, args=(listening, loops), name="prefect-server-worker")
        process.start()
        return process

    processes = [start() for _ in range(workers)]
    started()
    while not stopping.wait(WORKER_POLL_INTERVAL_SECONDS):
        processes = [process if process.is_alive() else start() for process in processes]
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


async def _prepare_database(settings: Settings) -> None:
    """Migrate the database, or fail before processes are started."""
    database = opening.open_database(settings)
    await database.open()
    await database.close()


def _run_worker(listening: socket.socket, loops: bool) -> None:
    """Run one worker process."""
    # Ctrl+C in a terminal reaches all processes; the parent stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup_logging()
    run(_serve(Server(get_current_settings(), loops=loops), listening, lambda: None))


# --- loops without an API --------------------------------------------------------------------------------------------


def serve_loops(settings: Settings, started: Callable[[], None]) -> None:
    """Run the loops, without the API, until a signal to stop."""
    run(_serve_loops(Server(settings), started))


async def _serve_loops(server: Server, started: Callable[[], None]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    await server.start()
    try:
        started()
        await stopping.wait()
    finally:
        await server.stop()
