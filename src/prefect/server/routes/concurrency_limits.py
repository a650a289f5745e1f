"""Concurrency limits of tags."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.wire import ConcurrencyLimit, ConcurrencyLimitCreate, MinimalConcurrencyLimitResponse
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import UNSET, Body, Limit, Offset, Routes, StatusResponse
from prefect.server.services.concurrency import tag_limits

routes = Routes("Concurrency Limits", "/concurrency_limits")


@routes.writes("POST", "/", ConcurrencyLimit, 200)
async def create_concurrency_limit(tx: Transaction, concurrency_limit: ConcurrencyLimitCreate) -> Any:
    """Set how many task runs with a tag may run at once; a new limit is answered with status 201."""
    answer, created = await tag_limits.put(tx, concurrency_limit.tag, concurrency_limit.concurrency_limit)
    return StatusResponse(201, answer) if created else answer


@routes.reads("GET", "/{id:uuid}", ConcurrencyLimit)
async def read_concurrency_limit(tx: Transaction, id: UUID) -> Any:
    """A tag's limit, and the task runs that take its slots."""
    return await tag_limits.get(tx, id)


@routes.reads("GET", "/tag/{tag}", ConcurrencyLimit)
async def read_concurrency_limit_by_tag(tx: Transaction, tag: str) -> Any:
    """The limit of a tag, and the task runs that take its slots."""
    return await tag_limits.get_by_tag(tx, tag)


@routes.reads("POST", "/filter", list[ConcurrencyLimit])
async def read_concurrency_limits(tx: Transaction, limit: Limit = UNSET, offset: Offset = 0) -> Any:
    """The limits of tags, by tag."""
    return await tag_limits.find_all(tx, limit, offset)


@routes.writes("POST", "/tag/{tag}/reset", Any)
async def reset_concurrency_limit_by_tag(
    tx: Transaction, tag: str, slot_override: Body[list[UUID] | None] = None
) -> None:
    """Have exactly the given task runs take the slots of a tag's limit, or none."""
    await tag_limits.reset(tx, tag, slot_override or [])


@routes.writes("DELETE", "/{id:uuid}", Any)
async def delete_concurrency_limit(tx: Transaction, id: UUID) -> None:
    """Delete a tag's limit."""
    await tag_limits.remove(tx, id)


@routes.writes("DELETE", "/tag/{tag}", Any)
async def delete_concurrency_limit_by_tag(tx: Transaction, tag: str) -> None:
    """Delete the limit of a tag."""
    await tag_limits.remove_by_tag(tx, tag)


@routes.writes("POST", "/increment", list[MinimalConcurrencyLimitResponse])
async def increment_concurrency_limits_v1(tx: Transaction, names: Body[list[str]], task_run_id: Body[UUID]) -> Any:
    """Take a slot of the limit of each of these tags for a task run; status 423 when one has none."""
    return await tag_limits.acquire_slots(tx, names, task_run_id)


@routes.writes("POST", "/decrement", list[MinimalConcurrencyLimitResponse])
async def decrement_concurrency_limits_v1(tx: Transaction, names: Body[list[str]], task_run_id: Body[UUID]) -> Any:
    """Give back the slots that a task run takes of the limits of these tags."""
    return await tag_limits.release_by_tags(tx, names, task_run_id)
