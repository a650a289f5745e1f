"""Locks between processes that share a directory: one small file for each lock that is held.

The file has the holder, its process and the expiration. A lock whose process has ended on this host is free, so a crash
blocks no other process for ever; a lock of another host is held until it expires.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from prefect import _processes
from prefect._io import blocking, sleep
from prefect.locking.protocol import DrivenLockManager
from prefect.types import UTC, new_id, now

try:
    import fcntl
except ImportError:  # Windows: breaking a crashed holder's lock is not guarded against another breaker there
    fcntl = None

_MIN_POLL_INTERVAL_SECONDS, _MAX_POLL_INTERVAL_SECONDS = 0.005, 0.1
_PARTIAL_WRITE_TIMEOUT_SECONDS = 5.0  # an unreadable lock file that is older is left from a crashed writer


class FileSystemLockManager(DrivenLockManager):
    """Locks shared by all processes that see a directory.

    Args:
        lock_files_directory: Where the lock files are; it is made when it does not exist.
    """

    def __init__(self, lock_files_directory: Path) -> None:
        self.lock_files_directory = Path(lock_files_directory).expanduser().resolve()

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it, without blocking the event loop. See `LockManager.acquire_lock`."""
        deadline = None if acquire_timeout is None else time.monotonic() + acquire_timeout
        pause = _MIN_POLL_INTERVAL_SECONDS
        while not await blocking(self._try_acquire, key, holder, hold_timeout):
            if not await _pause(pause, deadline):
                return False
            pause = min(2 * pause, _MAX_POLL_INTERVAL_SECONDS)
        return True

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free, without blocking the event loop, and return whether it is."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _MIN_POLL_INTERVAL_SECONDS
        while await blocking(self.is_locked, key):
            if not await _pause(pause, deadline):
                return False
            pause = min(2 * pause, _MAX_POLL_INTERVAL_SECONDS)
        return True

    def release_lock(self, key: str, holder: str) -> None:
        """Release the lock.

        Raises:
            ValueError: This holder does not hold the lock.
        """
        path = self._path(key)
        if path.exists():
            with self._guard_directory():
                lock = _read(path)
                if lock and _is_held(lock) and lock.get("holder") == holder:
                    path.unlink(missing_ok=True)
                    return
        raise ValueError(f"No lock held by {holder} for transaction with key {key}.")

    def is_locked(self, key: str, use_cache: bool = False) -> bool:
        """Return whether the lock is held. The file is read each time; `use_cache` has no effect."""
        lock = _read(self._path(key))
        return lock is not None and _is_held(lock)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Return whether this holder holds the lock."""
        lock = _read(self._path(key))
        return lock is not None and _is_held(lock) and lock.get("holder") == holder

    def _path(self, key: str) -> Path:
        # A plain key is the file's name; others must neither leave the directory nor be too long for a name.
        name = quote(key, safe=" ,;=+@$()[]{}!'&~")
        if len(name) > 200 or name.startswith("."):
            name = hashlib.sha256(key.encode()).hexdigest()
        return self.lock_files_directory / f"{name}.lock"

    def _try_acquire(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        path = self._path(key)
        lock = _read(path)
        if lock and _is_held(lock) and lock.get("holder") != holder:
            return False
        with self._guard_directory():
            lock = _read(path)
            if lock is not None:
                if _is_held(lock) and lock.get("holder") != holder:
                    return False
                path.unlink(missing_ok=True)
            return _create(path, _build_lock(holder, hold_timeout))

    @contextlib.contextmanager
    def _guard_directory(self) -> Generator[None]:
        """Keep other processes from replacing a lock at the same time.

        The guard is a lock of the operating system, which releases it when its process ends.
        """
        self.lock_files_directory.mkdir(parents=True, exist_ok=True)
        with open(self.lock_files_directory / ".guard", "ab") as guard:
            if fcntl:
                fcntl.flock(guard, fcntl.LOCK_EX)
            yield


def _build_lock(holder: str, hold_timeout: float | None) -> dict[str, Any]:
    expiration = None if hold_timeout is None else str(now() + timedelta(seconds=hold_timeout))
    return {
        "holder": holder,
        "expiration": expiration,
        "pid": os.getpid(),
        "start": _processes.start_mark(),
        "host": _processes.host(),
    }


def _create(path: Path, lock: dict[str, Any]) -> bool:
    """Create the lock file with its whole content, or return False if it exists."""
    temporary_path = path.parent / f".{new_id().hex}.tmp"
    temporary_path.write_text(json.dumps(lock, separators=(",", ":")))
    try:
        os.link(temporary_path, path)  # unlike a rename, it fails when the name is taken
    except FileExistsError:
        return False
    except OSError:  # no hard links on this file system
        return _create_in_place(path, temporary_path.read_bytes())
    finally:
        temporary_path.unlink()
    return True


def _create_in_place(path: Path, content: bytes) -> bool:
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _read(path: Path) -> dict[str, Any] | None:
    """Read a lock file; return None if there is none."""
    try:
        content = path.read_text()
        written = path.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        lock = json.loads(content)
    except ValueError:
        lock = None
    # Another process may be writing the file.
    return lock if isinstance(lock, dict) else {"holder": None, "unreadable": time.time() - written}


def _is_held(lock: dict[str, Any]) -> bool:
    if lock.get("unreadable", 0) > _PARTIAL_WRITE_TIMEOUT_SECONDS:
        return False
    if (expiration := lock.get("expiration")) and now() >= _parse(expiration):
        return False
    pid, mark = lock.get("pid"), lock.get("start")
    if not isinstance(pid, int) or not isinstance(mark, str) or lock.get("host") != _processes.host():
        return True
    return _processes.is_alive(pid, mark)


def _parse(expiration: str) -> datetime:
    moment = datetime.fromisoformat(expiration)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _pause(seconds: float, deadline: float | None) -> bool:
    """Sleep, but not beyond the deadline; False when it has passed."""
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        seconds = min(seconds, left)
    await sleep(seconds)
    return True
