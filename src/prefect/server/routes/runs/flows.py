"""Flows."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge, Le

from prefect.schemas.actions.runs import FlowUpdate
from prefect.schemas.sorting import FlowSort
from prefect.schemas.wire.filters import FlowFilter
from prefect.schemas.wire.runs import Flow, FlowBulkDeleteResponse, FlowCreate, FlowPaginationResponse
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.criteria import FlowCriteria, FlowCriteriaNotNull
from prefect.server.routes.core.operation import BODY, Body, Page, Routes, Rows, StatusResponse
from prefect.server.services.core import reading
from prefect.server.services.runs.lifecycle import deletion, updates

routes = Routes("Flows", "/flows")


@routes.writes("POST", "/", Flow, requires=Permission.WORK, brief=True)
async def create_flow(tx: Transaction, flow: FlowCreate) -> Any:
    """Create a flow, with status 201, or return the one of the same name."""
    answer, created = await updates.add_flow(tx, flow.model_dump())
    return StatusResponse(201, answer) if created else answer


@routes.writes("PATCH", "/{id:uuid}")
async def update_flow(tx: Transaction, flow: FlowUpdate, id: UUID) -> None:
    """Update the fields of a flow that are sent."""
    await updates.change_flow(tx, id, flow.model_dump(exclude_unset=True))


@routes.reads("POST", "/count", int)
async def count_flows(tx: Transaction, criteria: FlowCriteriaNotNull) -> Any:
    """Count the flows that match the filters."""
    return await reading.count(tx, store.flows, **criteria.as_filters())


routes.reads_by_key("/name/{name}", Flow, "read_flow_by_name", reading.get_flow_by_name, "Return a flow by its name.")
routes.reads_by_key("/{id:uuid}", Flow, "read_flow", reading.get_flow, "Return a flow.", brief=True)


@routes.reads("POST", "/filter", list[Flow], brief=True)
async def read_flows(
    tx: Transaction, criteria: FlowCriteriaNotNull, rows: Rows, sort: Body[FlowSort] = FlowSort.NAME_ASC
) -> Any:
    """Return the flows that match the filters."""
    return await reading.find_flows(tx, sort, *rows, **criteria.as_filters())


@routes.reads("POST", "/paginate", FlowPaginationResponse)
async def paginate_flows(
    tx: Transaction, criteria: FlowCriteria, page: Page, sort: Body[FlowSort] = FlowSort.NAME_ASC
) -> Any:
    """Return a page of the flows that match the filters."""
    return await reading.paginate(tx, reading.find_flows, store.flows, sort, *page, **criteria.as_filters())


routes.deletes_by_key(
    "/{id:uuid}", "delete_flow", deletion.remove_flow, "Delete a flow with its deployments and its runs."
)


@routes.writes("POST", "/bulk_delete", FlowBulkDeleteResponse)
async def bulk_delete_flows(
    tx: Transaction,
    flows: Body[FlowFilter | None] = None,
    limit: Annotated[int, BODY, Ge(1), Le(deletion.DELETE_BATCH_SIZE)] = deletion.DELETE_BATCH_SIZE,
) -> Any:
    """Delete the flows that match a filter."""
    return {"deleted": await deletion.remove_flows(tx, limit, flows=flows)}
