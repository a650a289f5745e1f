"""What the web page shows of flows: how many deployments they have, and when they run next."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from annotated_types import MaxLen

from prefect.schemas import wire
from prefect.server.db.connection import Connection
from prefect.server.routes.operation import BODY, Routes
from prefect.server.services import overview

routes = Routes("Flows", "/ui/flows")

FlowIds = Annotated[list[UUID], BODY, MaxLen(200)]


@routes.reads("POST", "/count-deployments", dict[UUID, int])
async def count_deployments_by_flow(tx: Connection, flow_ids: FlowIds) -> Any:
    """How many deployments each flow has."""
    return await overview.deployments_of_flows(tx, flow_ids)


@routes.reads("POST", "/next-runs", dict[UUID, wire.SimpleNextFlowRun | None])
async def next_runs_by_flow(tx: Connection, flow_ids: FlowIds) -> Any:
    """The run of each flow that is to start next."""
    return await overview.next_runs_of_flows(tx, flow_ids)
