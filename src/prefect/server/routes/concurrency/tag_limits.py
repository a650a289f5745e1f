"""Tag-based concurrency limits of task runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.wire import ConcurrencyLimit, ConcurrencyLimitCreate, MinimalConcurrencyLimitResponse
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import Body, Routes, Rows, StatusResponse
from prefect.server.services.concurrency import tag_limits

routes = Routes("Concurrency Limits", "/concurrency_limits")


@routes.writes("POST", "/", ConcurrencyLimit, 200)
async def create_concurrency_limit(tx: Transaction, concurrency_limit: ConcurrencyLimitCreate) -> Any:
    """Create or replace the concurrency limit of a tag; status 201 for a new one."""
    answer, created = await tag_limits.put(tx, concurrency_limit.tag, concurrency_limit.concurrency_limit)
    return StatusResponse(201, answer) if created else answer


@routes.reads("GET", "/{id:uuid}", ConcurrencyLimit)
async def read_concurrency_limit(tx: Transaction, id: UUID) -> Any:
    """Return a tag's concurrency limit and the task runs that hold its slots."""
    return await tag_limits.get(tx, id)


@routes.reads("GET", "/tag/{tag}", ConcurrencyLimit)
async def read_concurrency_limit_by_tag(tx: Transaction, tag: str) -> Any:
    """Return the concurrency limit of a tag and the task runs that hold its slots."""
    return await tag_limits.get_by_tag(tx, tag)


@routes.reads("POST", "/filter", list[ConcurrencyLimit])
async def read_concurrency_limits(tx: Transaction, rows: Rows) -> Any:
    """Return the concurrency limits of tags, by tag."""
    return await tag_limits.find_all(tx, *rows)


@routes.writes("POST", "/tag/{tag}/reset", Any)
async def reset_concurrency_limit_by_tag(
    tx: Transaction, tag: str, slot_override: Body[list[UUID] | None] = None
) -> None:
    """Replace the task runs that hold the slots of a tag's limit; with none, free all slots."""
    await tag_limits.reset(tx, tag, slot_override or [])


routes.deletes_by_key(
    "/{id:uuid}", "delete_concurrency_limit", tag_limits.remove, "Delete a tag's concurrency limit.", Any
)


@routes.writes("DELETE", "/tag/{tag}", Any)
async def delete_concurrency_limit_by_tag(tx: Transaction, tag: str) -> None:
    """Delete the concurrency limit of a tag."""
    await tag_limits.remove_by_tag(tx, tag)


@routes.writes("POST", "/increment", list[MinimalConcurrencyLimitResponse], requires=Permission.WORK)
async def increment_concurrency_limits_v1(tx: Transaction, names: Body[list[str]], task_run_id: Body[UUID]) -> Any:
    """Acquire a slot of each tag's limit for a task run; status 423 when one has none free."""
    return await tag_limits.acquire_slots(tx, names, task_run_id)


@routes.writes("POST", "/decrement", list[MinimalConcurrencyLimitResponse], requires=Permission.WORK)
async def decrement_concurrency_limits_v1(tx: Transaction, names: Body[list[str]], task_run_id: Body[UUID]) -> Any:
    """Release the slots of the tags' limits that a task run holds."""
    return await tag_limits.release_by_tags(tx, names, task_run_id)
