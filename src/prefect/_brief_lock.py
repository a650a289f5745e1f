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
    """A lock that is held for moments. It is free in a forked child, and after an interrupt of its acquisition.

    A thread must not acquire it twice.
    """

    __slots__ = ("_is_owned", "_lock", "release")

    def __init__(self) -> None:
        self._lock = _forks.create_rlock()  # unlike a plain one, it knows whether the thread has it
        self._is_owned = self._lock._is_owned  # conditions ask their lock by this name
        self.release = self._lock.release

    def acquire(self, blocking: bool = True) -> bool:
        """Acquire the lock; return whether it was free, if the caller does not want to wait."""
        try:
            while not self._lock.acquire(False):  # noqa: FBT003  # hot path: a keyword costs 100 ns
                if not blocking:
                    return False
                time.sleep(0)  # lets the thread go on that holds it
        except BaseException:  # Ctrl+C, perhaps with the lock acquired already
            if self._is_owned():
                self.release()
            raise
        return True

    def locked(self) -> bool:
        """Return whether a thread holds the lock."""
        if self._is_owned() or not self._lock.acquire(False):  # noqa: FBT003  # hot path: a keyword costs 100 ns
            return True
        self.release()
        return False

    def condition(self) -> threading.Condition:
        """Return a condition whose lock is this one."""
        lock: Any = self  # any object with these methods will do, though the type says otherwise
        return threading.Condition(lock)

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()
