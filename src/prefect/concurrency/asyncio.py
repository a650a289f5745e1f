"""Concurrency limits for async code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prefect._io import shield
from prefect.concurrency import slots
from prefect.concurrency.holding import Holding, take_rate
from prefect.concurrency.holding import emit_concurrency_acquisition_events as emit_concurrency_acquisition_events
from prefect.concurrency.slots import SlotRequest
from prefect.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError

if TYPE_CHECKING:
    from prefect.schemas.concurrency import ConcurrencyLeaseHolder

__all__ = ["AcquireConcurrencySlotTimeoutError", "ConcurrencySlotAcquisitionError", "concurrency", "rate_limit"]


@asynccontextmanager
async def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 30,
    strict: bool = False,
    holder: ConcurrencyLeaseHolder | None = None,
    raise_on_lease_renewal_failure: bool | None = None,
    suppress_warnings: bool = False,
) -> AsyncGenerator[None, None]:
    """Hold slots of concurrency limits while the block runs, as `prefect.concurrency.sync.concurrency` does."""
    request = SlotRequest(
        slots.as_names(names),
        occupy,
        timeout_seconds=timeout_seconds,
        max_retries=max_retries,
        lease_seconds=lease_duration,
        strict=strict,
        holder=holder,
        suppress_warnings=suppress_warnings,
    )
    raises = strict if raise_on_lease_renewal_failure is None else raise_on_lease_renewal_failure
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def interrupt() -> None:
        loop.call_soon_threadsafe(_cancel, task, holding)

    holding = Holding(request, raises, interrupt)
    await holding.acquire()
    _open.add(holding)
    try:
        yield
    except asyncio.CancelledError:
        if holding.lost is not None and raises and task.cancelling() == 1:
            task.uncancel()
            raise holding.lost from None
        raise
    finally:
        _open.discard(holding)
        await shield(holding.release())


def _cancel(task: asyncio.Task[object], holding: Holding) -> None:
    if holding in _open:
        task.cancel()


_open: set[Holding] = set()
"""The blocks that hold slots now, which may be interrupted."""


async def rate_limit(
    names: str | list[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """Wait until slots of rate limits are free, and take them, as `prefect.concurrency.sync.rate_limit` does."""
    await take_rate(SlotRequest(slots.as_names(names), occupy, "rate_limit", timeout_seconds, strict=strict))
