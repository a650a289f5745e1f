"""Concurrency limits by tags for sync code."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

from prefect._io import drive
from prefect.concurrency.v1.tag_slots import TagSlots
from prefect.concurrency.v1.tag_slots import acquire_concurrency_slots as acquire_concurrency_slots
from prefect.concurrency.v1.tag_slots import emit_concurrency_acquisition_events as emit_concurrency_acquisition_events
from prefect.concurrency.v1.tag_slots import emit_concurrency_release_events as emit_concurrency_release_events
from prefect.concurrency.v1.tag_slots import release_concurrency_slots as release_concurrency_slots
from prefect.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError

__all__ = ["AcquireConcurrencySlotTimeoutError", "ConcurrencySlotAcquisitionError", "concurrency"]


@contextmanager
def concurrency(
    names: str | list[str], task_run_id: UUID, timeout_seconds: float | None = None
) -> Generator[None, None]:
    """Hold a slot of the limit of each tag for a task run while the block runs, waiting for it first.

    Args:
        names: The tags; those that have no limit are not limited.
        task_run_id: The task run.
        timeout_seconds: How long to wait; as long as it takes if None.

    Raises:
        AcquireConcurrencySlotTimeoutError: The slots were not free in time.
        ConcurrencySlotAcquisitionError: They could not be taken.
    """
    held = TagSlots(names, task_run_id)
    drive(held.acquire(timeout_seconds))
    try:
        yield
    finally:
        drive(held.release())
