"""What every lock manager can do, whoever wrote it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class LockManager(Protocol):
    """Locks by key, each with one holder at a time.

    Acquiring a lock that one holds already succeeds. All timeouts are in seconds; None waits for ever, or holds until
    the lock is released.
    """

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it.

        Args:
            key: What is locked.
            holder: Who holds it from now on.
            acquire_timeout: How long to wait for it.
            hold_timeout: How long it is held at most; then it is free without being released.

        Returns:
            Whether it was acquired.
        """
        ...

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it, without blocking the event loop."""
        ...

    def release_lock(self, key: str, holder: str) -> None:
        """Free the lock.

        Raises:
            ValueError: This holder does not hold it.
        """
        ...

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds the lock."""
        ...

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether this holder holds the lock."""
        ...

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock, without taking it. Returns whether it is free."""
        ...

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock, without blocking the event loop."""
        ...
