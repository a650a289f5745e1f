"""Concurrency limits, as the client reads and changes them and takes their slots.

A limit is known by its name. The limits of tags of task runs are older; the API keeps their interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.client.orchestration import base
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from httpx import Response

    from prefect.schemas import actions, concurrency, responses
    from prefect.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
else:
    actions, concurrency, responses = lazy_from("prefect.schemas", "actions", "concurrency", "responses")


class ConcurrencyLimitAsyncClient(base.BaseAsyncClient):
    """Operations on concurrency limits."""

    # --- limits of tags ---

    async def create_concurrency_limit(self, tag: str, concurrency_limit: int) -> UUID:
        """Limit how many task runs with a tag run at the same time; the limit that the tag has is replaced.

        Returns:
            The id of the limit.
        """
        body = {"tag": tag, "concurrency_limit": concurrency_limit}
        return base.parse_id((await self._call("POST", "/concurrency_limits/", body))["id"])

    async def read_concurrency_limit_by_tag(self, tag: str) -> concurrency.ConcurrencyLimit:
        """Return the limit of a tag.

        Raises:
            ObjectNotFound: It has none.
        """
        answer = await self._call("GET", "/concurrency_limits/tag/{tag}", tag=tag)
        return concurrency.ConcurrencyLimit.model_validate(answer)

    async def read_concurrency_limits(self, limit: int, offset: int) -> list[concurrency.ConcurrencyLimit]:
        """Return the limits of tags.

        Args:
            limit: How many at most.
            offset: How many to skip first.
        """
        answer = await self._call("POST", "/concurrency_limits/filter", base.drop_none(limit=limit, offset=offset))
        return base.parse_many(concurrency.ConcurrencyLimit, answer)

    async def reset_concurrency_limit_by_tag(self, tag: str, slot_override: list[UUID | str] | None = None) -> None:
        """Free the slots of a tag's limit.

        Args:
            tag: The tag.
            slot_override: The task runs that hold slots from now on.

        Raises:
            ObjectNotFound: The tag has no limit.
        """
        slots = None if slot_override is None else [base.parse_id(id) for id in slot_override]
        await self._call("POST", "/concurrency_limits/tag/{tag}/reset", base.drop_none(slot_override=slots), tag=tag)

    async def delete_concurrency_limit_by_tag(self, tag: str) -> None:
        """Delete the limit of a tag.

        Raises:
            ObjectNotFound: It has none.
        """
        await self._call("DELETE", "/concurrency_limits/tag/{tag}", tag=tag)

    async def increment_v1_concurrency_slots(self, names: list[str], task_run_id: UUID) -> Response:
        """Take a slot of each tag's limit for a task run.

        Raises:
            PrefectHTTPStatusError: With status 423 when a limit is reached; `Retry-After` is when to try again.
        """
        return await self._call_raw(
            "POST", "/concurrency_limits/increment", {"names": names, "task_run_id": task_run_id}
        )

    async def decrement_v1_concurrency_slots(
        self, names: list[str], task_run_id: UUID, occupancy_seconds: float
    ) -> Response:
        """Release the slots of a task run, which held them for so many seconds."""
        body = {"names": names, "task_run_id": task_run_id, "occupancy_seconds": occupancy_seconds}
        return await self._call_raw("POST", "/concurrency_limits/decrement", body)

    # --- named limits ---

    async def create_global_concurrency_limit(self, concurrency_limit: GlobalConcurrencyLimitCreate) -> UUID:
        """Create a limit and return its id.

        Raises:
            ObjectAlreadyExists: There is one of this name.
        """
        return base.parse_id((await self._call("POST", "/v2/concurrency_limits/", concurrency_limit))["id"])

    async def update_global_concurrency_limit(
        self, name: str, concurrency_limit: GlobalConcurrencyLimitUpdate
    ) -> Response:
        """Change what is set of a limit.

        Raises:
            ObjectNotFound: There is none of this name.
        """
        return await self._call_raw("PATCH", "/v2/concurrency_limits/{id_or_name}", concurrency_limit, id_or_name=name)

    async def upsert_global_concurrency_limit_by_name(
        self, name: str, limit: int, slot_decay_per_second: float | None = None
    ) -> None:
        """Create a limit, or change the one of this name.

        Args:
            name: Its name.
            limit: How many slots it has.
            slot_decay_per_second: How many taken slots become free again each second; as it is if None.
        """
        changes = base.drop_none(limit=limit, slot_decay_per_second=slot_decay_per_second)
        try:
            await self.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            await self.create_global_concurrency_limit(actions.GlobalConcurrencyLimitCreate(name=name, **changes))
        else:
            await self.update_global_concurrency_limit(name, actions.GlobalConcurrencyLimitUpdate(**changes))

    async def read_global_concurrency_limit_by_name(self, name: str) -> responses.GlobalConcurrencyLimitResponse:
        """Return the limit of this name.

        Raises:
            ObjectNotFound: There is none.
        """
        answer = await self._call("GET", "/v2/concurrency_limits/{id_or_name}", id_or_name=name)
        return responses.GlobalConcurrencyLimitResponse.model_validate(answer)

    async def read_global_concurrency_limits(
        self, limit: int = 10, offset: int = 0
    ) -> list[responses.GlobalConcurrencyLimitResponse]:
        """Return the limits.

        Args:
            limit: How many at most.
            offset: How many to skip first.
        """
        answer = await self._call("POST", "/v2/concurrency_limits/filter", {"limit": limit, "offset": offset})
        return base.parse_many(responses.GlobalConcurrencyLimitResponse, answer)

    async def delete_global_concurrency_limit_by_name(self, name: str) -> Response:
        """Delete the limit of this name.

        Raises:
            ObjectNotFound: There is none.
        """
        return await self._call_raw("DELETE", "/v2/concurrency_limits/{id_or_name}", id_or_name=name)

    async def increment_concurrency_slots(
        self, names: list[str], slots: int, mode: Literal["concurrency", "rate_limit"]
    ) -> Response:
        """Take slots of each limit; names that have no limit are free.

        Args:
            names: The limits.
            slots: How many of each.
            mode: Whether they are released, or only decay.

        Raises:
            PrefectHTTPStatusError: With status 423 when there are not enough; `Retry-After` is when to try again.
        """
        body = {"names": names, "slots": slots, "mode": mode}
        return await self._call_raw("POST", "/v2/concurrency_limits/increment", body)

    async def release_concurrency_slots(self, names: list[str], slots: int, occupancy_seconds: float) -> Response:
        """Release slots of each limit, which were held for so many seconds."""
        body = {"names": names, "slots": slots, "occupancy_seconds": occupancy_seconds}
        return await self._call_raw("POST", "/v2/concurrency_limits/decrement", body)

    async def increment_concurrency_slots_with_lease(
        self,
        names: list[str],
        slots: int,
        mode: Literal["concurrency", "rate_limit"],
        lease_duration: float,
        holder: concurrency.ConcurrencyLeaseHolder | None = None,
    ) -> Response:
        """Take slots of each limit for as long as a lease is renewed; its id is in the answer.

        Args:
            names: The limits.
            slots: How many of each.
            mode: Whether they are released, or only decay.
            lease_duration: Seconds after which the slots are free again unless the lease is renewed.
            holder: The run that takes them.

        Raises:
            PrefectHTTPStatusError: With status 423 when there are not enough; `Retry-After` is when to try again.
        """
        body = {
            "names": names,
            "slots": slots,
            "mode": mode,
            "lease_duration": lease_duration,
            **base.drop_none(holder=holder),
        }
        return await self._call_raw("POST", "/v2/concurrency_limits/increment-with-lease", body)

    async def renew_concurrency_lease(self, lease_id: UUID, lease_duration: float) -> Response:
        """Keep the slots of a lease for so many seconds from now.

        Raises:
            PrefectHTTPStatusError: With status 410 when the lease has run out.
        """
        body = {"lease_duration": lease_duration}
        return await self._call_raw("POST", "/v2/concurrency_limits/leases/{lease_id}/renew", body, lease_id=lease_id)

    async def release_concurrency_slots_with_lease(self, lease_id: UUID) -> Response:
        """Release the slots of a lease; one that has expired has none."""
        return await self._call_raw("POST", "/v2/concurrency_limits/decrement-with-lease", {"lease_id": lease_id})


class ConcurrencyLimitClient(base.BaseClient):
    """`ConcurrencyLimitAsyncClient` for sync code."""

    create_concurrency_limit = base.sync_method(ConcurrencyLimitAsyncClient.create_concurrency_limit)
    create_global_concurrency_limit = base.sync_method(ConcurrencyLimitAsyncClient.create_global_concurrency_limit)
    decrement_v1_concurrency_slots = base.sync_method(ConcurrencyLimitAsyncClient.decrement_v1_concurrency_slots)
    delete_concurrency_limit_by_tag = base.sync_method(ConcurrencyLimitAsyncClient.delete_concurrency_limit_by_tag)
    delete_global_concurrency_limit_by_name = base.sync_method(
        ConcurrencyLimitAsyncClient.delete_global_concurrency_limit_by_name
    )
    increment_concurrency_slots = base.sync_method(ConcurrencyLimitAsyncClient.increment_concurrency_slots)
    increment_concurrency_slots_with_lease = base.sync_method(
        ConcurrencyLimitAsyncClient.increment_concurrency_slots_with_lease
    )
    increment_v1_concurrency_slots = base.sync_method(ConcurrencyLimitAsyncClient.increment_v1_concurrency_slots)
    read_concurrency_limit_by_tag = base.sync_method(ConcurrencyLimitAsyncClient.read_concurrency_limit_by_tag)
    read_concurrency_limits = base.sync_method(ConcurrencyLimitAsyncClient.read_concurrency_limits)
    read_global_concurrency_limit_by_name = base.sync_method(
        ConcurrencyLimitAsyncClient.read_global_concurrency_limit_by_name
    )
    read_global_concurrency_limits = base.sync_method(ConcurrencyLimitAsyncClient.read_global_concurrency_limits)
    release_concurrency_slots = base.sync_method(ConcurrencyLimitAsyncClient.release_concurrency_slots)
    release_concurrency_slots_with_lease = base.sync_method(
        ConcurrencyLimitAsyncClient.release_concurrency_slots_with_lease
    )
    renew_concurrency_lease = base.sync_method(ConcurrencyLimitAsyncClient.renew_concurrency_lease)
    reset_concurrency_limit_by_tag = base.sync_method(ConcurrencyLimitAsyncClient.reset_concurrency_limit_by_tag)
    update_global_concurrency_limit = base.sync_method(ConcurrencyLimitAsyncClient.update_global_concurrency_limit)
    upsert_global_concurrency_limit_by_name = base.sync_method(
        ConcurrencyLimitAsyncClient.upsert_global_concurrency_limit_by_name
    )
