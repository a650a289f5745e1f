"""Locks that a forked child starts with free, and locks that a fork waits for.

Only the forking thread exists in a child. A lock that another thread held would stay locked there for ever, and a file
that another thread had open as a database would be used by two processes that each take it for theirs alone.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

FORK_TIMEOUT_SECONDS = 6.0
"""How long a fork waits at most for what must not be split: longer than a commit waits for other processes."""

_locks: set[weakref.ref[Any]] = set()
_guards: weakref.WeakKeyDictionary[Any, weakref.WeakMethod[Callable[[], None]] | None] = weakref.WeakKeyDictionary()
_held = threading.local()
_has_forked = False


def has_forked() -> bool:
    """Return whether this process may have children that Python has forked."""
    return _has_forked


def create_lock() -> threading.Lock:
    """Return a lock that is free in a forked child, even if a thread of the parent held it."""
    return _reinitialize_in_children(threading.Lock())


def create_rlock() -> Any:
    """Return a reentrant lock that is free in a forked child."""
    return _reinitialize_in_children(threading.RLock())


def _reinitialize_in_children(lock: Any) -> Any:
    # A callback in C: the exception of a signal (Ctrl+C) that comes in one of Python's, as `WeakSet` has, is lost.
    _locks.add(weakref.ref(lock, _locks.discard))
    return lock


def create_guard(before_fork: Callable[[], None] | None = None) -> threading.Lock:
    """Return a lock that a fork acquires first: it waits for the thread that holds it. It is free in the child.

    A thread must not hold two of them, and must not fork while it holds one.

    Args:
        before_fork: A method to call before a fork, with the lock held.
    """
    lock = create_lock()
    _guards[lock] = weakref.WeakMethod(before_fork) if before_fork is not None else None
    return lock


def _before_fork() -> None:
    deadline = time.monotonic() + FORK_TIMEOUT_SECONDS
    held = _held.guards = []
    for guard, reference in list(_guards.items()):
        if guard.acquire(timeout=max(0.0, deadline - time.monotonic())):
            held.append(guard)
            if reference is not None and (before_fork := reference()) is not None:
                before_fork()


def _after_fork_in_parent() -> None:
    global _has_forked
    _has_forked = True
    for guard in _held.__dict__.pop("guards", ()):
        guard.release()


def _after_fork_in_child() -> None:
    for reference in list(_locks):
        if (lock := reference()) is not None:
            lock._at_fork_reinit()  # what `logging` and `threading` call for their own locks


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
