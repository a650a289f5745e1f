"""Starting flow runs from a fork server, which is started with the first one and again when it has died."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prefect.logging.loggers import get_logger
from prefect.runner.launch import INTERNAL_PREFIX, Launch, Launcher, LaunchError, RunProcess, SubprocessLauncher
from prefect.settings import get_current_settings

INTERPRETER_PREFIXES = ("PYTHON", "LD_", "DYLD_", "MALLOC_", "GLIBC_", "LC_", "LANG")
"""Variables that an interpreter or its libraries read when they start: a run that changes one is not forked."""

ENGINE_MODULE = "prefect.engine"
"""The module that a forked process runs, as `python -m` does."""

UNKNOWN_EXIT_CODE = 0
"""The exit code of a process whose fork server has died before it. Its run is left to what it has recorded, and to its
heartbeats.
"""

logger = get_logger("runner.fork_server")


def is_available() -> bool:
    """Return whether this system can fork a process that continues with Python, which macOS and Windows cannot.

    It must also support file descriptors of processes (pidfd): Linux from 5.3, unless a sandbox forbids them.
    """
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def create_launcher() -> Launcher:
    """Return the launcher that the setting `runner.fork_server` and the system allow."""
    return (
        ForkServerLauncher() if get_current_settings().runner.fork_server and is_available() else SubprocessLauncher()
    )


class ForkServerLauncher:
    """Starts the engine in a process that a fork server forks, and any other command in a new process."""

    def __init__(self) -> None:
        self._subprocesses = SubprocessLauncher()
        self._server: _Connection | None = None
        self._starting = asyncio.Lock()

    async def start(self, launch: Launch) -> RunProcess:
        """Start a process.

        Raises:
            LaunchError: Its command or its working directory is missing, or the system cannot start another process.
        """
        environment = launch.build_environment()
        if launch.command is not None or _changes_interpreter(environment):
            return await self._subprocesses.start(launch)
        cwd = str(launch.cwd or os.getcwd())
        if not os.path.isdir(cwd):
            raise LaunchError(f"The working directory {cwd!r} does not exist.")
        server = await self._get_server()
        try:
            pid, ended = await server.fork(environment, os.path.abspath(cwd), launch.stream_output)
        except ConnectionError:
            logger.warning("The fork server has died. The flow run is started in a new interpreter.")
            return await self._subprocesses.start(launch)
        return RunProcess(launch.flow_run_id, pid, ended)

    async def prepare(self) -> None:
        """Start the fork server, so that the first run does not wait for it."""
        await self._get_server()

    async def _get_server(self) -> _Connection:
        async with self._starting:
            if self._server is None or self._server.is_closed:
                self._server = await _Connection.open()
            return self._server

    @property
    def server_pid(self) -> int | None:
        """The process id of the fork server, once it has been started."""
        return self._server.pid if self._server is not None else None

    async def wait_closed(self) -> None:
        """Wait until the end of a fork server that dies has been noticed."""
        if self._server is not None:
            await self._server.wait_closed()

    async def close(self) -> None:
        """End the fork server. The processes that it has forked go on."""
        if self._server is not None:
            await self._server.close()
            self._server = None


@asynccontextmanager
async def open_launcher() -> AsyncIterator[Launcher]:
    """Provide what starts the processes of flow runs: a fork server, where the settings and the system allow it."""
    launcher = create_launcher()
    if not isinstance(launcher, ForkServerLauncher):
        yield launcher
        return
    try:
        await launcher.prepare()
        yield launcher
    finally:
        await launcher.close()


def _changes_interpreter(environment: Mapping[str, str]) -> bool:
    """Return whether an environment differs from this process's in what an interpreter reads when it starts."""
    names = {name for name in (*environment, *os.environ) if name.startswith(INTERPRETER_PREFIXES)}
    return any(environment.get(name) != os.environ.get(name) for name in names)


class _Connection:
    """The connection to a fork server.

    Args:
        process: The fork server.
        reader: What it sends.
        writer: What it is sent.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._forked: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._next_id = 0
        self._receiving = asyncio.ensure_future(self._receive())

    @classmethod
    async def open(cls) -> _Connection:
        """Start a fork server."""
        near, far = socket.socketpair()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(INTERNAL_PREFIX)}
        with far:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "prefect.runner.fork_server", str(far.fileno())),
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=(far.fileno(),),
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=near)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    async def wait_closed(self) -> None:
        """Wait for the end of the server."""
        await asyncio.shield(self._receiving)

    @property
    def is_closed(self) -> bool:
        """Whether the server has ended."""
        return self._receiving.done()

    async def fork(self, env: Mapping[str, str], cwd: str, stream_output: bool) -> tuple[int, asyncio.Future[int]]:
        """Fork a process; return its id, and a future of its exit code.

        Raises:
            LaunchError: The system cannot start another process.
            ConnectionError: The server has ended.
        """
        if self.is_closed:
            raise ConnectionResetError("The fork server has ended.")
        self._next_id += 1
        forked = self._forked[self._next_id] = asyncio.get_running_loop().create_future()
        request = {
            "id": self._next_id,
            "module": ENGINE_MODULE,
            "env": dict(env),
            "cwd": cwd,
            "stream_output": stream_output,
        }
        self._writer.write(json.dumps(request).encode() + b"\n")
        await self._writer.drain()
        pid = await forked
        return pid, self._ended[pid]

    async def close(self) -> None:
        """Close the connection, which ends the server."""
        self._writer.close()
        await self._receiving

    async def _receive(self) -> None:
        try:
            while line := await self._reader.readline():
                self._handle(json.loads(line))
        except ConnectionError:
            pass
        self._writer.close()
        await self._process.wait()  # the processes that it has forked have another parent from then on
        for forked in self._forked.values():
            forked.set_exception(ConnectionResetError("The fork server has ended."))
        self._forked.clear()
        for pid, ended in self._ended.items():
            asyncio.ensure_future(_watch_lost(pid, ended))  # noqa: RUF006  # the future keeps its waiter

    def _handle(self, message: dict[str, Any]) -> None:
        if "ended" in message:
            ended = self._ended.pop(message["ended"])
            if not ended.done():
                ended.set_result(message["exit_code"])
        elif "id" in message:
            forked = self._forked.pop(message["id"])
            if "error" in message:
                forked.set_exception(LaunchError(f"No process can be forked: {message['error']}."))
            else:
                self._ended[message["pid"]] = asyncio.get_running_loop().create_future()
                forked.set_result(message["pid"])


async def _watch_lost(pid: int, ended: asyncio.Future[int]) -> None:
    """Wait for the end of a process whose parent has died.

    Its new parent may be one that never asks for its exit code, so that its id stays in use: that of a container is
    often the worker itself, which is asked here.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        pass
    else:
        await _wait_readable(descriptor)
        os.close(descriptor)
    if not ended.done():
        ended.set_result(_collect_exit_code(pid))


async def _wait_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(descriptor, lambda: readable.done() or readable.set_result(None))
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)


def _collect_exit_code(pid: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, os.WNOHANG)[1])
    except ChildProcessError:  # another process has become its parent
        return UNKNOWN_EXIT_CODE
