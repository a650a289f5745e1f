"""Start and stop the child process of a flow run.

A `Launcher` starts the process that a `Launch` describes, and returns a `RunProcess`. `SubprocessLauncher` starts a
fresh interpreter; a fork server is another launcher. The process leads a session and a process group of its own, so
that a signal of the terminal does not reach it, and its descendants can be ended with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from prefect import settings
from prefect._lazy import lazy

if TYPE_CHECKING:
    from prefect.client import _http
else:
    _http = lazy("prefect.client._http")

ENGINE_COMMAND = (sys.executable, "-m", "prefect.engine")
"""The command that runs the flow run in `PREFECT__FLOW_RUN_ID`."""

INTERNAL_PREFIX = "PREFECT__"
"""Variables with this prefix tell a process about its own flow run; they are not inherited."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The process to start for a flow run.

    Attributes:
        flow_run_id: The flow run.
        command: The command; None for the engine in this interpreter, which any launcher can run in its own way.
        env: Environment variables over those of this process; None removes one.
        cwd: The working directory; that of this process if None.
        stream_output: Whether the process writes to the output of this process rather than nowhere.
    """

    flow_run_id: UUID
    command: tuple[str, ...] | None = None
    env: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    cwd: str | Path | None = None
    stream_output: bool = True

    def build_environment(self) -> dict[str, str]:
        """Return the environment of the process: this one, the current settings, and the variables of the launch."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(INTERNAL_PREFIX)}
        current = settings.get_current_settings().to_environment_variables(exclude_unset=True, include_secrets=True)
        known = {_http.SERVERS_WITHOUT_CSRF_VARIABLE: " ".join(sorted(_http.servers_without_csrf)) or None}
        changes = {"PREFECT__FLOW_RUN_ID": str(self.flow_run_id), **known, **self.env}
        merged = {**inherited, **current, **changes}
        return {name: value for name, value in merged.items() if value is not None}


class LaunchError(RuntimeError):
    """The process cannot be started: its command or its working directory is missing."""


class RunProcess:
    """The process of a flow run, which leads a process group. Made in an event loop.

    Args:
        flow_run_id: The flow run.
        pid: The id of the process and of its group.
        exit_code: Waits for the end; a negative number is the signal that ended the process.
    """

    def __init__(self, flow_run_id: UUID, pid: int, exit_code: Awaitable[int]) -> None:
        self.flow_run_id = flow_run_id
        self.pid = pid
        self._exit = asyncio.ensure_future(exit_code)

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while the process runs."""
        return self._exit.result() if self._exit.done() and not self._exit.cancelled() else None

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        return await asyncio.shield(self._exit)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, if it still runs."""
        if self.exit_code is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def signal_group(self, number: int) -> bool:
        """Send a signal to the process and its descendants; return whether any of them is left."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS refuses a group of which only zombies are left
            return False
        return True

    def kill(self) -> None:
        """End the process and its descendants, immediately."""
        self.signal_group(signal.SIGKILL)

    async def stop(self, grace_seconds: float) -> int:
        """End the process and its descendants: SIGTERM, and SIGKILL after the grace; return its exit code.

        SIGTERM reaches the process first, so that it can end its children in its own way.
        """
        deadline = asyncio.get_running_loop().time() + grace_seconds
        self.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout_at(deadline):
                await self.wait()
        except TimeoutError:
            pass
        else:
            await self._end_leftovers(deadline)
        self.kill()
        return await self.wait()

    async def _end_leftovers(self, deadline: float) -> None:
        """Let what the process has started, and left, end by itself."""
        loop = asyncio.get_running_loop()
        deadline = min(deadline, loop.time() + LEFTOVER_GRACE_SECONDS)
        is_left = self.signal_group(signal.SIGTERM)
        while is_left and loop.time() < deadline:
            await asyncio.sleep(GROUP_POLL_INTERVAL_SECONDS)
            is_left = self.signal_group(0)


LEFTOVER_GRACE_SECONDS = 2.0
"""How long processes that a stopped flow run has left may take to end after SIGTERM."""

GROUP_POLL_INTERVAL_SECONDS = 0.05
"""Between two checks whether a process group has members: the system does not notify of its end."""


class Launcher(Protocol):
    """Starts processes for flow runs."""

    async def start(self, launch: Launch) -> RunProcess:
        """Start a process.

        Raises:
            LaunchError: Its command or its working directory is missing.
        """
        ...


class SubprocessLauncher:
    """Starts a new interpreter, or another command, for each flow run."""

    async def start(self, launch: Launch) -> RunProcess:
        """Start a process."""
        command = launch.command or ENGINE_COMMAND
        output = None if launch.stream_output else subprocess.DEVNULL
        if launch.cwd is not None and not os.path.isdir(launch.cwd):
            raise LaunchError(f"The working directory {str(launch.cwd)!r} does not exist.")
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=launch.build_environment(),
                cwd=launch.cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise LaunchError(f"The command {command[0]!r} cannot be started: {error.strerror or error}.") from error
        return RunProcess(launch.flow_run_id, process.pid, process.wait())
