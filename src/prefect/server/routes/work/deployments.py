"""Deployments, their schedules and their runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge, Le

from prefect.schemas import wire
from prefect.schemas.wire.deployments import DeploymentSort
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.criteria import FlowRunCriteria
from prefect.server.routes.core.operation import BODY, UNSET, Body, In, Limit, Page, Routes, Rows, StatusResponse
from prefect.server.services.core import reading
from prefect.server.services.deployments import deployment_schedules, run_creation, scheduling
from prefect.server.services.deployments import deployments as deployments_
from prefect.server.services.work import dispatch
from prefect.types._annotated import AwareDateTime

routes = Routes("Deployments", "/deployments")


@routes.writes("POST", "/", wire.DeploymentResponse, 200)
async def create_deployment(tx: Transaction, deployment: wire.DeploymentCreate) -> Any:
    """Create a deployment, with status 201, or update the one of the same flow and name."""
    answer, created = await deployments_.create(tx, _values(deployment))
    return StatusResponse(201, answer) if created else answer


@routes.writes("PATCH", "/{id:uuid}")
async def update_deployment(tx: Transaction, deployment: wire.DeploymentUpdate, id: UUID) -> None:
    """Update the fields of a deployment that are sent."""
    await deployments_.change(tx, id, _values(deployment))


@routes.reads("GET", "/name/{flow_name}/{deployment_name}", wire.DeploymentResponse)
async def read_deployment_by_name(tx: Transaction, flow_name: str, deployment_name: str) -> Any:
    """Return a deployment by the names of its flow and itself."""
    return await deployments_.read_by_name(tx, flow_name, deployment_name)


routes.reads_by_key(
    "/{id:uuid}", wire.DeploymentResponse, "read_deployment", deployments_.read, "Return a deployment.", brief=True
)


@routes.reads("POST", "/filter", list[wire.DeploymentResponse])
async def read_deployments(
    tx: Transaction, criteria: FlowRunCriteria, rows: Rows, sort: Body[DeploymentSort] = DeploymentSort.NAME_ASC
) -> Any:
    """Return the deployments that match the filters."""
    return await deployments_.find(tx, sort, *rows, **criteria.as_filters())


@routes.reads("POST", "/paginate", wire.DeploymentPaginationResponse)
async def paginate_deployments(
    tx: Transaction, criteria: FlowRunCriteria, page: Page, sort: Body[DeploymentSort] = DeploymentSort.NAME_ASC
) -> Any:
    """Return a page of the deployments that match the filters."""
    return await reading.paginate(tx, deployments_.find, store.deployments, sort, *page, **criteria.as_filters())


@routes.writes("POST", "/get_scheduled_flow_runs", list[wire.FlowRunResponse], requires=Permission.WORK)
async def get_scheduled_flow_runs_for_deployments(
    tx: Transaction,
    deployment_ids: Body[list[UUID]],
    scheduled_before: Body[AwareDateTime] = UNSET,
    limit: Limit = UNSET,
) -> Any:
    """Return the scheduled runs of deployments that their runner may start."""
    return await dispatch.find_deployment_runs(tx, deployment_ids, scheduled_before, limit)


@routes.reads("POST", "/count", int)
async def count_deployments(tx: Transaction, criteria: FlowRunCriteria) -> Any:
    """Count the deployments that match the filters."""
    return await reading.count(tx, store.deployments, **criteria.as_filters())


@routes.writes("DELETE", "/{id:uuid}")
async def delete_deployment(tx: Transaction, id: UUID) -> None:
    """Delete a deployment with its schedules and its scheduled runs."""
    await deployments_.remove_by_id(tx, id)


@routes.writes("POST", "/bulk_delete", wire.DeploymentBulkDeleteResponse)
async def bulk_delete_deployments(
    tx: Transaction,
    deployments: Body[wire.DeploymentFilter | None] = None,
    limit: Annotated[int, BODY, Ge(1), Le(50)] = 50,
) -> Any:
    """Delete the deployments that match a filter."""
    return {"deleted": await deployments_.remove_matching(tx, deployments, limit)}


@routes.writes("POST", "/{id:uuid}/schedule", Any)
async def schedule_deployment(
    tx: Transaction,
    id: UUID,
    start_time: Body[AwareDateTime] = UNSET,
    end_time: Body[AwareDateTime] = UNSET,
    min_time: Body[timedelta] = UNSET,
    min_runs: Body[int] = UNSET,
    max_runs: Body[int] = UNSET,
) -> None:
    """Create the runs of a deployment's schedules now, without waiting for the scheduler."""
    await scheduling.create_requested_runs(
        tx, id, start_time, end_time, min_time=min_time, min_runs=min_runs, max_runs=max_runs
    )


@routes.writes("POST", "/{id:uuid}/resume_deployment", Any)
async def resume_deployment(tx: Transaction, id: UUID) -> None:
    """Resume the schedules of a deployment."""
    await deployments_.set_paused(tx, id, paused=False)


@routes.writes("POST", "/{id:uuid}/pause_deployment", Any)
async def pause_deployment(tx: Transaction, id: UUID) -> None:
    """Pause the schedules of a deployment and delete its upcoming runs."""
    await deployments_.set_paused(tx, id, paused=True)


@routes.writes("POST", "/{id:uuid}/create_flow_run", wire.FlowRunResponse, 200)
async def create_flow_run_from_deployment(tx: Transaction, id: UUID, flow_run: wire.DeploymentFlowRunCreate) -> Any:
    """Create a run of a deployment, with status 201, or return the one of the same idempotency key."""
    answer, created = await run_creation.create(tx, id, flow_run.model_dump(exclude_unset=True))
    return StatusResponse(201, answer) if created else answer


@routes.writes("POST", "/{id:uuid}/create_flow_run/bulk", wire.FlowRunBulkCreateResponse)
async def bulk_create_flow_runs_from_deployment(
    tx: Transaction, id: UUID, flow_runs: Annotated[list[wire.DeploymentFlowRunCreate], In("whole")]
) -> Any:
    """Create runs of a deployment and return the outcome of each, in order."""
    values = [flow_run.model_dump(exclude_unset=True) for flow_run in flow_runs]
    return {"results": await run_creation.create_many(tx, id, values)}


@routes.reads("GET", "/{id:uuid}/work_queue_check", list[wire.WorkQueue], deprecated=True)
async def work_queue_check_for_deployment(tx: Transaction, id: UUID) -> Any:
    """Return the work queues that a run of a deployment could be started from."""
    return await dispatch.find_deployment_queues(tx, id)


# --- schedules -------------------------------------------------------------------------------------------------------


@routes.reads("GET", "/{id:uuid}/schedules", list[wire.DeploymentSchedule])
async def read_deployment_schedules(tx: Transaction, id: UUID) -> Any:
    """Return the schedules of a deployment, most recently changed first."""
    return await deployment_schedules.find(tx, id)


@routes.writes("POST", "/{id:uuid}/schedules", list[wire.DeploymentSchedule], 201)
async def create_deployment_schedules(
    tx: Transaction, id: UUID, schedules: Annotated[list[wire.DeploymentScheduleCreate], In("whole")]
) -> Any:
    """Add schedules to a deployment."""
    return await deployment_schedules.create(tx, id, [_schedule_values(schedule) for schedule in schedules])


@routes.writes("PATCH", "/{id:uuid}/schedules/{schedule_id:uuid}")
async def update_deployment_schedule(
    tx: Transaction, id: UUID, schedule_id: UUID, schedule: wire.DeploymentScheduleUpdate
) -> None:
    """Update the fields of a schedule of a deployment that are sent."""
    await deployment_schedules.change(tx, id, schedule_id, _schedule_values(schedule))


@routes.writes("DELETE", "/{id:uuid}/schedules/{schedule_id:uuid}")
async def delete_deployment_schedule(tx: Transaction, id: UUID, schedule_id: UUID) -> None:
    """Delete a schedule of a deployment."""
    await deployment_schedules.remove(tx, id, schedule_id)


def _values(deployment: wire.DeploymentCreate | wire.DeploymentUpdate) -> dict[str, Any]:
    """Return the fields of a deployment that were sent, with the defaults of nested models."""
    values = deployment.model_dump() | {"schedules": [_schedule_values(each) for each in deployment.schedules or ()]}
    return {name: value for name, value in values.items() if name in deployment.model_fields_set}


def _schedule_values(schedule: wire.DeploymentScheduleCreate | wire.DeploymentScheduleUpdate) -> dict[str, Any]:
    """Return the fields of a schedule that were sent, as JSON, with the defaults of nested models."""
    values = schedule.model_dump(mode="json")
    return {name: value for name, value in values.items() if name in schedule.model_fields_set}
