"""Task runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.actions.runs import StateCreate, TaskRunCreate, TaskRunUpdate
from prefect.schemas.filters import FlowFilter, FlowRunFilter, TaskRunFilter
from prefect.schemas.responses import OrchestrationResult
from prefect.schemas.runs import TaskRun
from prefect.schemas.sorting import TaskRunSort
from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.routes.operation import NOT_GIVEN, Body, Limit, Offset, Routes
from prefect.server.services import changing, reading

routes = Routes("Task Runs", "/task_runs")


@routes.writes("POST", "/", TaskRun, 201)
async def create_task_run(tx: Connection, task_run: TaskRunCreate) -> Any:
    """Create a task run."""
    values = task_run.model_dump(exclude_unset=True)
    return await changing.add_task_run(tx, values, values.pop("state", None))


@routes.reads("GET", "/{id:uuid}", TaskRun)
async def read_task_run(tx: Connection, id: UUID) -> Any:
    """A task run."""
    return await reading.get_task_run(tx, id)


@routes.reads("POST", "/filter", list[TaskRun])
async def read_task_runs(
    tx: Connection,
    sort: Body[TaskRunSort] = TaskRunSort.ID_DESC,
    limit: Limit = NOT_GIVEN,
    offset: Offset = 0,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
) -> Any:
    """The task runs that satisfy filters."""
    return await reading.find_task_runs(tx, sort, limit, offset, flows=flows, flow_runs=flow_runs, task_runs=task_runs)


@routes.reads("POST", "/count", int)
async def count_task_runs(
    tx: Connection,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
) -> Any:
    """How many task runs satisfy filters."""
    return await reading.count(tx, store.task_runs, flows=flows, flow_runs=flow_runs, task_runs=task_runs)


@routes.writes("PATCH", "/{id:uuid}")
async def update_task_run(tx: Connection, task_run: TaskRunUpdate, id: UUID) -> None:
    """Change what is given of a task run."""
    await changing.change_run(tx, store.task_runs, id, task_run.model_dump(exclude_unset=True))


@routes.writes("POST", "/{id:uuid}/set_state", OrchestrationResult)
async def set_task_run_state(tx: Connection, id: UUID, state: Body[StateCreate], force: Body[bool] = False) -> Any:
    """Ask for a task run to enter a state."""
    entered = await changing.set_state(tx, store.task_runs, id, state.model_dump(mode="json", exclude_unset=True))
    return {"state": entered, "status": "ACCEPT", "details": {"type": "accept_details"}}


@routes.writes("DELETE", "/{id:uuid}")
async def delete_task_run(tx: Connection, id: UUID) -> None:
    """Delete a task run with its logs."""
    await changing.remove_task_run(tx, id)
