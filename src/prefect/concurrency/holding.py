"""Hold slots while a block of code runs, and emit events when they are taken and released."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from prefect._io import running_loop, shield
from prefect._lazy import lazy_modules
from prefect.concurrency import slots
from prefect.concurrency.renewal import LeaseLost, Renewal
from prefect.concurrency.slots import HeldSlots, SlotRequest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from uuid import UUID

    from prefect.events import utilities
    from prefect.schemas.events import Event
else:
    asyncio, utilities = lazy_modules("asyncio", "prefect.events.utilities")

Caller: TypeAlias = tuple[int, int]
"""The caller that holds slots: a thread, and a task of the event loop that runs in it."""


class Holding:
    """Slots that a block of code holds.

    Args:
        request: The request for them.
        raises: Whether the code is interrupted when the lease of the slots is lost.
        interrupt: Interrupts the code.
        emits: Whether events are emitted when the slots are taken and released.
    """

    def __init__(self, request: SlotRequest, raises: bool, interrupt: Callable[[], None], emits: bool = True) -> None:
        self._request = request
        self._raises = raises
        self._interrupt = interrupt
        self._emits = emits
        self._held: HeldSlots | None = None
        self._renewal: Renewal | None = None
        self._events: dict[UUID, Event | None] = {}
        self._caller: Caller = (0, 0)

    async def acquire(self) -> None:
        """Take the slots, and renew their lease from now on."""
        caller = _identify_caller()
        nesting = _held_by_caller.get(caller, [])
        held = self._held = await slots.acquire(self._request, [each for each in nesting if each.pid == os.getpid()])
        if held is None:
            return
        self._caller = caller
        _held_by_caller.setdefault(caller, []).append(held)
        self._renewal = Renewal(held, self._raises, self._interrupt)
        self._renewal.start()
        if self._emits:
            self._events = emit_concurrency_acquisition_events(held.limits, held.slots)

    async def release(self) -> None:
        """Release the slots, if any are held. After an interrupt, a second call completes the release.

        Raises:
            LeaseLost: The lease was lost before, and `raises` is set.
        """
        held = self._held
        if held is None:
            return
        _remove_held(self._caller, held)
        if self._renewal is not None:
            self._renewal.stop()
        if self.lost is None:
            await shield(slots.release(held))
        self._held = None
        if self._events:
            emit_concurrency_release_events(held.limits, held.slots, self._events)
        if self._renewal is not None:
            self._renewal.raise_lost()

    @property
    def lost(self) -> LeaseLost | None:
        """The error of a lost lease; None while the lease is valid."""
        return self._renewal.lost if self._renewal is not None else None


def _identify_caller() -> Caller:
    """Return the current thread, and the current task of its event loop (0 without one)."""
    task = asyncio.current_task() if running_loop() is not None else None
    return threading.get_ident(), id(task)


def _remove_held(caller: Caller, held: HeldSlots) -> None:
    nesting = [each for each in _held_by_caller.pop(caller, ()) if each is not held]
    if nesting:
        _held_by_caller[caller] = nesting


_held_by_caller: dict[Caller, list[HeldSlots]] = {}
"""The slots of the blocks that each thread or task is in."""


async def take_rate(request: SlotRequest) -> None:
    """Take slots of rate limits, waiting for them."""
    taken = await slots.acquire(request)
    if taken is not None:
        emit_concurrency_acquisition_events(taken.limits, taken.slots)


# --- events ----------------------------------------------------------------------------------------------------------


def emit_concurrency_acquisition_events(limits: Any, occupy: int) -> dict[UUID, Event | None]:
    """Emit that slots of limits were taken, and return the events by the ids of the limits."""
    return {limit.id: _emit("acquired", limit, limits, occupy) for limit in limits}


def emit_concurrency_release_events(limits: Any, occupy: int, events: dict[UUID, Event | None]) -> None:
    """Emit that slots of limits were released; `events` are those of their acquisition."""
    for limit in limits:
        _emit("released", limit, limits, occupy, events.get(limit.id))


def _emit(phase: str, limit: Any, limits: Any, occupy: int, follows: Event | None = None) -> Event | None:
    related = [
        {"prefect.resource.id": f"prefect.concurrency-limit.{other.id}", "prefect.resource.role": "concurrency-limit"}
        for other in limits
        if other.id != limit.id
    ]
    return utilities.emit_event(
        f"prefect.concurrency-limit.{phase}",
        {
            "prefect.resource.id": f"prefect.concurrency-limit.{limit.id}",
            "prefect.resource.name": limit.name,
            "slots-acquired": str(occupy),
            "limit": str(limit.limit),
        },
        related=related,
        follows=follows,
    )
