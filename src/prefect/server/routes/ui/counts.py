"""Counts and diagrams for the web page."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from annotated_types import Le, MaxLen

from prefect.schemas.sorting import FlowRunSort
from prefect.schemas.wire.filters import TaskRunFilter
from prefect.schemas.wire.runs import CountByState, SimpleFlowRun, SimpleNextFlowRun, TaskRunCount, UITaskRun
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.criteria import DashboardCriteria, FlowCriteriaNotNull, TaskRunCriteria
from prefect.server.routes.core.operation import BODY, Body, Offset, Routes
from prefect.server.services.core import reading
from prefect.server.services.runs.reports import statistics

routes = Routes("UI", "/ui")

_FLOWS = ("Flows", "UI")
_FLOW_RUNS = ("Flow Runs", "UI")
_TASK_RUNS = ("Task Runs", "UI")

Ids = Annotated[list[UUID], BODY, MaxLen(200)]


@routes.reads("POST", "/flows/count-deployments", dict[UUID, int], tag=_FLOWS)
async def count_deployments_by_flow(tx: Transaction, flow_ids: Ids) -> Any:
    """Count the deployments of each flow."""
    return await statistics.count_deployments(tx, flow_ids)


@routes.reads("POST", "/flows/next-runs", dict[UUID, SimpleNextFlowRun | None], tag=_FLOWS)
async def next_runs_by_flow(tx: Transaction, flow_ids: Ids) -> Any:
    """Return the next scheduled run of each flow."""
    return await statistics.find_next_runs(tx, flow_ids)


@routes.reads("POST", "/flow_runs/history", list[SimpleFlowRun], tag=_FLOW_RUNS)
async def read_flow_run_history(
    tx: Transaction,
    criteria: FlowCriteriaNotNull,
    sort: Body[FlowRunSort] = FlowRunSort.EXPECTED_START_TIME_DESC,
    limit: Annotated[int, BODY, Le(1000)] = 1000,
    offset: Offset = 0,
) -> Any:
    """Return the flow runs that match the filters as points of a diagram."""
    return await statistics.find_chart_points(tx, sort, limit, offset, **criteria.as_filters())


@routes.reads("POST", "/flow_runs/count-task-runs", dict[UUID, int], tag=_FLOW_RUNS)
async def count_task_runs_by_flow_run(tx: Transaction, flow_run_ids: Ids) -> Any:
    """Count the task runs of each flow run."""
    return await statistics.count_task_runs(tx, flow_run_ids)


@routes.reads("POST", "/task_runs/dashboard/counts", list[TaskRunCount], tag=_TASK_RUNS)
async def read_dashboard_task_run_counts(
    tx: Transaction, task_runs: Body[TaskRunFilter], criteria: DashboardCriteria
) -> Any:
    """Count the completed and failed task runs since a start time in twenty intervals."""
    started = task_runs.start_time
    return await statistics.count_for_dashboard(
        tx, started and started.after_, started and started.before_, **criteria.as_filters()
    )


@routes.reads("POST", "/task_runs/count", CountByState, tag=_TASK_RUNS)
async def read_task_run_counts_by_state(tx: Transaction, criteria: TaskRunCriteria) -> Any:
    """Count the task runs that match the filters by state type."""
    return await statistics.count_by_state(tx, store.task_runs, **criteria.as_filters())


@routes.reads("GET", "/task_runs/{id:uuid}", UITaskRun, tag=_TASK_RUNS)
async def read_task_run_with_flow_run_name(tx: Transaction, id: UUID) -> Any:
    """Return a task run with the name of its flow run."""
    return await reading.get_task_run_with_flow_run_name(tx, id)
