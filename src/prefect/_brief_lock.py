"""A lock that is held for microseconds, which many threads take in turn at a high rate.

A thread that waits for a `threading.Lock` acquires it before it has the interpreter again: the thread that has the
interpreter then waits for the lock, and so on, a switch of threads for each acquisition, for as long as there is work.
This one is only ever acquired by a thread that has the interpreter. It must not be held while its thread waits for
anything else.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from prefect import _forks


class BriefLock:
    """A lock that is held for microseconds. It is free in a forked child."""

    __slots__ = ("_lock", "locked", "release")

    def __init__(self) -> None:
        self._lock = _forks.create_lock()
        self.locked = self._lock.locked  # Python 3.15's conditions want it of their lock
        self.release = self._lock.release

    def acquire(self, blocking: bool = True) -> bool:
        """Acquire the lock; return whether it was free, if the caller does not want to wait."""
        while not self._lock.acquire(False):
            if not blocking:
                return False
            time.sleep(0)  # lets the thread go on that holds it
        return True

    def condition(self) -> threading.Condition:
        """Return a condition whose lock is this one."""
        lock: Any = self  # any object with these methods will do, though the type says otherwise
        return threading.Condition(lock)

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()
