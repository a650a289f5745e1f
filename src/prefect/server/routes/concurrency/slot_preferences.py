"""Preferences of a request for slots: headers in addition to the fields that the interface has.

With `Prefer: wait=20, lease=30` (RFC 7240) the server waits for slots that long instead of refusing the request,
and gives the lease a duration below the least one of the interface. `Idempotency-Key` is the id of the lease.
`Prefect-Process` is the process of this host that holds it, as JSON; only programs without a server send it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import RequestInfo, Waiting
from prefect.server.services.concurrency import leases, limits, waiting
from prefect.server.services.core.errors import InvalidRequest
from prefect.types import json_codec, new_id, now

MAX_WAIT_SECONDS = 60.0
"""How long a request may wait for slots: proxies end longer ones."""

MIN_LEASE_SECONDS, MAX_LEASE_SECONDS = 1.0, 86_400.0


@dataclass(frozen=True)
class SlotPreferences:
    """The preferences of a request.

    Attributes:
        wait_seconds: How long to wait for slots.
        lease_seconds: How long the lease lasts, if another time is preferred than the body has.
        lease_id: The id of the lease, if the caller has chosen one.
        process: The process of this host that holds the lease.
    """

    wait_seconds: float = 0.0
    lease_seconds: float | None = None
    lease_id: UUID | None = None
    process: Mapping[str, Any] | None = None


def read(request: RequestInfo) -> SlotPreferences:
    """Return the preferences in the headers of a request; what is not valid is ignored, as preferences are.

    Raises:
        InvalidRequest: The idempotency key is not a UUID.
    """
    headers = request.headers
    preferred = {name: float(value) for name, value in _PREFERENCE.findall(headers.get("prefer", ""))}
    key = headers.get("idempotency-key")
    try:
        lease_id = None if key is None else UUID(key)
    except ValueError:
        raise InvalidRequest(f"The Idempotency-Key {key!r} of a request for slots must be a UUID.") from None
    lease = preferred.get("lease")
    return SlotPreferences(
        wait_seconds=min(preferred.get("wait", 0.0), MAX_WAIT_SECONDS),
        lease_seconds=None if lease is None else min(max(lease, MIN_LEASE_SECONDS), MAX_LEASE_SECONDS),
        lease_id=lease_id,
        process=json_codec.loads(headers["prefect-process"]) if "prefect-process" in headers else None,
    )


_PREFERENCE = re.compile(r"\b(wait|lease)\s*=\s*(\d{1,6}(?:\.\d{1,6})?)")


def build(request: RequestInfo, **fields: Any) -> leases.SlotRequest:
    """Return a request for slots with the preferences in its headers."""
    preferences = read(request)
    seconds = fields.pop("lease_duration", 0)
    duration = timedelta(seconds=preferences.lease_seconds or seconds)
    return leases.SlotRequest(
        **{**fields, "duration": duration},
        lease_id=preferences.lease_id,
        process=preferences.process,
        wait=timedelta(seconds=preferences.wait_seconds),
    )


async def respond_without_lease(
    tx: Transaction, request: RequestInfo, names: list[str], slots: int, mode: limits.Mode
) -> Any:
    """Request slots that no lease holds, and return the response: their limits.

    Requests for slots of rate limits may wait for them, with the same preferences.
    """
    if mode == "rate_limit":
        return await respond(tx, build(request, names=names, slots=slots, mode=mode))
    return [limits.present_short(row) for row in await limits.acquire_slots(tx, names, slots, mode)]


async def respond(tx: Transaction, request: leases.SlotRequest) -> Any:
    """Request slots, and return the response: the lease, or `Waiting` when the caller waits for them.

    Slots of rate limits have no lease: the response has only the limits.

    Raises:
        Locked: There are too few slots now, or there still were when the wait ended.
    """
    has_key = request.lease_id is not None
    request = request if has_key else replace(request, lease_id=new_id())
    return await _attempt(tx, request, now() + request.wait, has_key)


async def _attempt(tx: Transaction, request: leases.SlotRequest, until: datetime, has_key: bool) -> Any:
    left = until - now()
    grant = await leases.request_slots(tx, replace(request, wait=max(left, timedelta(0))))
    if grant.is_granted:
        found = [limits.present_short(row) for row in grant.limits]
        return found if request.mode == "rate_limit" else {"lease_id": grant.lease_id, "limits": found}
    limit_ids = [row["id"] for row in grant.limits]

    async def is_ready(reading: Transaction) -> bool:
        lease = await store.leases.get(reading, grant.lease_id)
        return lease is None or lease["granted"] is not None

    return Waiting(
        topic=waiting.topic(grant.lease_id),
        seconds=await waiting.find_seconds_to_recheck(tx, grant.lease_id, limit_ids, left.total_seconds()),
        is_ready=is_ready,
        attempt=lambda writing: _attempt(writing, request, until, has_key),
        give_up=lambda writing: leases.end_lease(writing, grant.lease_id),
        keeps_queue_position=has_key,
        is_woken=request.process is not None,
    )
