"""Flows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.actions.runs import FlowCreate
from prefect.schemas.filters import FlowFilter, FlowRunFilter, TaskRunFilter
from prefect.schemas.runs import Flow
from prefect.schemas.sorting import FlowSort
from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.routes.operation import NOT_GIVEN, Body, Limit, Offset, Routes, Status
from prefect.server.services import changing, reading

routes = Routes("Flows", "/flows")


@routes.writes("POST", "/", Flow, 201)
async def create_flow(tx: Connection, flow: FlowCreate) -> Any:
    """Create a flow; one of the same name is left as it is, and returned with status 200."""
    answer, created = await changing.add_flow(tx, flow.model_dump())
    return answer if created else Status(200, answer)


@routes.reads("POST", "/count", int)
async def count_flows(
    tx: Connection,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
) -> Any:
    """How many flows satisfy filters."""
    return await reading.count(tx, store.flows, flows=flows, flow_runs=flow_runs, task_runs=task_runs)


@routes.reads("GET", "/name/{name}", Flow)
async def read_flow_by_name(tx: Connection, name: str) -> Any:
    """A flow by its name."""
    return await reading.get_flow_by_name(tx, name)


@routes.reads("GET", "/{id:uuid}", Flow)
async def read_flow(tx: Connection, id: UUID) -> Any:
    """A flow."""
    return await reading.get_flow(tx, id)


@routes.reads("POST", "/filter", list[Flow])
async def read_flows(
    tx: Connection,
    limit: Limit = NOT_GIVEN,
    offset: Offset = 0,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    sort: Body[FlowSort] = FlowSort.NAME_ASC,
) -> Any:
    """The flows that satisfy filters."""
    return await reading.find_flows(tx, sort, limit, offset, flows=flows, flow_runs=flow_runs, task_runs=task_runs)


@routes.writes("DELETE", "/{id:uuid}")
async def delete_flow(tx: Connection, id: UUID) -> None:
    """Delete a flow with its runs."""
    await changing.remove_flow(tx, id)
