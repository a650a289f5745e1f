"""Flow runs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from prefect.schemas.actions.runs import FlowRunCreate, FlowRunUpdate, StateCreate
from prefect.schemas.filters import DeploymentFilter, FlowFilter, FlowRunFilter, TaskRunFilter
from prefect.schemas.responses import OrchestrationResult
from prefect.schemas.runs import FlowRun
from prefect.schemas.sorting import FlowRunSort
from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.routes.operation import NOT_GIVEN, Body, In, Limit, Offset, Routes
from prefect.server.services import changing, reading

routes = Routes("Flow Runs", "/flow_runs")


@routes.writes("POST", "/", FlowRun, 201)
async def create_flow_run(tx: Connection, flow_run: FlowRunCreate) -> Any:
    """Create a flow run."""
    values = flow_run.model_dump(exclude_unset=True)
    return await changing.add_flow_run(tx, values, values.pop("state", None))


@routes.reads("GET", "/{id:uuid}", FlowRun)
async def read_flow_run(tx: Connection, id: UUID) -> Any:
    """A flow run."""
    return await reading.get_flow_run(tx, id)


@routes.reads("POST", "/filter", list[FlowRun])
async def read_flow_runs(
    tx: Connection,
    sort: Body[FlowRunSort] = FlowRunSort.ID_DESC,
    limit: Limit = NOT_GIVEN,
    offset: Offset = 0,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
) -> Any:
    """The flow runs that satisfy filters."""
    return await reading.find_flow_runs(
        tx, sort, limit, offset, flows=flows, flow_runs=flow_runs, task_runs=task_runs, deployments=deployments
    )


@routes.reads("POST", "/count", int)
async def count_flow_runs(
    tx: Connection,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
) -> Any:
    """How many flow runs satisfy filters."""
    return await reading.count(tx, store.flow_runs, flows=flows, flow_runs=flow_runs, task_runs=task_runs)


@routes.writes("PATCH", "/{id:uuid}")
async def update_flow_run(tx: Connection, flow_run: FlowRunUpdate, id: UUID) -> None:
    """Change what is given of a flow run."""
    await changing.change_run(tx, store.flow_runs, id, flow_run.model_dump(exclude_unset=True))


@routes.writes("PATCH", "/{id:uuid}/labels")
async def update_flow_run_labels(tx: Connection, id: UUID, labels: Annotated[dict[str, Any], In("whole")]) -> None:
    """Add labels to a flow run's, in place of those of the same name."""
    await changing.add_labels(tx, id, labels)


@routes.writes("POST", "/{id:uuid}/set_state", OrchestrationResult)
async def set_flow_run_state(tx: Connection, id: UUID, state: Body[StateCreate], force: Body[bool] = False) -> Any:
    """Ask for a flow run to enter a state."""
    entered = await changing.set_state(tx, store.flow_runs, id, state.model_dump(mode="json", exclude_unset=True))
    return {"state": entered, "status": "ACCEPT", "details": {"type": "accept_details"}}


@routes.writes("DELETE", "/{id:uuid}")
async def delete_flow_run(tx: Connection, id: UUID) -> None:
    """Delete a flow run with its task runs and logs."""
    await changing.remove_flow_run(tx, id)
