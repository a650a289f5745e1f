"""Identity of operating-system processes: who owns a run, and whether the owner is still there.

Pids are reused, so an owner is identified by its pid, its host and a start mark. The mark holds the start time in the
kernel's own clock ticks (a clock that goes back cannot confuse it), the boot it belongs to and the pid namespace that
the pid is valid in.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from typing import TYPE_CHECKING

from prefect._lazy import lazy

if TYPE_CHECKING:
    import psutil
else:
    psutil = lazy("psutil")


@cache
def host() -> str:
    """Return the name of this host."""
    return platform.node()


def start_mark(pid: int | None = None) -> str | None:
    """Return the start mark of a live process, by default this one; None when there is no such process."""
    pid = os.getpid() if pid is None else pid
    if os.path.exists("/proc/self/stat"):
        return _read_linux_start_mark(pid)
    try:
        return f"{psutil.Process(pid).create_time():.2f}@/"
    except psutil.NoSuchProcess:
        return None


def is_alive(pid: int, mark: str) -> bool:
    """Return whether the process that had `pid` and the start mark `mark` on this host still runs.

    A process of another pid namespace (another container on this host) cannot be seen and counts as alive.
    """
    started, _, place = mark.partition("@")
    boot, _, namespace = place.partition("/")
    here = _read_linux_boot() if os.path.exists("/proc/self/stat") else ("", "")
    if boot != here[0]:
        return False
    if namespace != here[1]:
        return True
    current = start_mark(pid)
    return current is not None and current.partition("@")[0] == started


def _read_linux_start_mark(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command name may hold spaces and parentheses: fields are counted from the last one.
            state, *fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The first thread may end before the others: they still hold the files of the process, and may still run.
    if state == b"X" or (state == b"Z" and int(fields[16]) <= 1):
        return None
    boot, namespace = _read_linux_boot()
    return f"{fields[18].decode()}@{boot}/{namespace}"


@cache
def _read_linux_boot() -> tuple[str, str]:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
        return boot, os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return "", ""
