"""Locks between the processes that share a directory: one small file for each lock that is held.

The file says who holds it, until when, and which process that is. A lock whose process has ended on this host is free,
so a crash blocks nobody for ever; one held on another host is trusted until it expires.
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
from prefect._io import blocking, drive, sleep
from prefect.locking.protocol import LockManager
from prefect.types import UTC, new_id, now

try:
    import fcntl
except ImportError:  # Windows: breaking a crashed holder's lock is not guarded against another breaker there
    fcntl = None

_FIRST_PAUSE, _LAST_PAUSE = 0.005, 0.1
_HALF_WRITTEN = 5.0  # seconds after which a lock file that nobody can read is taken for a crashed writer's


class FileSystemLockManager(LockManager):
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
        pause = _FIRST_PAUSE
        while not await blocking(self._try_acquire, key, holder, hold_timeout):
            if not await _pause(pause, deadline):
                return False
            pause = min(2 * pause, _LAST_PAUSE)
        return True

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it. See `LockManager.acquire_lock`."""
        return drive(self.aacquire_lock(key, holder, acquire_timeout, hold_timeout))

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock, without blocking the event loop, and return whether it is free."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while await blocking(self.is_locked, key):
            if not await _pause(pause, deadline):
                return False
            pause = min(2 * pause, _LAST_PAUSE)
        return True

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock, and return whether it is free."""
        return drive(self.await_for_lock(key, timeout))

    def release_lock(self, key: str, holder: str) -> None:
        """Free the lock.

        Raises:
            ValueError: This holder does not hold it.
        """
        path = self._path(key)
        if path.exists():
            with self._guarded():
                lock = _read(path)
                if lock and _is_held(lock) and lock.get("holder") == holder:
                    path.unlink(missing_ok=True)
                    return
        raise ValueError(f"No lock held by {holder} for transaction with key {key}.")

    def is_locked(self, key: str, use_cache: bool = False) -> bool:
        """Whether anybody holds the lock. The file is read each time; `use_cache` changes nothing."""
        lock = _read(self._path(key))
        return lock is not None and _is_held(lock)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder holds the lock."""
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
        with self._guarded():
            lock = _read(path)
            if lock is not None:
                if _is_held(lock) and lock.get("holder") != holder:
                    return False
                path.unlink(missing_ok=True)
            return _create(path, _describe(holder, hold_timeout))

    @contextlib.contextmanager
    def _guarded(self) -> Generator[None]:
        """Between reading a lock and replacing it, no other process may do the same.

        The guard is the operating system's: it is freed when its process ends.
        """
        self.lock_files_directory.mkdir(parents=True, exist_ok=True)
        with open(self.lock_files_directory / ".guard", "ab") as guard:
            if fcntl:
                fcntl.flock(guard, fcntl.LOCK_EX)
            yield


def _describe(holder: str, hold_timeout: float | None) -> dict[str, Any]:
    expiration = None if hold_timeout is None else str(now() + timedelta(seconds=hold_timeout))
    return {
        "holder": holder,
        "expiration": expiration,
        "pid": os.getpid(),
        "start": _processes.start_mark(),
        "host": _processes.host(),
    }


def _create(path: Path, lock: dict[str, Any]) -> bool:
    """Make the lock file with its whole content, or return False when there is one."""
    beside = path.parent / f".{new_id().hex}.tmp"
    beside.write_text(json.dumps(lock, separators=(",", ":")))
    try:
        os.link(beside, path)  # unlike a rename, it fails when the name is taken
    except FileExistsError:
        return False
    except OSError:  # no hard links on this file system
        return _create_in_place(path, beside.read_bytes())
    finally:
        beside.unlink()
    return True


def _create_in_place(path: Path, content: bytes) -> bool:
    try:
        with open(path, "xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _read(path: Path) -> dict[str, Any] | None:
    """What a lock file says, or None when there is none."""
    try:
        content = path.read_text()
        written = path.stat().st_mtime
    except FileNotFoundError:
        return None
    try:
        lock = json.loads(content)
    except ValueError:
        lock = None
    # Somebody who writes in place may be in the middle of it.
    return lock if isinstance(lock, dict) else {"holder": None, "unreadable": time.time() - written}


def _is_held(lock: dict[str, Any]) -> bool:
    if lock.get("unreadable", 0) > _HALF_WRITTEN:
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
