"""A service that takes slots of tag limits in a separate thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.concurrency import slots
from prefect.concurrency.request_service import RequestService
from prefect.exceptions import AcquireConcurrencySlotTimeoutError

if TYPE_CHECKING:
    from httpx import Response

    from prefect.client import orchestration
else:
    orchestration = lazy("prefect.client.orchestration")


class ConcurrencySlotAcquisitionServiceError(Exception):
    """Slots could not be taken."""


class ConcurrencySlotAcquisitionService(RequestService):
    """Takes a slot of the limit of each tag for a task run."""

    async def acquire(self, task_run_id: UUID, timeout_seconds: float | None = None) -> Response:
        """Take the slots and return the response of the API.

        Args:
            task_run_id: The task run.
            timeout_seconds: How long to wait.

        Raises:
            TimeoutError: They were not free in time.
            ConcurrencySlotAcquisitionServiceError: The API refused.
        """
        client = orchestration.get_client()

        async def request(_: float | None) -> Any:
            return await client.increment_v1_concurrency_slots(self.concurrency_limit_names, task_run_id)

        try:
            return await slots.repeat_until_granted(request, timeout_seconds, None)
        except slots.StillLocked as error:
            raise AcquireConcurrencySlotTimeoutError("The slots were not free in time.") from error.refusal
        except Exception as error:
            raise ConcurrencySlotAcquisitionServiceError(f"The slots could not be taken: {error}") from error
