"""Run this package's server in a separate process, for tests and benchmarks."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tools import original
from tools.ports import find_free_port

START = 90.0
"""Seconds it may take to answer; it needs one or two where nothing else runs, and most of this on a busy machine."""

STOP = 60.0
"""Seconds it may take to end: one or two where nothing else runs."""


class Served:
    """A server process that can be stopped and restarted on the same port and home.

    Args:
        home: Its PREFECT_HOME, which contains its log.
        port: Its port; a free one if None.
        host: The address it listens on.
        python: The interpreter that has the package; this one by default.
        variables: Further environment variables.
    """

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        host: str = "127.0.0.1",
        python: str | Path = sys.executable,
        **variables: str,
    ) -> None:
        self.home = home
        self._python = python
        self.host = host
        self.port = port or find_free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.log = home / "server.log"
        self._variables = original.variables(home, **variables)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it is healthy."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [self._python, "-m", "prefect", "server", "start", "--host", self.host, "--port", str(self.port)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=self._variables, stdout=log, stderr=log)
        deadline = time.monotonic() + START
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not come up:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)

    def healthy(self) -> bool:
        """Return whether the server responds."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Stop the server with a signal, SIGTERM by default."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        try:
            self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None


@contextlib.contextmanager
def server(home: Path, host: str = "127.0.0.1", **variables: str) -> Iterator[Served]:
    """Run a server inside the block."""
    served = Served(home, None, host, **variables)
    try:
        served.start()
        yield served
    finally:
        served.stop()
