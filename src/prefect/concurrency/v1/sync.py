"""Concurrency limits by tags for sync code."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

from prefect._io import drive
from prefect.concurrency.slots import as_names
from prefect.concurrency.v1.tag_slots import (
    acquire_concurrency_slots,
    emit_concurrency_acquisition_events,
    emit_concurrency_release_events,
    release_concurrency_slots,
)
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
    tags = as_names(names)
    limits = drive(acquire_concurrency_slots(tags, task_run_id, timeout_seconds))
    started = time.monotonic()
    events = emit_concurrency_acquisition_events(limits, task_run_id)
    try:
        yield
    finally:
        held = [limit.name for limit in limits]
        drive(release_concurrency_slots(held, task_run_id, time.monotonic() - started))
        emit_concurrency_release_events(limits, events, task_run_id)
