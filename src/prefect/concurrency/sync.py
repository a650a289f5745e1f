"""Concurrency limits for sync code."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect._io import drive
from prefect.concurrency import renewal, slots
from prefect.concurrency.holding import Holding, take_rate
from prefect.concurrency.holding import emit_concurrency_acquisition_events as emit_concurrency_acquisition_events
from prefect.concurrency.slots import SlotRequest
from prefect.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError

if TYPE_CHECKING:
    from prefect.schemas.concurrency import ConcurrencyLeaseHolder

__all__ = ["AcquireConcurrencySlotTimeoutError", "ConcurrencySlotAcquisitionError", "concurrency", "rate_limit"]


@contextmanager
def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = 30,
    strict: bool = False,
    holder: ConcurrencyLeaseHolder | None = None,
    raise_on_lease_renewal_failure: bool | None = None,
    suppress_warnings: bool = False,
) -> Generator[None, None, None]:
    """Hold slots of concurrency limits while the block runs, waiting for them first.

    Those who wait are served in order. The slots are held under a lease that is renewed while the block runs; if this
    process dies they are free again at the end of the lease at the latest, and immediately if there is no server.

    Args:
        names: The limits. Slots of all of them are taken, or of none.
        occupy: How many slots of each.
        timeout_seconds: How long to wait for them; as long as it takes if None.
        max_retries: How often to ask again when they are not free, without a place in the queue; any number if None.
        lease_duration: Seconds that the lease lasts unless it is renewed.
        strict: Whether a limit that does not exist is an error. Otherwise it does not limit.
        holder: The run that holds the slots; the current one if None.
        raise_on_lease_renewal_failure: Whether the block is interrupted when the lease is lost; as `strict` if None.
            Otherwise that is logged in the run, which continues.
        suppress_warnings: Whether limits that do not exist are not warned of.

    Raises:
        AcquireConcurrencySlotTimeoutError: The slots were not free in time.
        ConcurrencySlotAcquisitionError: They could not be taken, or the lease was lost.
        ValueError: An argument is out of range; it is a `ConcurrencySlotAcquisitionError` as well.
    """
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
    thread = threading.get_ident()
    holding = Holding(request, raises, lambda: renewal.interrupt_thread(thread))
    try:
        drive(holding.acquire())
        yield
    except renewal.LeaseLost as error:
        raise holding.lost or error from None
    finally:
        try:
            drive(holding.release())
        except BaseException:
            drive(holding.release())  # an interrupt may have come before the slots were released
            raise
        finally:
            if holding.lost is not None:  # the block may have ended before it was interrupted
                renewal.clear_interrupt()


def rate_limit(
    names: str | list[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """Wait until slots of rate limits are free, and take them; they are free again as they decay.

    Args:
        names: The limits, which have a slot decay.
        occupy: How many slots of each.
        timeout_seconds: How long to wait for them; as long as it takes if None.
        strict: Whether a limit that does not exist is an error.

    Raises:
        AcquireConcurrencySlotTimeoutError: The slots were not free in time.
        ConcurrencySlotAcquisitionError: They could not be taken.
        ValueError: An argument is out of range; it is a `ConcurrencySlotAcquisitionError` as well.
    """
    drive(take_rate(SlotRequest(slots.as_names(names), occupy, "rate_limit", timeout_seconds, strict=strict)))
