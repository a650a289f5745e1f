"""Artifacts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.sorting import ArtifactCollectionSort, ArtifactSort
from prefect.schemas.wire import (
    Artifact,
    ArtifactCollection,
    ArtifactCollectionFilter,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactUpdate,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
)
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import UNSET, Body, Limit, Offset, Routes, StatusResponse
from prefect.server.services.catalog import artifacts as service

routes = Routes("Artifacts", "/artifacts")


@routes.writes("POST", "/", Artifact, 200)
async def create_artifact(tx: Transaction, artifact: ArtifactCreate) -> Any:
    """Create an artifact, which is answered with status 201."""
    return StatusResponse(201, await service.add(tx, artifact.model_dump(exclude_unset=True)))


@routes.reads("GET", "/{id:uuid}", Artifact)
async def read_artifact(tx: Transaction, id: UUID) -> Any:
    """An artifact."""
    return await service.get(tx, id)


@routes.reads("GET", "/{key}/latest", Artifact)
async def read_latest_artifact(tx: Transaction, key: str) -> Any:
    """The newest artifact of a key."""
    return await service.get_latest(tx, key)


@routes.reads("POST", "/filter", list[Artifact])
async def read_artifacts(
    tx: Transaction,
    sort: Body[ArtifactSort] = ArtifactSort.ID_DESC,
    limit: Limit = UNSET,
    offset: Offset = 0,
    artifacts: Body[ArtifactFilter] = UNSET,
    flow_runs: Body[FlowRunFilter] = UNSET,
    task_runs: Body[TaskRunFilter] = UNSET,
    flows: Body[FlowFilter] = UNSET,
    deployments: Body[DeploymentFilter] = UNSET,
) -> Any:
    """The artifacts that satisfy filters."""
    return await service.find(
        tx,
        sort,
        limit,
        offset,
        artifacts=artifacts,
        flow_runs=flow_runs,
        task_runs=task_runs,
        flows=flows,
        deployments=deployments,
    )


@routes.reads("POST", "/latest/filter", list[ArtifactCollection])
async def read_latest_artifacts(
    tx: Transaction,
    sort: Body[ArtifactCollectionSort] = ArtifactCollectionSort.ID_DESC,
    limit: Limit = UNSET,
    offset: Offset = 0,
    artifacts: Body[ArtifactCollectionFilter] = UNSET,
    flow_runs: Body[FlowRunFilter] = UNSET,
    task_runs: Body[TaskRunFilter] = UNSET,
    flows: Body[FlowFilter] = UNSET,
    deployments: Body[DeploymentFilter] = UNSET,
) -> Any:
    """The newest artifact of each key that satisfies filters."""
    return await service.find_latest(
        tx,
        sort,
        limit,
        offset,
        artifacts=artifacts,
        flow_runs=flow_runs,
        task_runs=task_runs,
        flows=flows,
        deployments=deployments,
    )


@routes.reads("POST", "/count", int)
async def count_artifacts(
    tx: Transaction,
    artifacts: Body[ArtifactFilter] = UNSET,
    flow_runs: Body[FlowRunFilter] = UNSET,
    task_runs: Body[TaskRunFilter] = UNSET,
    flows: Body[FlowFilter] = UNSET,
    deployments: Body[DeploymentFilter] = UNSET,
) -> Any:
    """How many artifacts satisfy filters."""
    return await service.count(
        tx, artifacts=artifacts, flow_runs=flow_runs, task_runs=task_runs, flows=flows, deployments=deployments
    )


@routes.reads("POST", "/latest/count", int)
async def count_latest_artifacts(
    tx: Transaction,
    artifacts: Body[ArtifactCollectionFilter] = UNSET,
    flow_runs: Body[FlowRunFilter] = UNSET,
    task_runs: Body[TaskRunFilter] = UNSET,
    flows: Body[FlowFilter] = UNSET,
    deployments: Body[DeploymentFilter] = UNSET,
) -> Any:
    """How many keys have an artifact that satisfies filters and is the newest of its key."""
    return await service.count_latest(
        tx, artifacts=artifacts, flow_runs=flow_runs, task_runs=task_runs, flows=flows, deployments=deployments
    )


@routes.writes("PATCH", "/{id:uuid}")
async def update_artifact(tx: Transaction, artifact: ArtifactUpdate, id: UUID) -> None:
    """Change what is given of an artifact."""
    await service.change(tx, id, artifact.model_dump(exclude_unset=True))


@routes.writes("DELETE", "/{id:uuid}")
async def delete_artifact(tx: Transaction, id: UUID) -> None:
    """Delete an artifact."""
    await service.remove(tx, id)
