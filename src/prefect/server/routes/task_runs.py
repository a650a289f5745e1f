"""Task runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge

from prefect.schemas.responses import HistoryResponse
from prefect.schemas.sorting import TaskRunSort
from prefect.schemas.wire.filters import DeploymentFilter, FlowFilter, FlowRunFilter, TaskRunFilter
from prefect.schemas.wire.runs import TaskRun, TaskRunCreate, TaskRunPaginationResponse, TaskRunUpdate
from prefect.schemas.wire.states import OrchestrationResult, StateCreate
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import BODY, UNSET, Body, In, Limit, Offset, Routes, StatusResponse
from prefect.server.services.core import reading
from prefect.server.services.runs import creation, deletion, statistics, transitions, updates
from prefect.types import now
from prefect.types._annotated import DateTime

routes = Routes("Task Runs", "/task_runs")


@routes.writes("POST", "/", TaskRun)
async def create_task_run(tx: Transaction, task_run: TaskRunCreate) -> Any:
    """Create a task run; one at the same place of its flow run is left as it is. A new one has status 201."""
    values = task_run.model_dump(exclude={"state", "empirical_policy"})
    values["empirical_policy"] = task_run.empirical_policy.model_dump(mode="json", exclude_defaults=True)
    state = task_run.state and task_run.state.model_dump(exclude_unset=True)
    answer, created = await creation.create_task_run(tx, values, state)
    return StatusResponse(201, answer) if created else answer


@routes.writes("PATCH", "/{id:uuid}")
async def update_task_run(tx: Transaction, task_run: TaskRunUpdate, id: UUID) -> None:
    """Change what is given of a task run."""
    await updates.change_run(tx, store.task_runs, id, task_run.model_dump(exclude_unset=True))


@routes.reads("POST", "/count", int)
async def count_task_runs(
    tx: Transaction,
    flows: Body[FlowFilter] = UNSET,
    flow_runs: Body[FlowRunFilter] = UNSET,
    task_runs: Body[TaskRunFilter] = UNSET,
    deployments: Body[DeploymentFilter] = UNSET,
) -> Any:
    """How many task runs satisfy filters."""
    return await reading.count(
        tx, store.task_runs, flows=flows, flow_runs=flow_runs, task_runs=task_runs, deployments=deployments
    )


@routes.reads("POST", "/history", list[HistoryResponse])
async def task_run_history(
    tx: Transaction,
    history_start: Body[DateTime],
    history_end: Body[DateTime],
    history_interval: Annotated[timedelta, In("body", "history_interval_seconds")],
    flows: Body[FlowFilter] = UNSET,
    flow_runs: Body[FlowRunFilter] = UNSET,
    task_runs: Body[TaskRunFilter] = UNSET,
    deployments: Body[DeploymentFilter] = UNSET,
) -> Any:
    """Task runs by when they were expected to start: for each interval how many are in which state."""
    return await statistics.count_by_interval(
        tx,
        store.task_runs,
        history_start,
        history_end,
        history_interval,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
    )


@routes.reads("GET", "/{id:uuid}", TaskRun)
async def read_task_run(tx: Transaction, id: UUID) -> Any:
    """A task run."""
    return await reading.get_task_run(tx, id)


@routes.reads("POST", "/filter", list[TaskRun])
async def read_task_runs(
    tx: Transaction,
    sort: Body[TaskRunSort] = TaskRunSort.ID_DESC,
    limit: Limit = UNSET,
    offset: Offset = 0,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
) -> Any:
    """The task runs that satisfy filters."""
    return await reading.find_task_runs(
        tx, sort, limit, offset, flows=flows, flow_runs=flow_runs, task_runs=task_runs, deployments=deployments
    )


@routes.reads("POST", "/paginate", TaskRunPaginationResponse)
async def paginate_task_runs(
    tx: Transaction,
    sort: Body[TaskRunSort] = TaskRunSort.ID_DESC,
    limit: Limit = UNSET,
    page: Annotated[int, BODY, Ge(1)] = 1,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
) -> Any:
    """A page of the task runs that satisfy filters, in short."""
    return await reading.paginate(
        tx,
        reading.find_task_run_summaries,
        store.task_runs,
        sort,
        page,
        limit,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
    )


@routes.writes("DELETE", "/{id:uuid}")
async def delete_task_run(tx: Transaction, id: UUID) -> None:
    """Delete a task run with its logs."""
    await deletion.remove_task_run(tx, id)


@routes.writes("POST", "/{id:uuid}/set_state", OrchestrationResult)
async def set_task_run_state(tx: Transaction, id: UUID, state: Body[StateCreate], force: Body[bool] = False) -> Any:
    """Ask for a task run to enter a state."""
    began = now()
    answer = await transitions.set_task_run_state(tx, id, state.model_dump(exclude_unset=True), force=force)
    entered = answer["state"] is not None and answer["state"]["timestamp"] >= began
    return StatusResponse(201, answer) if entered else answer
