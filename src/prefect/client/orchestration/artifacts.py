"""Artifacts of runs, as the client reads and changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

from prefect._lazy import lazy
from prefect.client.orchestration import base

if TYPE_CHECKING:
    from typing import Unpack

    from prefect.schemas import filters, records, sorting
    from prefect.schemas.actions import ArtifactCreate, ArtifactUpdate
else:
    records = lazy("prefect.schemas.records")


class ArtifactReadParams(TypedDict, total=False):
    """Arguments of `read_artifacts`."""

    artifact_filter: filters.ArtifactFilter | None
    flow_run_filter: filters.FlowRunFilter | None
    task_run_filter: filters.TaskRunFilter | None
    sort: sorting.ArtifactSort | None
    limit: int | None
    offset: int


class ArtifactCollectionReadParams(TypedDict, total=False):
    """Arguments of `read_latest_artifacts`."""

    artifact_filter: filters.ArtifactCollectionFilter | None
    flow_run_filter: filters.FlowRunFilter | None
    task_run_filter: filters.TaskRunFilter | None
    sort: sorting.ArtifactCollectionSort | None
    limit: int | None
    offset: int


class ArtifactAsyncClient(base.BaseAsyncClient):
    """Operations on artifacts."""

    async def create_artifact(self, artifact: ArtifactCreate) -> records.Artifact:
        """Create an artifact."""
        return records.Artifact.model_validate(await self._call("POST", "/artifacts/", artifact))

    async def update_artifact(self, artifact_id: UUID, artifact: ArtifactUpdate) -> None:
        """Change what is set of an artifact.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("PATCH", "/artifacts/{id}", artifact, id=artifact_id)

    async def delete_artifact(self, artifact_id: UUID) -> None:
        """Delete an artifact.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/artifacts/{id}", id=artifact_id)

    async def read_artifacts(self, **kwargs: Unpack[ArtifactReadParams]) -> list[records.Artifact]:
        """Return the artifacts that satisfy all filters.

        Args:
            kwargs: `artifact_filter`, `flow_run_filter` and `task_run_filter`; `sort`, newest id first if None;
                `limit`, 200 if None; `offset`.
        """
        return base.parse_many(records.Artifact, await self._call("POST", "/artifacts/filter", _body(**kwargs)))


class ArtifactCollectionAsyncClient(base.BaseAsyncClient):
    """Operations on the newest artifacts of each key."""

    async def read_latest_artifacts(
        self, **kwargs: Unpack[ArtifactCollectionReadParams]
    ) -> list[records.ArtifactCollection]:
        """Return the newest artifact of each key that satisfies all filters, with the arguments of `read_artifacts`."""
        answer = await self._call("POST", "/artifacts/latest/filter", _body(**kwargs))
        return base.parse_many(records.ArtifactCollection, answer)


class ArtifactClient(base.BaseClient):
    """`ArtifactAsyncClient` for sync code."""

    create_artifact = base.sync_method(ArtifactAsyncClient.create_artifact)
    delete_artifact = base.sync_method(ArtifactAsyncClient.delete_artifact)
    read_artifacts = base.sync_method(ArtifactAsyncClient.read_artifacts)
    update_artifact = base.sync_method(ArtifactAsyncClient.update_artifact)


class ArtifactCollectionClient(base.BaseClient):
    """`ArtifactCollectionAsyncClient` for sync code."""

    read_latest_artifacts = base.sync_method(ArtifactCollectionAsyncClient.read_latest_artifacts)


def _body(
    artifact_filter: Any = None,
    flow_run_filter: Any = None,
    task_run_filter: Any = None,
    sort: Any = None,
    limit: int | None = None,
    offset: int = 0,
) -> dict[str, Any]:
    criteria = base.drop_none(artifacts=artifact_filter, flow_runs=flow_run_filter, task_runs=task_run_filter)
    return {**criteria, **base.drop_none(sort=sort, limit=limit, offset=offset)}
