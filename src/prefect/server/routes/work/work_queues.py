"""Operations on work queues by their ids, and on the work queues of the default pool."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from prefect.schemas import wire
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import UNSET, Body, In, Limit, Page, Routes, Rows
from prefect.server.services.work import dispatch, pool_members, slot_usage
from prefect.server.services.work import work_queues as queues
from prefect.types._annotated import AwareDateTime

routes = Routes("Work Queues", "/work_queues")


@routes.writes("POST", "/", wire.WorkQueueResponse, 201)
async def create_work_queue(tx: Transaction, work_queue: wire.WorkQueueCreate) -> Any:
    """Create a work queue in the default pool."""
    return await pool_members.create_queue(tx, None, work_queue.model_dump(mode="json"))


@routes.writes("PATCH", "/{id:uuid}")
async def update_work_queue(tx: Transaction, work_queue: wire.WorkQueueUpdate, id: UUID) -> None:
    """Update the fields of a work queue that are sent."""
    await pool_members.change_queue_by_id(tx, id, work_queue.model_dump(exclude_unset=True))


@routes.reads("GET", "/name/{name}", wire.WorkQueueResponse)
async def read_work_queue_by_name(tx: Transaction, name: str) -> Any:
    """Return a work queue of the default pool by its name."""
    return await pool_members.read_default_pool_queue(tx, name)


routes.reads_by_key(
    "/{id:uuid}", wire.WorkQueueResponse, "read_work_queue", pool_members.read_queue_by_id, "Return a work queue."
)


@routes.writes("POST", "/{id:uuid}/get_runs", list[wire.FlowRunResponse], requires=Permission.WORK)
async def read_work_queue_runs(
    tx: Transaction,
    id: UUID,
    limit: Limit = UNSET,
    scheduled_before: Body[AwareDateTime] = UNSET,
    x_prefect_ui: Annotated[bool | None, In("header", "x-prefect-ui")] = False,
) -> Any:
    """Return the runs of a work queue that may be started; a request of the web page does not count as a poll."""
    return await dispatch.find_queue_runs(tx, id, scheduled_before, limit, polls=not x_prefect_ui)


@routes.reads("POST", "/filter", list[wire.WorkQueueResponse])
async def read_work_queues(tx: Transaction, rows: Rows, work_queues: Body[wire.WorkQueueFilter | None] = None) -> Any:
    """Return the work queues of all pools that match a filter, by name."""
    return await queues.find(tx, work_queues, *rows)


@routes.writes("DELETE", "/{id:uuid}")
async def delete_work_queue(tx: Transaction, id: UUID) -> None:
    """Delete a work queue; its runs and deployments stay, without a queue."""
    await pool_members.remove_queue_by_id(tx, id)


@routes.reads("GET", "/{id:uuid}/status", wire.WorkQueueStatusDetail)
async def read_work_queue_status(tx: Transaction, id: UUID) -> Any:
    """Return the health of a work queue."""
    return await pool_members.read_queue_health(tx, id)


@routes.reads("POST", "/{id:uuid}/concurrency_status", wire.WorkQueueConcurrencyStatus)
async def read_work_queue_concurrency_status(tx: Transaction, id: UUID, page: Page) -> Any:
    """Return the slots of a work queue in use and a page of the runs that hold them."""
    return await slot_usage.get_queue_usage(tx, id, *page)
