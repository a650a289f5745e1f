"""Locks within one process."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from prefect._io import wait
from prefect.locking.protocol import DrivenLockManager

if TYPE_CHECKING:
    import concurrent.futures


class _Held:
    """A held lock: its holder, its expiration in the monotonic clock, and its waiters."""

    __slots__ = ("expires", "holder", "waiters")

    def __init__(self) -> None:
        self.holder: str | None = None
        self.expires: float | None = None
        self.waiters: list[concurrent.futures.Future[None]] = []

    def is_free(self) -> bool:
        return self.holder is None or (self.expires is not None and time.monotonic() >= self.expires)


class MemoryLockManager(DrivenLockManager):
    """Locks shared by the threads and coroutines of this process. There is one such manager in a process."""

    _instance: MemoryLockManager | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> MemoryLockManager:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance._reset()
        return cls._instance

    def __init__(self) -> None:
        pass

    def _reset(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, _Held] = {}
        self._inherited: set[tuple[str, str]] = set()

    def free_in_child(self) -> None:
        """Free all locks in a forked child, which has none of the threads that hold them.

        Code that the fork interrupted continues in the child, and may still release what it holds there.
        """
        held = {(key, lock.holder) for key, lock in self._locks.items() if lock.holder is not None}
        self._reset()
        self._inherited = held

    def __getstate__(self) -> dict[str, Any]:
        # Another process gets new locks.
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        pass

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it, without blocking the event loop. See `LockManager.acquire_lock`."""
        deadline = _deadline(acquire_timeout)
        while True:
            with self._guard:
                held = self._locks.setdefault(key, _Held())
                if held.is_free() or held.holder == holder:
                    held.holder, held.expires = holder, _deadline(hold_timeout)
                    return True
            if not await self._wait_for_change(key, deadline):
                return False

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free, without blocking the event loop, and return whether it is."""
        deadline = _deadline(timeout)
        while self.is_locked(key):
            if not await self._wait_for_change(key, deadline):
                return not self.is_locked(key)
        return True

    def release_lock(self, key: str, holder: str) -> None:
        """Release the lock.

        Raises:
            ValueError: This holder does not hold the lock.
        """
        with self._guard:
            held = self._locks.get(key)
            if held is None or held.is_free() or held.holder != holder:
                if (key, holder) in self._inherited:
                    self._inherited.remove((key, holder))
                    return
                raise ValueError(f"No lock held by {holder} for transaction with key {key}.")
            del self._locks[key]
            waiters = held.waiters
        for waiter in waiters:
            _wake(waiter)

    def is_locked(self, key: str) -> bool:
        """Return whether the lock is held."""
        held = self._locks.get(key)
        return held is not None and not held.is_free()

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Return whether this holder holds the lock."""
        held = self._locks.get(key)
        return held is not None and not held.is_free() and held.holder == holder

    async def _wait_for_change(self, key: str, deadline: float | None) -> bool:
        """Wait until the lock may have become free; False when the deadline has passed."""
        with self._guard:
            held = self._locks.get(key)
            if held is None or held.is_free():
                return True
            waiter: concurrent.futures.Future[None] = _new_future()
            held.waiters.append(waiter)
            until = min((at for at in (deadline, held.expires) if at is not None), default=None)
        try:
            await wait(waiter, None if until is None else max(0.0, until - time.monotonic()))
        except TimeoutError:
            return deadline is None or time.monotonic() < deadline
        finally:
            with self._guard:
                if waiter in held.waiters:
                    held.waiters.remove(waiter)
        return True


def _free_in_child() -> None:
    if MemoryLockManager._instance is not None:
        MemoryLockManager._instance.free_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)


def _new_future() -> concurrent.futures.Future[None]:
    import concurrent.futures  # slow to import, and most locks are never waited for

    return concurrent.futures.Future()


def _wake(waiter: concurrent.futures.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
