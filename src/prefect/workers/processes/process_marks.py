"""Marks of the processes that run flow runs on this machine: a file each, so that another worker finds the one to stop.

A pid alone says too little: it is reused, and the same one exists on every machine. The file's name has the run and the
pid, and its content identifies the process.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from uuid import UUID

from prefect import _processes
from prefect.settings import get_current_settings


def _get_directory() -> Path:
    return get_current_settings().home / "run-processes"


def write(flow_run_id: UUID, pid: int) -> None:
    """Write down the process of a flow run. Where that is impossible, no other worker can stop the process."""
    with contextlib.suppress(OSError):
        directory = _get_directory()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{flow_run_id}.{pid}").write_text(_processes.start_mark(pid) or "")


def remove(flow_run_id: UUID, pid: int) -> None:
    """Remove what was written down about the process of a flow run, which has ended."""
    with contextlib.suppress(OSError):
        (_get_directory() / f"{flow_run_id}.{pid}").unlink(missing_ok=True)


def find(flow_run_id: UUID, pid: int) -> str | None:
    """Return what identifies the process of a flow run; empty if it has ended, None if it is of another machine."""
    try:
        mark = (_get_directory() / f"{flow_run_id}.{pid}").read_text()
    except OSError:
        return None
    return mark if mark and _processes.is_alive(pid, mark) else ""


def remove_ended() -> None:
    """Remove what killed workers have left about processes that have ended."""
    with contextlib.suppress(OSError):
        for path in list(_get_directory().iterdir()):
            run, _, pid = path.name.partition(".")
            if pid.isdigit() and find(UUID(run), int(pid)) == "":
                path.unlink(missing_ok=True)
