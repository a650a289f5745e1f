"""The slot of a running job in a pool, which is free while the job waits for futures."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Protocol
from uuid import UUID

from prefect._brief_lock import BriefLock


class BlockedFuture(Protocol):
    """The future of a run that may wait for other futures, its `blockers`."""

    blockers: tuple[Any, ...]

    @property
    def task_run_id(self) -> UUID: ...


def check_timeout(timeout: float | None) -> None:
    """Raise an error for a time limit below 0.

    Raises:
        ValueError: It is.
    """
    if timeout is not None and timeout < 0:
        raise ValueError(f"`timeout` must be a number of seconds of 0 or more, or None, not {timeout!r}.")


class Slot(Protocol):
    """The slot of a running job in a pool: released while the job waits, and acquired again.

    Attributes:
        future: The future that the job resolves when it ends; None if there is none.
    """

    future: BlockedFuture | None

    def release(self) -> None: ...
    def reacquire(self) -> None: ...


current_slot: ContextVar[Slot | None] = ContextVar("prefect_running_in", default=None)
"""The slot that the current code runs in, if it was submitted to a pool. Threads that copy the context share it."""

lock = BriefLock()


class BlockedOn:
    """Block that waits for futures, during which the slot of the waiting job is free.

    Args:
        futures: The futures.
        forever: There is no timeout. Then a run that waits for itself is an error.

    Raises:
        RuntimeError: All of the futures depend on the waiting run, so none would ever be done.
    """

    __slots__ = ("_futures", "_slot")

    def __init__(self, futures: Iterable[Any], forever: bool) -> None:
        self._slot = current_slot.get()
        self._futures = list(futures) if forever and self._slot is not None and self._slot.future is not None else []

    def __enter__(self) -> None:
        slot = self._slot
        if slot is None:
            return
        if self._futures and slot.future is not None:
            with lock:
                if all(_depends_on(future, slot.future) for future in self._futures):
                    raise ValueError(
                        f"Task run {str(slot.future.task_run_id)!r} waits for itself, which is a deadlock: the result "
                        "that it waits for depends on its own result."
                    )
                if len(self._futures) == 1:
                    slot.future.blockers += (self._futures[0],)
        slot.release()

    def __exit__(self, *_: object) -> None:
        slot = self._slot
        if slot is None:
            return
        if len(self._futures) == 1 and slot.future is not None:
            with lock:
                left = list(slot.future.blockers)
                if self._futures[0] in left:
                    left.remove(self._futures[0])
                slot.future.blockers = tuple(left)
        slot.reacquire()


def _depends_on(future: Any, other: Any) -> bool:
    """Return whether `future` cannot be done before `other` is, as far as is known. The lock is held."""
    seen: set[int] = set()
    left: list[Any] = [future]
    while left:
        found = left.pop()
        if found is other:
            return True
        if id(found) not in seen:
            seen.add(id(found))
            left.extend(getattr(found, "blockers", ()))
    return False
