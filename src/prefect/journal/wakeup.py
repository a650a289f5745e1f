"""A wake-up of a thread that withstands an interrupt of the thread that sends it."""

from __future__ import annotations

from prefect import _forks


class Wakeup:
    """An event that is cleared by waiting for it.

    `threading.Event` is a lock in Python code: an interrupt (Ctrl+C, a timeout) within `set` or `wait` may leave it
    locked, and its next user blocks forever.
    """

    def __init__(self) -> None:
        self._unset = _forks.create_lock()
        self._unset.acquire()

    def set(self) -> None:
        """Wake one waiting thread, or the next one that waits."""
        try:
            self._unset.release()
        except RuntimeError:
            pass  # it is set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, and clear it; return False when `timeout` seconds were not enough."""
        return self._unset.acquire(timeout=-1 if timeout is None else max(0.0, timeout))

    def clear(self) -> None:
        """Clear it, if it is set."""
        self._unset.acquire(blocking=False)
