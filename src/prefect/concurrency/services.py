"""Services that take slots of named limits in a separate thread."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import UUID

from prefect._io import drive
from prefect._lazy import lazy, lazy_from
from prefect.concurrency import slots
from prefect.concurrency.request_service import RequestService
from prefect.exceptions import AcquireConcurrencySlotTimeoutError

if TYPE_CHECKING:
    import asyncio

    from httpx import Response

    from prefect.client import orchestration, transport
    from prefect.schemas.concurrency import ConcurrencyLeaseHolder
else:
    orchestration, transport = lazy_from("prefect.client", "orchestration", "transport")
    asyncio = lazy("asyncio")

Mode: TypeAlias = Literal["concurrency", "rate_limit"]
"""Whether slots are released, or decay."""


class ConcurrencySlotAcquisitionService(RequestService):
    """Takes slots without a lease; the caller must release them."""

    async def acquire(
        self, slots: int, mode: Mode, timeout_seconds: float | None = None, max_retries: int | None = None
    ) -> Response:
        """Take slots of each limit and return the response of the API.

        Args:
            slots: How many.
            mode: Whether they are released, or decay.
            timeout_seconds: How long to wait.
            max_retries: How often to ask again.

        Raises:
            TimeoutError: They were not free in time.
            PrefectHTTPStatusError: The API refused.
        """
        client = orchestration.get_client()

        async def request() -> Any:
            return await client.increment_concurrency_slots(self.concurrency_limit_names, slots, mode)

        return await _repeat(request, timeout_seconds, max_retries)


class ConcurrencySlotAcquisitionWithLeaseService(RequestService):
    """Takes slots under a lease, which the caller has to renew."""

    async def acquire(
        self,
        slots: int,
        mode: Mode,
        timeout_seconds: float | None = None,
        max_retries: int | None = None,
        lease_duration: float = 300,
        strict: bool = False,
        holder: ConcurrencyLeaseHolder | None = None,
    ) -> Response:
        """Take slots of each limit under a lease and return the response of the API.

        Args: as for `ConcurrencySlotAcquisitionService.acquire`, and:
            lease_duration: How many seconds the lease lasts.
            strict: Whether a limit that does not exist is an error; that is for the caller to see in the response.
            holder: The run that holds them.
        """
        client = orchestration.get_client()

        async def request() -> Any:
            return await client.increment_concurrency_slots_with_lease(
                self.concurrency_limit_names, slots, mode, lease_duration, holder
            )

        return await _repeat(request, timeout_seconds, max_retries)

    def release_orphaned_lease(self, response: Response) -> Future[None]:
        """Release the slots of a response that nothing waited for."""
        self.start()
        assert self._executor is not None
        lease_id = UUID(response.json()["lease_id"])
        return self._executor.submit(lambda: drive(slots.release_lease(transport.get_shared_transport(), lease_id)))


async def _repeat(request: Any, timeout_seconds: float | None, max_retries: int | None) -> Any:
    """Send a request until it is not refused because slots are taken."""
    try:
        return await slots.repeat_until_granted(lambda _: request(), timeout_seconds, max_retries)
    except slots.StillLocked as error:
        if error.is_timeout:
            raise AcquireConcurrencySlotTimeoutError("The slots were not free in time.") from error.refusal
        raise error.refusal from None
