"""A real Docker engine and a registry for tests, each on its own socket or loopback port."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.ports import find_free_port

START_SECONDS = 90.0
CAP_SYS_ADMIN = 21
ME_HUSH = "me:$2y$04$gkgnCMdESma9sf8YRg.j9.QARd31oxl2Qgn6udB249KTDp8YTJWee\n"
"""The user `me` with the password `hush`, in the format of htpasswd."""


def find_missing(*programs: str) -> str | None:
    """Return which program is not installed, or None."""
    missing = [program for program in programs if shutil.which(program) is None]
    return f"needs {missing[0]}, which is not installed" if missing else None


def find_reason_to_skip(*programs: str) -> str | None:
    """Return why there can be no engine here, or None."""
    if not _may_start_engine():
        return "needs root and its rights, which start a Docker engine"
    return find_missing(*programs)


def _may_start_engine() -> bool:
    status = Path("/proc/self/status")
    if os.geteuid() != 0 or not status.exists():
        return False
    [rights] = re.findall(r"^CapEff:\s*(\w+)", status.read_text(), re.MULTILINE)
    return bool(int(rights, 16) >> CAP_SYS_ADMIN & 1)


def need(*programs: str) -> None:
    """Skip the test where there can be no engine; a program that is not installed is an error in CI."""
    reason = find_reason_to_skip(*programs)
    if reason is None:
        return
    if os.environ.get("CI") and reason == find_missing(*programs):
        pytest.fail(f"CI {reason}")
    pytest.skip(reason)


class Engine:
    """An engine.

    Args:
        home: Its files.
        bridge: Whether it has the network of its own that engines usually have; it needs a network namespace then.

    Attributes:
        address: Its socket.
    """

    def __init__(self, home: Path, bridge: bool = False) -> None:
        self._home = home
        self._bridge = [] if bridge else ["--bridge=none"]
        self.address = f"unix://{home}/docker.sock"
        self._process: subprocess.Popen[Any] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [*self._bridge, "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
        paths = ["--host", self.address, "--data-root", f"{self._home}/data", "--exec-root", f"{self._home}/exec"]
        command = ["dockerd", *paths, "--pidfile", f"{self._home}/docker.pid", *options]
        self._process = _start(command, self._home / "log")
        _wait(self._process, self._home / "log", (self._home / "docker.sock").exists)

    def stop(self) -> None:
        """Stop it with its containers."""
        if self._process is not None:
            _stop(self._process)
            self._process = None
        subprocess.run(["umount", f"{self._home}/exec/netns/default"], capture_output=True)


@contextlib.contextmanager
def run_engine(bridge: bool = False) -> Iterator[str]:
    """Run an engine, and give its address."""
    with make_engine(bridge) as engine:
        yield engine.address


@contextlib.contextmanager
def make_engine(bridge: bool = False) -> Iterator[Engine]:
    """Run an engine that can be stopped and started."""
    home = Path(tempfile.mkdtemp(prefix="docker-"))
    engine = Engine(home, bridge)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def run_registry(htpasswd: str | None = None) -> Iterator[str]:
    """Run an image registry, and give its host and port.

    Args:
        htpasswd: The users that it lets in, in the format of Apache's files; everybody if None.
    """
    home = Path(tempfile.mkdtemp(prefix="registry-"))
    address = f"127.0.0.1:{find_free_port()}"
    config = f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {home}/data}}}}\nhttp: {{addr: '{address}'}}\n"
    if htpasswd is not None:
        (home / "htpasswd").write_text(htpasswd)
        config += f"auth: {{htpasswd: {{realm: tests, path: {home}/htpasswd}}}}\n"
    (home / "config.yml").write_text(config)
    process = _start(["docker-registry", "serve", str(home / "config.yml")], home / "log")
    try:
        host, port = address.split(":")
        _wait(process, home / "log", lambda: _answers(host, int(port)))
        yield address
    finally:
        _stop(process)
        shutil.rmtree(home, ignore_errors=True)


def _start(command: list[str], log: Path) -> subprocess.Popen[Any]:
    with log.open("wb") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait(process: subprocess.Popen[Any], log: Path, is_ready: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"It did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _stop(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def add_base_image(client: Any, name: str, tag: str) -> None:
    """Add an image with one file, as there is no registry to pull one from."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "etc").mkdir()
        (root / "etc/made-by").write_text("the tests")
        with tarfile.open(root / "image.tar", "w") as archive:
            archive.add(root / "etc", "etc")
        client.api.import_image_from_file(str(root / "image.tar"), repository=name, tag=tag)


def add_python_image(client: Any, name: str, tag: str) -> None:
    """Add an image in which this machine's Python runs, once a container has the volumes of `list_python_volumes`."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for part in ("bin", "lib", "lib64"):
            (root / part).symlink_to(f"usr/{part}")
        for part in ("etc", "tmp", "root"):
            (root / part).mkdir()
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        with tarfile.open(root / "image.tar", "w") as archive:
            for part in ("bin", "lib", "lib64", "etc", "tmp", "root"):
                archive.add(root / part, part)
        path = f"ENV PATH={Path(sys.executable).parent}:/usr/bin"
        client.api.import_image_from_file(str(root / "image.tar"), repository=name, tag=tag, changes=[path])


def list_python_volumes() -> list[str]:
    """Return the volumes with this machine's Python, its libraries and this package."""
    places = {Path("/usr"), Path(sys.base_prefix), Path(sys.prefix), Path(__file__).parents[1] / "src"}
    return [f"{place}:{place}:ro" for place in sorted(places)]
