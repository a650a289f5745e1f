"""The protocol of lock managers, and a base class of this package's own."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from prefect._io import drive


@runtime_checkable
class LockManager(Protocol):
    """Locks by key, each with one holder at a time.

    A holder may acquire its lock again. All timeouts are in seconds; None waits without limit, or holds until the lock
    is released.
    """

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it.

        Args:
            key: The key.
            holder: The new holder.
            acquire_timeout: Seconds to wait for it.
            hold_timeout: Seconds after which it is free without being released.

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
        """Release the lock.

        Raises:
            ValueError: This holder does not hold the lock.
        """
        ...

    def is_locked(self, key: str) -> bool:
        """Return whether the lock is held."""
        ...

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Return whether this holder holds the lock."""
        ...

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free, without acquiring it, and return whether it is."""
        ...

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free, without blocking the event loop."""
        ...


class DrivenLockManager(LockManager):
    """Base class of lock managers whose blocking methods run the async ones to their end."""

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock and take it. See `LockManager.acquire_lock`."""
        return drive(self.aacquire_lock(key, holder, acquire_timeout, hold_timeout))

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock is free, and return whether it is."""
        return drive(self.await_for_lock(key, timeout))
