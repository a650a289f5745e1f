"""Filters for everything that is neither a flow, a deployment, a run nor a log; conditions as in `filters.runs`."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.filters.base import OperatorMixin
from prefect.types._annotated import AwareDateTime


class BlockTypeFilterName(PrefectBaseModel):
    """Selects block types by their name."""

    like_: str | None = None


class BlockTypeFilterSlug(PrefectBaseModel):
    """Selects block types by their slug."""

    any_: list[str] | None = None


class BlockTypeFilter(PrefectBaseModel):
    """Selects block types."""

    name: BlockTypeFilterName | None = None
    slug: BlockTypeFilterSlug | None = None


class BlockSchemaFilterBlockTypeId(PrefectBaseModel):
    """Selects block schemas by the type they belong to."""

    any_: list[UUID] | None = None


class BlockSchemaFilterCapabilities(PrefectBaseModel):
    """Selects block schemas by the capabilities of their blocks."""

    all_: list[str] | None = None


class BlockSchemaFilterId(PrefectBaseModel):
    """Selects block schemas by their ids."""

    any_: list[UUID] | None = None


class BlockSchemaFilterVersion(PrefectBaseModel):
    """Selects block schemas by their version."""

    any_: list[str] | None = None


class BlockSchemaFilter(PrefectBaseModel, OperatorMixin):
    """Selects block schemas."""

    block_type_id: BlockSchemaFilterBlockTypeId | None = None
    block_capabilities: BlockSchemaFilterCapabilities | None = None
    id: BlockSchemaFilterId | None = None
    version: BlockSchemaFilterVersion | None = None


class BlockDocumentFilterBlockTypeId(PrefectBaseModel):
    """Selects block documents by the type they belong to."""

    any_: list[UUID] | None = None


class BlockDocumentFilterId(PrefectBaseModel):
    """Selects block documents by their ids."""

    any_: list[UUID] | None = None


class BlockDocumentFilterIsAnonymous(PrefectBaseModel):
    """Selects block documents by whether they are anonymous."""

    eq_: bool | None = None


class BlockDocumentFilterName(PrefectBaseModel):
    """Selects block documents by their name."""

    any_: list[str] | None = None
    like_: str | None = None


class BlockDocumentFilter(PrefectBaseModel, OperatorMixin):
    """Selects block documents."""

    id: BlockDocumentFilterId | None = None
    is_anonymous: BlockDocumentFilterIsAnonymous | None = Field(
        default_factory=lambda: BlockDocumentFilterIsAnonymous(eq_=False)
    )
    block_type_id: BlockDocumentFilterBlockTypeId | None = None
    name: BlockDocumentFilterName | None = None


class WorkPoolFilterId(PrefectBaseModel):
    """Selects work pools by their ids."""

    any_: list[UUID] | None = None


class WorkPoolFilterName(PrefectBaseModel):
    """Selects work pools by their name."""

    any_: list[str] | None = None


class WorkPoolFilterType(PrefectBaseModel):
    """Selects work pools by their type."""

    any_: list[str] | None = None


class WorkPoolFilter(PrefectBaseModel, OperatorMixin):
    """Selects work pools."""

    id: WorkPoolFilterId | None = None
    name: WorkPoolFilterName | None = None
    type: WorkPoolFilterType | None = None


class WorkQueueFilterId(PrefectBaseModel):
    """Selects work queues by their ids."""

    any_: list[UUID] | None = None


class WorkQueueFilterName(PrefectBaseModel):
    """Selects work queues by their name."""

    any_: list[str] | None = None
    startswith_: list[str] | None = None


class WorkQueueFilter(PrefectBaseModel, OperatorMixin):
    """Selects work queues."""

    id: WorkQueueFilterId | None = None
    name: WorkQueueFilterName | None = None


class WorkerFilterLastHeartbeatTime(PrefectBaseModel):
    """Selects workers by their last heartbeat time."""

    before_: AwareDateTime | None = None
    after_: AwareDateTime | None = None


class WorkerFilterStatus(PrefectBaseModel):
    """Selects workers by their status."""

    any_: list[str] | None = None
    not_any_: list[str] | None = None


class WorkerFilterWorkPoolId(PrefectBaseModel):
    """Selects workers by their work pool."""

    any_: list[UUID] | None = None


class WorkerFilter(PrefectBaseModel, OperatorMixin):
    """Selects workers."""

    last_heartbeat_time: WorkerFilterLastHeartbeatTime | None = None
    status: WorkerFilterStatus | None = None


class ArtifactFilterFlowRunId(PrefectBaseModel):
    """Selects artifacts by the flow run they belong to."""

    any_: list[UUID] | None = None


class ArtifactFilterId(PrefectBaseModel):
    """Selects artifacts by their ids."""

    any_: list[UUID] | None = None


class ArtifactFilterKey(PrefectBaseModel):
    """Selects artifacts by their key."""

    any_: list[str] | None = None
    like_: str | None = None
    exists_: bool | None = None


class ArtifactFilterTaskRunId(PrefectBaseModel):
    """Selects artifacts by the task run they belong to."""

    any_: list[UUID] | None = None


class ArtifactFilterType(PrefectBaseModel):
    """Selects artifacts by their type."""

    any_: list[str] | None = None
    not_any_: list[str] | None = None


class ArtifactFilter(PrefectBaseModel, OperatorMixin):
    """Selects artifacts."""

    id: ArtifactFilterId | None = None
    key: ArtifactFilterKey | None = None
    flow_run_id: ArtifactFilterFlowRunId | None = None
    task_run_id: ArtifactFilterTaskRunId | None = None
    type: ArtifactFilterType | None = None


class ArtifactCollectionFilterFlowRunId(PrefectBaseModel):
    """Selects the latest artifacts of each key by the flow run they belong to."""

    any_: list[UUID] | None = None


class ArtifactCollectionFilterKey(PrefectBaseModel):
    """Selects the latest artifacts of each key by their key."""

    any_: list[str] | None = None
    like_: str | None = None
    exists_: bool | None = None


class ArtifactCollectionFilterLatestId(PrefectBaseModel):
    """Selects the latest artifacts of each key by the id of the latest artifact."""

    any_: list[UUID] | None = None


class ArtifactCollectionFilterTaskRunId(PrefectBaseModel):
    """Selects the latest artifacts of each key by the task run they belong to."""

    any_: list[UUID] | None = None


class ArtifactCollectionFilterType(PrefectBaseModel):
    """Selects the latest artifacts of each key by their type."""

    any_: list[str] | None = None
    not_any_: list[str] | None = None


class ArtifactCollectionFilter(PrefectBaseModel, OperatorMixin):
    """Selects the latest artifacts of each key."""

    latest_id: ArtifactCollectionFilterLatestId | None = None
    key: ArtifactCollectionFilterKey | None = None
    flow_run_id: ArtifactCollectionFilterFlowRunId | None = None
    task_run_id: ArtifactCollectionFilterTaskRunId | None = None
    type: ArtifactCollectionFilterType | None = None


class VariableFilterId(PrefectBaseModel):
    """Selects variables by their ids."""

    any_: list[UUID] | None = None


class VariableFilterName(PrefectBaseModel):
    """Selects variables by their name."""

    any_: list[str] | None = None
    like_: str | None = None


class VariableFilterTags(PrefectBaseModel, OperatorMixin):
    """Selects variables by their tags."""

    all_: list[str] | None = None
    is_null_: bool | None = None


class VariableFilter(PrefectBaseModel, OperatorMixin):
    """Selects variables."""

    id: VariableFilterId | None = None
    name: VariableFilterName | None = None
    tags: VariableFilterTags | None = None
