"""Slots of the limits of tags that a task run holds, without a lease, and their events."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._io import shield
from prefect._lazy import lazy_from
from prefect.client import failures
from prefect.concurrency import slots
from prefect.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from prefect.logging.loggers import get_logger

if TYPE_CHECKING:
    from prefect.client import transport
    from prefect.events import utilities
    from prefect.schemas import responses
    from prefect.schemas.events import Event
else:
    responses, transport, utilities = lazy_from("prefect", "schemas.responses", "client.transport", "events.utilities")


async def acquire_concurrency_slots(
    names: Sequence[str], task_run_id: UUID, timeout_seconds: float | None = None
) -> list[Any]:
    """Take a slot of the limit of each tag for a task run, waiting for it; return the limits that exist.

    Raises:
        AcquireConcurrencySlotTimeoutError: The slots were not free in time.
        ConcurrencySlotAcquisitionError: The API refused for another reason or cannot be reached.
    """
    if not names:
        return []
    api = transport.get_shared_transport()
    body = {"names": list(names), "task_run_id": task_run_id}

    async def request(_: float | None) -> Any:
        return await api.call("POST", "/concurrency_limits/increment", {}, body)

    try:
        answer = await slots.repeat_until_granted(request, timeout_seconds, None)
    except slots.StillLocked as error:
        raise AcquireConcurrencySlotTimeoutError(
            f"No slots of {list(names)!r} were free within {timeout_seconds:g} seconds."
        ) from error.refusal
    except Exception as error:
        raise ConcurrencySlotAcquisitionError(
            f"No slots of {list(names)!r} could be taken: {failures.describe_error(error)}"
        ) from error
    return [responses.MinimalConcurrencyLimitResponse.model_validate(limit) for limit in answer]


async def release_concurrency_slots(names: Sequence[str], task_run_id: UUID, occupancy_seconds: float) -> None:
    """Release the slots of a task run; an unreachable API is logged."""
    if not names:
        return
    body = {"names": list(names), "task_run_id": task_run_id, "occupancy_seconds": occupancy_seconds}
    try:
        await shield(transport.get_shared_transport().call("POST", "/concurrency_limits/decrement", {}, body))
    except Exception as error:
        get_logger("concurrency").warning(
            "The slots of %s could not be released: %s. `prefect concurrency-limit reset` releases them.",
            list(names),
            failures.describe_error(error),
        )


class TagSlots:
    """The slots that a task run holds while a block runs.

    Args:
        names: The tags.
        task_run_id: The task run.
    """

    def __init__(self, names: str | list[str], task_run_id: UUID) -> None:
        self._names = slots.as_names(names)
        self._task_run_id = task_run_id
        self._limits: list[Any] = []
        self._acquired: dict[UUID, Event | None] = {}

    async def acquire(self, timeout_seconds: float | None) -> None:
        """Take the slots, waiting for them; raises what `acquire_concurrency_slots` does."""
        self._limits = await acquire_concurrency_slots(self._names, self._task_run_id, timeout_seconds)
        self._started = time.monotonic()
        self._acquired = emit_concurrency_acquisition_events(self._limits, self._task_run_id)

    async def release(self) -> None:
        """Release the slots."""
        held = [limit.name for limit in self._limits]
        await release_concurrency_slots(held, self._task_run_id, time.monotonic() - self._started)
        emit_concurrency_release_events(self._limits, self._acquired, self._task_run_id)


# --- events ----------------------------------------------------------------------------------------------------------


def emit_concurrency_acquisition_events(limits: Sequence[Any], task_run_id: UUID) -> dict[UUID, Event | None]:
    """Emit that slots of limits were taken, and return the events by the ids of the limits."""
    return {limit.id: _emit("acquired", limit, limits, task_run_id) for limit in limits}


def emit_concurrency_release_events(limits: Sequence[Any], events: dict[UUID, Event | None], task_run_id: UUID) -> None:
    """Emit that slots of limits were released."""
    for limit in limits:
        _emit("released", limit, limits, task_run_id, events.get(limit.id))


def _emit(
    phase: str, limit: Any, limits: Sequence[Any], task_run_id: UUID, follows: Event | None = None
) -> Event | None:
    kind = "prefect.concurrency-limit.v1"
    return utilities.emit_event(
        f"{kind}.{phase}",
        {
            "prefect.resource.id": f"{kind}.{limit.id}",
            "prefect.resource.name": limit.name,
            "task_run_id": str(task_run_id),
            "limit": str(limit.limit),
        },
        related=[
            {"prefect.resource.id": f"{kind}.{other.id}", "prefect.resource.role": "concurrency-limit"}
            for other in limits
            if other.id != limit.id
        ],
        follows=follows,
    )
