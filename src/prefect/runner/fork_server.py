"""A process that has imported what a flow run needs, and forks a process for each run.

Started as `python -m prefect.runner.fork_server FD`, with a socket that its launcher has opened. It has one thread, and
no lock, socket or file of this package is open in it but that connection. It ends with the connection; the processes
that it has forked go on.

A process that it forks is as one that `python -m prefect.engine` starts: environment, working directory, `sys.path`,
`sys.argv`, `__main__`, random seeds and signal handlers are those of a fresh interpreter. What is not: the modules that
are imported already, and the seed of the hashes of texts, which all runs of a server share.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import runpy
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

PRELOADED_MODULES = (
    *("asyncio", "concurrent.futures", "encodings.idna", "httpcore", "httpx", "logging.config", "sqlite3"),
    *("prefect.client._encoding", "prefect.client._http", "prefect.client._http_factory", "prefect.client.attribution"),
    *("prefect.client.base", "prefect.client.orchestration", "prefect.client.wire", "prefect.deployments.loading"),
    *(
        "prefect.engine.orchestration.remote",
        "prefect.engine.interruption.signals",
        "prefect.flow_engine",
        "prefect.flows",
    ),
    *("prefect.journal.encoding", "prefect.journal.writer", "prefect.loading.imports", "prefect.logging._defaults"),
    *("prefect.logging.configuration", "prefect.logging.formatters", "prefect.logging.handlers"),
    *("prefect.outbox.api_delivery", "prefect.outbox.heartbeats", "prefect.outbox.shipper", "prefect.results.store"),
    *("prefect.runtime.flow_run", "prefect.runtime.task_run", "prefect.schemas.filters", "prefect.schemas.responses"),
    *("prefect.serializers", "prefect.settings.models.api", "prefect.settings.models.client"),
    *("prefect.settings.models.cloud", "prefect.settings.models.flows", "prefect.settings.models.logging"),
    *("prefect.settings.models.results", "prefect.settings.models.root", "prefect.settings.models.tasks"),
    *("prefect.settings.models.testing", "prefect.settings.profiles", "prefect.signatures.validation"),
    *("prefect.states", "prefect.task_runners.threads", "prefect.tasks"),
)
"""The modules that a run of a deployment imports, apart from the user's code."""

LOCAL_STORE_MODULES = (
    *(
        "jsonschema",
        "prefect.engine.orchestration.local",
        "prefect.journal.reader",
        "prefect.rules.policies",
        "prefect.server.local",
    ),
    *(
        "prefect.server.routes.work.deployments",
        "prefect.server.routes.runs.flow_runs",
        "prefect.server.db.sqlite.database",
    ),
    *("prefect.server.services.upkeep.retention",),
)
"""The modules that it also imports without a configured server, when the run is read from the local store."""

PREPARED_SCHEMAS = (
    *(("prefect.schemas.states", "State"), ("prefect.schemas.runs", "FlowRun")),
    *(("prefect.schemas.responses", "DeploymentResponse"), ("prefect.schemas.responses", "OrchestrationResult")),
)
"""Models that a run reads answers with: building their validators takes longer than everything else it does first."""

RECEIVE_BYTES = 1 << 16


@dataclass(frozen=True)
class Request:
    """A process to fork.

    Attributes:
        id: Identifies the request.
        module: The module to run as the program.
        env: The environment of the process.
        cwd: Its working directory.
        stream_output: Whether it writes to the output of the server rather than nowhere.
    """

    id: int
    module: str
    env: dict[str, str]
    cwd: str
    stream_output: bool


class ForkServer:
    """Forks processes as requested over a connection.

    Args:
        connection: The connection to the launcher: requests as JSON lines, answers likewise.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._children: set[int] = set()
        self._signals, self._wakeup = os.pipe()

    def serve(self) -> Request | None:
        """Fork processes until the connection ends; return the request in a forked process, else None."""
        os.set_blocking(self._wakeup, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        self._send({"ready": os.getpid()})
        selector = selectors.DefaultSelector()
        selector.register(self._connection, selectors.EVENT_READ)
        selector.register(self._signals, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if self._signals in ready:
                os.read(self._signals, RECEIVE_BYTES)
                self._reap()
            if self._connection not in ready:
                continue
            received = self._receive()
            if received is None:
                return None
            for request in received:
                if self._fork(request):
                    selector.close()
                    return request

    def _receive(self) -> list[Request] | None:
        """Return the requests that have arrived; None at the end of the connection."""
        try:
            data = self._connection.recv(RECEIVE_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            return None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [Request(**json.loads(line)) for line in lines]

    def _fork(self, request: Request) -> bool:
        """Fork a process; return True in it.

        The launcher is sent its id once it leads its own group, so that a signal to the group reaches it. It goes on
        only then: when this server dies before, the launcher starts the run in another way.
        """
        here, there = socket.socketpair()
        with here, there:
            try:
                pid = os.fork()
            except OSError as error:
                self._send({"id": request.id, "error": error.strerror})
                return False
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for descriptor in (self._signals, self._wakeup):
                    os.close(descriptor)
                self._connection.close()
                here.close()
                os.setsid()
                if not _exchange(there):
                    os._exit(1)
                return True
            there.close()
            self._children.add(pid)
            with suppress(ConnectionError):  # the process has been killed
                here.recv(RECEIVE_BYTES)
            if self._send({"id": request.id, "pid": pid}):
                with suppress(ConnectionError):
                    here.send(b"go")
        return False

    def _reap(self) -> None:
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._children.discard(pid)
                self._send({"ended": pid, "exit_code": os.waitstatus_to_exitcode(status)})

    def _send(self, message: dict[str, Any]) -> bool:
        """Send a message; return False if the launcher is gone. The next read ends the server then."""
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True


def _exchange(connection: socket.socket) -> bool:
    """Tell the other end that this one has come so far, and wait for it; return False if it is gone."""
    try:
        connection.send(b"ready")
        return bool(connection.recv(RECEIVE_BYTES))
    except ConnectionError:
        return False


def preload() -> None:
    """Import what a run needs, and keep it out of the garbage collection, so that forked processes share its memory."""
    for name in PRELOADED_MODULES:
        importlib.import_module(name)
    if not importlib.import_module("prefect.settings").get_current_settings().api.url:
        for name in LOCAL_STORE_MODULES:
            importlib.import_module(name)
    for name, model in PREPARED_SCHEMAS:
        getattr(importlib.import_module(name), model).model_rebuild()
    gc.collect()
    gc.freeze()


def become(request: Request) -> None:
    """Make a forked process, which leads a session, as a fresh interpreter is."""
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.environ.clear()
    os.environ.update(request.env)
    time.tzset()
    os.chdir(request.cwd)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0,) if request.stream_output else (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
    importlib.invalidate_caches()
    sys.argv = ["-m"]
    random.seed()
    importlib.import_module("prefect.context").refresh_global_settings_context()
    importlib.import_module("prefect.client._http").adopt_servers_without_csrf()


def main() -> None:
    """Serve the connection that the first argument names."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    preload()
    request = ForkServer(connection).serve()
    if request is not None:
        become(request)
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
