"""A lock between processes, held while a file is open: a process that dies releases it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prefect._lazy import lazy_modules

if TYPE_CHECKING:
    import fcntl
    import msvcrt
else:
    fcntl, msvcrt = lazy_modules("fcntl", "msvcrt")


class ProcessLock:
    """At most one holder among all processes of this machine.

    Args:
        path: The lock file; it is created and stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Acquire the lock without waiting; return whether it was free."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if sys.platform == "win32":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._file = handle
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            handle, self._file = self._file, None
            os.close(handle)
