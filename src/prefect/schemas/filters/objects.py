"""Filters for everything that is neither a flow, a deployment, a run nor a log; conditions as in `filters.runs`."""

from __future__ import annotations

from pydantic import Field

from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.filters.base import AllTexts, AnyId, AnyText, Between, LikeText, Missing, NotAnyText, OperatorMixin


class BlockTypeFilterName(PrefectBaseModel):
    """Selects block types by their name."""

    like_: str | None = None


class BlockTypeFilterSlug(AnyText):
    """Selects block types by their slug."""


class BlockTypeFilter(PrefectBaseModel):
    """Selects block types."""

    name: BlockTypeFilterName | None = None
    slug: BlockTypeFilterSlug | None = None


class BlockSchemaFilterBlockTypeId(AnyId):
    """Selects block schemas by the type they belong to."""


class BlockSchemaFilterCapabilities(AllTexts):
    """Selects block schemas by the capabilities of their blocks."""


class BlockSchemaFilterId(AnyId):
    """Selects block schemas by their ids."""


class BlockSchemaFilterVersion(AnyText):
    """Selects block schemas by their version."""


class BlockSchemaFilter(PrefectBaseModel, OperatorMixin):
    """Selects block schemas."""

    block_type_id: BlockSchemaFilterBlockTypeId | None = None
    block_capabilities: BlockSchemaFilterCapabilities | None = None
    id: BlockSchemaFilterId | None = None
    version: BlockSchemaFilterVersion | None = None


class BlockDocumentFilterBlockTypeId(AnyId):
    """Selects block documents by the type they belong to."""


class BlockDocumentFilterId(AnyId):
    """Selects block documents by their ids."""


class BlockDocumentFilterIsAnonymous(PrefectBaseModel):
    """Selects block documents by whether they are anonymous."""

    eq_: bool | None = None


class BlockDocumentFilterName(LikeText):
    """Selects block documents by their name."""


class BlockDocumentFilter(PrefectBaseModel, OperatorMixin):
    """Selects block documents."""

    id: BlockDocumentFilterId | None = None
    is_anonymous: BlockDocumentFilterIsAnonymous | None = Field(
        default_factory=lambda: BlockDocumentFilterIsAnonymous(eq_=False)
    )
    block_type_id: BlockDocumentFilterBlockTypeId | None = None
    name: BlockDocumentFilterName | None = None


class WorkPoolFilterId(AnyId):
    """Selects work pools by their ids."""


class WorkPoolFilterName(AnyText):
    """Selects work pools by their name."""


class WorkPoolFilterType(AnyText):
    """Selects work pools by their type."""


class WorkPoolFilter(PrefectBaseModel, OperatorMixin):
    """Selects work pools."""

    id: WorkPoolFilterId | None = None
    name: WorkPoolFilterName | None = None
    type: WorkPoolFilterType | None = None


class WorkQueueFilterId(AnyId):
    """Selects work queues by their ids."""


class WorkQueueFilterName(PrefectBaseModel):
    """Selects work queues by their name."""

    any_: list[str] | None = None
    startswith_: list[str] | None = None


class WorkQueueFilter(PrefectBaseModel, OperatorMixin):
    """Selects work queues."""

    id: WorkQueueFilterId | None = None
    name: WorkQueueFilterName | None = None


class WorkerFilterLastHeartbeatTime(Between):
    """Selects workers by their last heartbeat time."""


class WorkerFilterStatus(NotAnyText):
    """Selects workers by their status."""


class WorkerFilterWorkPoolId(AnyId):
    """Selects workers by their work pool."""


class WorkerFilter(PrefectBaseModel, OperatorMixin):
    """Selects workers."""

    last_heartbeat_time: WorkerFilterLastHeartbeatTime | None = None
    status: WorkerFilterStatus | None = None


class ArtifactFilterFlowRunId(AnyId):
    """Selects artifacts by the flow run they belong to."""


class ArtifactFilterId(AnyId):
    """Selects artifacts by their ids."""


class ArtifactFilterKey(LikeText):
    """Selects artifacts by their key."""

    exists_: bool | None = None


class ArtifactFilterTaskRunId(AnyId):
    """Selects artifacts by the task run they belong to."""


class ArtifactFilterType(NotAnyText):
    """Selects artifacts by their type."""


class ArtifactFilter(PrefectBaseModel, OperatorMixin):
    """Selects artifacts."""

    id: ArtifactFilterId | None = None
    key: ArtifactFilterKey | None = None
    flow_run_id: ArtifactFilterFlowRunId | None = None
    task_run_id: ArtifactFilterTaskRunId | None = None
    type: ArtifactFilterType | None = None


class ArtifactCollectionFilterFlowRunId(AnyId):
    """Selects the latest artifacts of each key by the flow run they belong to."""


class ArtifactCollectionFilterKey(LikeText):
    """Selects the latest artifacts of each key by their key."""

    exists_: bool | None = None


class ArtifactCollectionFilterLatestId(AnyId):
    """Selects the latest artifacts of each key by the id of the latest artifact."""


class ArtifactCollectionFilterTaskRunId(AnyId):
    """Selects the latest artifacts of each key by the task run they belong to."""


class ArtifactCollectionFilterType(NotAnyText):
    """Selects the latest artifacts of each key by their type."""


class ArtifactCollectionFilter(PrefectBaseModel, OperatorMixin):
    """Selects the latest artifacts of each key."""

    latest_id: ArtifactCollectionFilterLatestId | None = None
    key: ArtifactCollectionFilterKey | None = None
    flow_run_id: ArtifactCollectionFilterFlowRunId | None = None
    task_run_id: ArtifactCollectionFilterTaskRunId | None = None
    type: ArtifactCollectionFilterType | None = None


class VariableFilterId(AnyId):
    """Selects variables by their ids."""


class VariableFilterName(LikeText):
    """Selects variables by their name."""


class VariableFilterTags(Missing, AllTexts, OperatorMixin):
    """Selects variables by their tags."""


class VariableFilter(PrefectBaseModel, OperatorMixin):
    """Selects variables."""

    id: VariableFilterId | None = None
    name: VariableFilterName | None = None
    tags: VariableFilterTags | None = None
