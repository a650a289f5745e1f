"""What the web interface asks for beside the rest: counts and points of its diagrams."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from annotated_types import Le, MaxLen

from prefect.schemas.sorting import FlowRunSort
from prefect.schemas.wire.filters import (
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
    WorkQueueFilter,
)
from prefect.schemas.wire.runs import CountByState, SimpleFlowRun, SimpleNextFlowRun, TaskRunCount, UITaskRun
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import BODY, UNSET, Body, Offset, Routes
from prefect.server.services.core import reading
from prefect.server.services.runs import statistics

routes = Routes("UI", "/ui")

_FLOWS = {"tag": ("Flows", "UI")}
_FLOW_RUNS = {"tag": ("Flow Runs", "UI")}
_TASK_RUNS = {"tag": ("Task Runs", "UI")}

Ids = Annotated[list[UUID], BODY, MaxLen(200)]


@routes.reads("POST", "/flows/count-deployments", dict[UUID, int], **_FLOWS)
async def count_deployments_by_flow(tx: Transaction, flow_ids: Ids) -> Any:
    """How many deployments each flow has."""
    return await statistics.count_deployments(tx, flow_ids)


@routes.reads("POST", "/flows/next-runs", dict[UUID, SimpleNextFlowRun | None], **_FLOWS)
async def next_runs_by_flow(tx: Transaction, flow_ids: Ids) -> Any:
    """The next scheduled run of each flow."""
    return await statistics.find_next_runs(tx, flow_ids)


@routes.reads("POST", "/flow_runs/history", list[SimpleFlowRun], **_FLOW_RUNS)
async def read_flow_run_history(
    tx: Transaction,
    sort: Body[FlowRunSort] = FlowRunSort.EXPECTED_START_TIME_DESC,
    limit: Annotated[int, BODY, Le(1000)] = 1000,
    offset: Offset = 0,
    flows: Body[FlowFilter] = UNSET,
    flow_runs: Body[FlowRunFilter] = UNSET,
    task_runs: Body[TaskRunFilter] = UNSET,
    deployments: Body[DeploymentFilter] = UNSET,
    work_pools: Body[WorkPoolFilter] = UNSET,
) -> Any:
    """Flow runs that satisfy filters as points of a diagram."""
    return await statistics.find_chart_points(
        tx,
        sort,
        limit,
        offset,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
        work_pools=work_pools,
    )


@routes.reads("POST", "/flow_runs/count-task-runs", dict[UUID, int], **_FLOW_RUNS)
async def count_task_runs_by_flow_run(tx: Transaction, flow_run_ids: Ids) -> Any:
    """How many task runs each flow run has."""
    return await statistics.count_task_runs(tx, flow_run_ids)


@routes.reads("POST", "/task_runs/dashboard/counts", list[TaskRunCount], **_TASK_RUNS)
async def read_dashboard_task_run_counts(
    tx: Transaction,
    task_runs: Body[TaskRunFilter],
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
    work_pools: Body[WorkPoolFilter | None] = None,
    work_queues: Body[WorkQueueFilter | None] = None,
) -> Any:
    """How many task runs that started after a time came to their end, and how many failed, in twenty intervals."""
    started = task_runs.start_time
    return await statistics.count_for_dashboard(
        tx,
        started and started.after_,
        started and started.before_,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
        work_pools=work_pools,
        work_queues=work_queues,
    )


@routes.reads("POST", "/task_runs/count", CountByState, **_TASK_RUNS)
async def read_task_run_counts_by_state(
    tx: Transaction,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
) -> Any:
    """How many task runs that satisfy filters are in a state of each type."""
    return await statistics.count_by_state(
        tx, store.task_runs, flows=flows, flow_runs=flow_runs, task_runs=task_runs, deployments=deployments
    )


@routes.reads("GET", "/task_runs/{id:uuid}", UITaskRun, **_TASK_RUNS)
async def read_task_run_with_flow_run_name(tx: Transaction, id: UUID) -> Any:
    """A task run with the name of its flow run."""
    return await reading.get_task_run_with_flow_run_name(tx, id)
