"""Concurrency limits by tags for async code."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from prefect.concurrency.v1.tag_slots import TagSlots
from prefect.concurrency.v1.tag_slots import acquire_concurrency_slots as acquire_concurrency_slots
from prefect.concurrency.v1.tag_slots import emit_concurrency_acquisition_events as emit_concurrency_acquisition_events
from prefect.concurrency.v1.tag_slots import emit_concurrency_release_events as emit_concurrency_release_events
from prefect.concurrency.v1.tag_slots import release_concurrency_slots as release_concurrency_slots
from prefect.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError

__all__ = ["AcquireConcurrencySlotTimeoutError", "ConcurrencySlotAcquisitionError", "concurrency"]


@asynccontextmanager
async def concurrency(
    names: str | list[str], task_run_id: UUID, timeout_seconds: float | None = None
) -> AsyncGenerator[None, None]:
    """Hold a slot of each tag's limit while the block runs, as `prefect.concurrency.v1.sync.concurrency` does."""
    held = TagSlots(names, task_run_id)
    await held.acquire(timeout_seconds)
    try:
        yield
    finally:
        await held.release()
