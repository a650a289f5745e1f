"""Background processes that a command starts, finds and stops.

Each has a pid file in the home directory and a log beside it. The pid file also holds the start time of the process, so
that another process with a reused pid is not mistaken for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prefect import _processes
from prefect.cli.core.output import fail
from prefect.settings import get_current_settings

STOP_TIMEOUT_SECONDS = 30.0
"""Seconds between SIGTERM and SIGKILL."""

POLL_INTERVAL_SECONDS = 0.05
"""Seconds between two checks of a process."""


class BackgroundProcess:
    """A background process of the current home directory.

    Args:
        name: Base name of its files, for example `"server"`.
    """

    def __init__(self, name: str) -> None:
        home = get_current_settings().home
        self.name = name
        self.pid_file = home / f"{name}.pid"
        self.log_file = home / f"{name}.log"

    def find_pid(self) -> int | None:
        """Return the pid of the running process, or None."""
        try:
            number, _, mark = self.pid_file.read_text().strip().partition(" ")
            alive = _processes.is_alive(int(number), mark)
        except (FileNotFoundError, ValueError):
            return None
        return int(number) if alive else None

    def start(self, arguments: Sequence[str], is_ready: Callable[[], bool]) -> int:
        """Start `prefect` with these arguments, wait until it is ready, and return its pid.

        Args:
            arguments: Arguments of the command line.
            is_ready: Returns whether the process is ready.
        """
        if (pid := self.find_pid()) is not None:
            fail(f"The {self.name} is already running in the background as process {pid}. Stop it first.")
        settings = get_current_settings()
        environment = settings.to_environment_variables(exclude_unset=True, include_secrets=True)
        self.pid_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.log_file, "ab") as log:
            log_start = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{process.pid} {_processes.start_mark(process.pid)}\n")
        while not is_ready():
            if process.poll() is not None:
                self.pid_file.unlink(missing_ok=True)
                fail(f"The {self.name} failed to start: {_read_last_line(self.log_file, log_start)}")
            time.sleep(POLL_INTERVAL_SECONDS)
        process.returncode = 0  # it outlives this command, so Popen must not warn that it still runs
        return process.pid

    def stop(self) -> bool:
        """Stop the process and wait until it has ended; return False if none was running."""
        pid = self.find_pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while self.find_pid() is not None:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_INTERVAL_SECONDS)
        self.pid_file.unlink(missing_ok=True)
        return True


def _read_last_line(log: Path, offset: int) -> str:
    lines = log.read_bytes()[offset:].decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Error: ") if lines else f"see {log}."
