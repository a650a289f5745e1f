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
)
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.criteria import TaskRunCriteriaNotNull
from prefect.server.routes.core.operation import UNSET, Body, Routes, Rows, StatusResponse
from prefect.server.services.catalog import artifacts as service

routes = Routes("Artifacts", "/artifacts")


@routes.writes("POST", "/", Artifact, 200, requires=Permission.WORK)
async def create_artifact(tx: Transaction, artifact: ArtifactCreate) -> Any:
    """Create an artifact; the status is 201."""
    return StatusResponse(201, await service.add(tx, artifact.model_dump(exclude_unset=True)))


routes.reads_by_key("/{id:uuid}", Artifact, "read_artifact", service.get, "Return an artifact.")
routes.reads_by_key(
    "/{key}/latest", Artifact, "read_latest_artifact", service.get_latest, "Return the newest artifact of a key."
)


@routes.reads("POST", "/filter", list[Artifact])
async def read_artifacts(
    tx: Transaction,
    criteria: TaskRunCriteriaNotNull,
    rows: Rows,
    sort: Body[ArtifactSort] = ArtifactSort.ID_DESC,
    artifacts: Body[ArtifactFilter] = UNSET,
) -> Any:
    """Return the artifacts that match the filters."""
    return await service.find(tx, sort, *rows, artifacts=artifacts, **criteria.as_filters())


@routes.reads("POST", "/latest/filter", list[ArtifactCollection])
async def read_latest_artifacts(
    tx: Transaction,
    criteria: TaskRunCriteriaNotNull,
    rows: Rows,
    sort: Body[ArtifactCollectionSort] = ArtifactCollectionSort.ID_DESC,
    artifacts: Body[ArtifactCollectionFilter] = UNSET,
) -> Any:
    """Return the newest artifact of each key, of those that match the filters."""
    return await service.find_latest(tx, sort, *rows, artifacts=artifacts, **criteria.as_filters())


@routes.reads("POST", "/count", int)
async def count_artifacts(
    tx: Transaction, criteria: TaskRunCriteriaNotNull, artifacts: Body[ArtifactFilter] = UNSET
) -> Any:
    """Count the artifacts that match the filters."""
    return await service.count(tx, artifacts=artifacts, **criteria.as_filters())


@routes.reads("POST", "/latest/count", int)
async def count_latest_artifacts(
    tx: Transaction, criteria: TaskRunCriteriaNotNull, artifacts: Body[ArtifactCollectionFilter] = UNSET
) -> Any:
    """Count the keys whose newest artifact matches the filters."""
    return await service.count_latest(tx, artifacts=artifacts, **criteria.as_filters())


@routes.writes("PATCH", "/{id:uuid}", requires=Permission.WORK)
async def update_artifact(tx: Transaction, artifact: ArtifactUpdate, id: UUID) -> None:
    """Update the fields of an artifact that are sent."""
    await service.change(tx, id, artifact.model_dump(exclude_unset=True))


routes.deletes_by_key("/{id:uuid}", "delete_artifact", service.remove, "Delete an artifact.")
