"""Global concurrency limits and the leases of their slots."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import Field

from prefect.schemas.wire import (
    ConcurrencyLeaseHolder,
    ConcurrencyLimitV2,
    ConcurrencyLimitV2Create,
    ConcurrencyLimitV2Update,
    ConcurrencyLimitWithLeaseResponse,
    GlobalConcurrencyLimitResponse,
    MinimalConcurrencyLimitResponse,
)
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.concurrency import slot_preferences
from prefect.server.routes.core.operation import UNSET, Body, IdOrName, RequestInfo, Routes, Rows
from prefect.server.services.concurrency import leases, limits

routes = Routes("Concurrency Limits V2", "/v2/concurrency_limits")

Mode: TypeAlias = Literal["concurrency", "rate_limit"]
Names: TypeAlias = Annotated[list[str], MinLen(1)]
Slots: TypeAlias = Annotated[int, Gt(0)]
Seconds: TypeAlias = Annotated[float, Ge(60), Le(86400)]


_SLOTS = {"reads_runs": False, "durable": False}
"""Options of operations that only concern slots: when the machine fails, their holders do, too."""


@routes.writes("POST", "/", ConcurrencyLimitV2, 201)
async def create_concurrency_limit_v2(tx: Transaction, concurrency_limit: ConcurrencyLimitV2Create) -> Any:
    """Create a global concurrency limit."""
    return await limits.add(tx, concurrency_limit.model_dump())


@routes.reads("GET", "/{id_or_name}", GlobalConcurrencyLimitResponse)
async def read_concurrency_limit_v2(tx: Transaction, id_or_name: IdOrName) -> Any:
    """Return a global concurrency limit with its active slots."""
    return await limits.read(tx, id_or_name)


@routes.reads("POST", "/filter", list[GlobalConcurrencyLimitResponse])
async def read_all_concurrency_limits_v2(tx: Transaction, rows: Rows) -> Any:
    """Return global concurrency limits, by name."""
    return await limits.find(tx, *rows)


@routes.writes("PATCH", "/{id_or_name}")
async def update_concurrency_limit_v2(
    tx: Transaction, concurrency_limit: ConcurrencyLimitV2Update, id_or_name: IdOrName
) -> None:
    """Update the fields of a global concurrency limit that are sent."""
    await leases.change_limit(tx, id_or_name, concurrency_limit.model_dump(exclude_unset=True))


routes.deletes_by_key(
    "/{id_or_name}", "delete_concurrency_limit_v2", limits.remove, "Delete a global concurrency limit."
)


@routes.reads("GET", "/{id_or_name}/holders", list[Any], documented=False)
async def read_concurrency_limit_holders(tx: Transaction, id_or_name: IdOrName) -> Any:
    """Return who holds slots of a global concurrency limit, and who waits for some."""
    return await leases.find_holders(tx, id_or_name)


@routes.writes("POST", "/increment", list[MinimalConcurrencyLimitResponse], requires=Permission.WORK, **_SLOTS)
async def bulk_increment_active_slots(
    tx: Transaction,
    request: RequestInfo,
    slots: Body[Slots],
    names: Body[Names],
    mode: Body[Mode] = "concurrency",
    create_if_missing: Body[Annotated[bool | None, Field(deprecated=True)]] = None,
) -> Any:
    """Acquire slots of all named limits; status 423 and a Retry-After header when one has too few."""
    return await slot_preferences.respond_without_lease(tx, request, names, slots, mode)


@routes.writes("POST", "/increment-with-lease", ConcurrencyLimitWithLeaseResponse, requires=Permission.WORK, **_SLOTS)
async def bulk_increment_active_slots_with_lease(
    tx: Transaction,
    request: RequestInfo,
    slots: Body[Slots],
    names: Body[Names],
    mode: Body[Mode] = "concurrency",
    lease_duration: Body[Seconds] = 300,
    holder: Body[ConcurrencyLeaseHolder | None] = None,
) -> Any:
    """Acquire slots as `increment` does, under a lease that must be renewed before it expires.

    With the header `Prefer: wait=20` a request that finds too few slots waits for them for so many seconds. The header
    `Idempotency-Key` is the id of the lease: a request that is repeated with it keeps its place in the queue.
    """
    wanted = slot_preferences.build(
        request,
        names=names,
        slots=slots,
        mode=mode,
        lease_duration=lease_duration,
        holder=holder and holder.model_dump(),
    )
    return await slot_preferences.respond(tx, wanted)


@routes.writes("POST", "/decrement", list[MinimalConcurrencyLimitResponse], requires=Permission.WORK, **_SLOTS)
async def bulk_decrement_active_slots(
    tx: Transaction,
    slots: Body[Slots],
    names: Body[Names],
    occupancy_seconds: Body[Annotated[float, Gt(0)] | None] = None,
    create_if_missing: Body[Annotated[bool, Field(deprecated=True)]] = UNSET,
) -> Any:
    """Release slots of the named limits."""
    return [limits.present_short(row) for row in await limits.release_by_name(tx, names, slots, occupancy_seconds)]


@routes.writes("POST", "/decrement-with-lease", requires=Permission.WORK, **_SLOTS)
async def bulk_decrement_active_slots_with_lease(tx: Transaction, lease_id: Body[UUID]) -> None:
    """End a lease and release its slots; does nothing when it has ended."""
    await leases.end_lease(tx, lease_id)


@routes.writes("POST", "/leases/{lease_id}/renew", requires=Permission.WORK, **_SLOTS)
async def renew_concurrency_lease(
    tx: Transaction, request: RequestInfo, lease_id: UUID, lease_duration: Body[Seconds] = 300
) -> None:
    """Renew a lease; status 410 when it has ended."""
    seconds = slot_preferences.read(request).lease_seconds or lease_duration
    await leases.extend_lease(tx, lease_id, timedelta(seconds=seconds))
