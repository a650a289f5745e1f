"""Renew the leases of slots, in one thread of the process, and report a lost lease in the run that held it.

A lease is renewed after a third of its time. It is lost when the API says that it has ended, or cannot be reached until
it must have expired.
"""

from __future__ import annotations

import contextvars
import ctypes
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from prefect import _forks
from prefect._io import drive
from prefect._lazy import lazy
from prefect.client import failures
from prefect.concurrency import slots
from prefect.concurrency.slots import HeldSlots
from prefect.exceptions import ConcurrencySlotAcquisitionError, MissingContextError
from prefect.logging.loggers import get_logger, get_run_logger

if TYPE_CHECKING:
    import asyncio
    import logging
else:
    asyncio = lazy("asyncio")

RENEWALS_PER_LEASE = 3
"""How often a lease is renewed while it lasts."""

RETRY_INTERVAL_SECONDS = 1.0
"""Between two attempts to renew a lease while the API is unavailable."""

ENDED_STATUSES = frozenset({404, 410})
"""HTTP statuses by which an API reports that a lease has ended."""


class LeaseLost(ConcurrencySlotAcquisitionError):
    """The lease of slots has ended before the code that holds them."""

    def __init__(self, message: str = "The slots that this code held were lost.") -> None:
        super().__init__(message)


class Renewal:
    """The renewal of one lease, from `start` to `stop`.

    Args:
        held: The slots.
        raises: Whether the code that holds them is interrupted when they are lost; otherwise that is only logged.
        interrupt: Interrupts that code.
    """

    def __init__(self, held: HeldSlots, raises: bool, interrupt: Callable[[], None]) -> None:
        self.held = held
        self._raises = raises
        self._interrupt = interrupt
        self._context = contextvars.copy_context()
        self._lock = _forks.create_lock()
        self._is_over = False
        self._expires = time.monotonic() + held.lease_seconds
        self.due = time.monotonic() + held.lease_seconds / RENEWALS_PER_LEASE
        self.lost: LeaseLost | None = None

    def start(self) -> None:
        """Start renewing the lease."""
        _renewal_thread.add(self)

    def stop(self) -> None:
        """Stop renewing the lease and interrupting the code."""
        _renewal_thread.remove(self)
        with self._lock:
            self._is_over = True

    def raise_lost(self) -> None:
        """Raise `LeaseLost` if the lease was lost and `raises` is set."""
        if self.lost is not None and self._raises:
            raise self.lost

    def renew(self) -> bool:
        """Renew the lease; return False when it is lost."""
        try:
            started = time.monotonic()
            drive(slots.renew_lease(self.held))
        except Exception as error:
            if failures.get_status(error) in ENDED_STATUSES:
                self._report_lost("the lease had ended, because it was not renewed in time or its limit was reset")
                return False
            if time.monotonic() >= self._expires:
                self._report_lost(f"the lease could not be renewed ({failures.describe_error(error)})")
                return False
            self.due = time.monotonic() + min(RETRY_INTERVAL_SECONDS, max(0.05, self._expires - time.monotonic()))
            return True
        self._expires = started + self.held.lease_seconds
        self.due = started + self.held.lease_seconds / RENEWALS_PER_LEASE
        return True

    def _report_lost(self, reason: str) -> None:
        names = ", ".join(repr(limit.name) for limit in self.held.limits)
        with self._lock:
            if self._is_over:
                return
            self.lost = LeaseLost(f"The slots of {names} were lost: {reason}. Others may hold them now.")
            self._context.run(self._report)
            if self._raises:
                self._interrupt()

    def _report(self) -> None:
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
        try:
            logger = get_run_logger()
        except MissingContextError:
            logger = get_logger("concurrency")
        consequence = "The code is interrupted." if self._raises else "The code continues without them."
        logger.error("%s %s", self.lost, consequence)


def interrupt_thread(thread_id: int) -> None:
    """Raise `LeaseLost` in a thread, as soon as it runs Python code again."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(LeaseLost))


def clear_interrupt() -> None:
    """Cancel an exception that is scheduled in this thread and has not been raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threading.get_ident()), None)


class _RenewalThread:
    """The thread that renews the leases of this process. It ends soon after the last of them.

    Waking it costs more than taking a slot, so it is woken only for a lease that is due before it wakes by itself.
    """

    def __init__(self) -> None:
        # Blocks use the lock itself: an interrupt on entering those of a condition may leave it locked.
        self._lock = _forks.create_lock()
        self._changed = threading.Condition(self._lock)
        self._renewals: set[Renewal] = set()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0

    def add(self, renewal: Renewal) -> None:
        with self._lock:
            self._renewals.add(renewal)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="prefect-slot-leases", daemon=True)
                self._thread.start()
            elif renewal.due < self._wakes_at:
                self._changed.notify()

    def remove(self, renewal: Renewal) -> None:
        with self._lock:
            self._renewals.discard(renewal)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._wakes_at = min(
                    [time.monotonic() + MAX_SLEEP_SECONDS, *(renewal.due for renewal in self._renewals)]
                )
                self._changed.wait(max(0.0, self._wakes_at - time.monotonic()))
                if not self._renewals:
                    self._thread = None
                    return
                ready = [renewal for renewal in self._renewals if renewal.due <= time.monotonic()]
            for renewal in ready:
                if not renewal.renew():
                    self.remove(renewal)


MAX_SLEEP_SECONDS = 1.0
"""How long the thread sleeps at most, since it is not woken when a lease ends."""

_renewal_thread = _RenewalThread()
