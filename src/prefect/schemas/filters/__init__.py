"""Filters that select the objects of a request, imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.filters.base import Operator as Operator
    from prefect.schemas.filters.base import OperatorMixin as OperatorMixin
    from prefect.schemas.filters.objects import ArtifactCollectionFilter as ArtifactCollectionFilter
    from prefect.schemas.filters.objects import ArtifactCollectionFilterFlowRunId as ArtifactCollectionFilterFlowRunId
    from prefect.schemas.filters.objects import ArtifactCollectionFilterKey as ArtifactCollectionFilterKey
    from prefect.schemas.filters.objects import ArtifactCollectionFilterLatestId as ArtifactCollectionFilterLatestId
    from prefect.schemas.filters.objects import ArtifactCollectionFilterTaskRunId as ArtifactCollectionFilterTaskRunId
    from prefect.schemas.filters.objects import ArtifactCollectionFilterType as ArtifactCollectionFilterType
    from prefect.schemas.filters.objects import ArtifactFilter as ArtifactFilter
    from prefect.schemas.filters.objects import ArtifactFilterFlowRunId as ArtifactFilterFlowRunId
    from prefect.schemas.filters.objects import ArtifactFilterId as ArtifactFilterId
    from prefect.schemas.filters.objects import ArtifactFilterKey as ArtifactFilterKey
    from prefect.schemas.filters.objects import ArtifactFilterTaskRunId as ArtifactFilterTaskRunId
    from prefect.schemas.filters.objects import ArtifactFilterType as ArtifactFilterType
    from prefect.schemas.filters.objects import BlockDocumentFilter as BlockDocumentFilter
    from prefect.schemas.filters.objects import BlockDocumentFilterBlockTypeId as BlockDocumentFilterBlockTypeId
    from prefect.schemas.filters.objects import BlockDocumentFilterId as BlockDocumentFilterId
    from prefect.schemas.filters.objects import BlockDocumentFilterIsAnonymous as BlockDocumentFilterIsAnonymous
    from prefect.schemas.filters.objects import BlockDocumentFilterName as BlockDocumentFilterName
    from prefect.schemas.filters.objects import BlockSchemaFilter as BlockSchemaFilter
    from prefect.schemas.filters.objects import BlockSchemaFilterBlockTypeId as BlockSchemaFilterBlockTypeId
    from prefect.schemas.filters.objects import BlockSchemaFilterCapabilities as BlockSchemaFilterCapabilities
    from prefect.schemas.filters.objects import BlockSchemaFilterId as BlockSchemaFilterId
    from prefect.schemas.filters.objects import BlockSchemaFilterVersion as BlockSchemaFilterVersion
    from prefect.schemas.filters.objects import BlockTypeFilter as BlockTypeFilter
    from prefect.schemas.filters.objects import BlockTypeFilterName as BlockTypeFilterName
    from prefect.schemas.filters.objects import BlockTypeFilterSlug as BlockTypeFilterSlug
    from prefect.schemas.filters.objects import VariableFilter as VariableFilter
    from prefect.schemas.filters.objects import VariableFilterId as VariableFilterId
    from prefect.schemas.filters.objects import VariableFilterName as VariableFilterName
    from prefect.schemas.filters.objects import VariableFilterTags as VariableFilterTags
    from prefect.schemas.filters.objects import WorkerFilter as WorkerFilter
    from prefect.schemas.filters.objects import WorkerFilterLastHeartbeatTime as WorkerFilterLastHeartbeatTime
    from prefect.schemas.filters.objects import WorkerFilterStatus as WorkerFilterStatus
    from prefect.schemas.filters.objects import WorkerFilterWorkPoolId as WorkerFilterWorkPoolId
    from prefect.schemas.filters.objects import WorkPoolFilter as WorkPoolFilter
    from prefect.schemas.filters.objects import WorkPoolFilterId as WorkPoolFilterId
    from prefect.schemas.filters.objects import WorkPoolFilterName as WorkPoolFilterName
    from prefect.schemas.filters.objects import WorkPoolFilterType as WorkPoolFilterType
    from prefect.schemas.filters.objects import WorkQueueFilter as WorkQueueFilter
    from prefect.schemas.filters.objects import WorkQueueFilterId as WorkQueueFilterId
    from prefect.schemas.filters.objects import WorkQueueFilterName as WorkQueueFilterName
    from prefect.schemas.filters.runs import DeploymentFilter as DeploymentFilter
    from prefect.schemas.filters.runs import DeploymentFilterConcurrencyLimit as DeploymentFilterConcurrencyLimit
    from prefect.schemas.filters.runs import DeploymentFilterId as DeploymentFilterId
    from prefect.schemas.filters.runs import DeploymentFilterName as DeploymentFilterName
    from prefect.schemas.filters.runs import DeploymentFilterTags as DeploymentFilterTags
    from prefect.schemas.filters.runs import DeploymentFilterWorkQueueName as DeploymentFilterWorkQueueName
    from prefect.schemas.filters.runs import FilterSet as FilterSet
    from prefect.schemas.filters.runs import FlowFilter as FlowFilter
    from prefect.schemas.filters.runs import FlowFilterId as FlowFilterId
    from prefect.schemas.filters.runs import FlowFilterName as FlowFilterName
    from prefect.schemas.filters.runs import FlowFilterTags as FlowFilterTags
    from prefect.schemas.filters.runs import FlowRunFilter as FlowRunFilter
    from prefect.schemas.filters.runs import FlowRunFilterCreatedBy as FlowRunFilterCreatedBy
    from prefect.schemas.filters.runs import FlowRunFilterDeploymentId as FlowRunFilterDeploymentId
    from prefect.schemas.filters.runs import FlowRunFilterEndTime as FlowRunFilterEndTime
    from prefect.schemas.filters.runs import FlowRunFilterExpectedStartTime as FlowRunFilterExpectedStartTime
    from prefect.schemas.filters.runs import FlowRunFilterFlowVersion as FlowRunFilterFlowVersion
    from prefect.schemas.filters.runs import FlowRunFilterId as FlowRunFilterId
    from prefect.schemas.filters.runs import FlowRunFilterIdempotencyKey as FlowRunFilterIdempotencyKey
    from prefect.schemas.filters.runs import FlowRunFilterName as FlowRunFilterName
    from prefect.schemas.filters.runs import FlowRunFilterNextScheduledStartTime as FlowRunFilterNextScheduledStartTime
    from prefect.schemas.filters.runs import FlowRunFilterParentFlowRunId as FlowRunFilterParentFlowRunId
    from prefect.schemas.filters.runs import FlowRunFilterParentTaskRunId as FlowRunFilterParentTaskRunId
    from prefect.schemas.filters.runs import FlowRunFilterStartTime as FlowRunFilterStartTime
    from prefect.schemas.filters.runs import FlowRunFilterState as FlowRunFilterState
    from prefect.schemas.filters.runs import FlowRunFilterStateName as FlowRunFilterStateName
    from prefect.schemas.filters.runs import FlowRunFilterStateType as FlowRunFilterStateType
    from prefect.schemas.filters.runs import FlowRunFilterTags as FlowRunFilterTags
    from prefect.schemas.filters.runs import FlowRunFilterWorkQueueName as FlowRunFilterWorkQueueName
    from prefect.schemas.filters.runs import LogFilter as LogFilter
    from prefect.schemas.filters.runs import LogFilterFlowRunId as LogFilterFlowRunId
    from prefect.schemas.filters.runs import LogFilterLevel as LogFilterLevel
    from prefect.schemas.filters.runs import LogFilterName as LogFilterName
    from prefect.schemas.filters.runs import LogFilterTaskRunId as LogFilterTaskRunId
    from prefect.schemas.filters.runs import LogFilterTextSearch as LogFilterTextSearch
    from prefect.schemas.filters.runs import LogFilterTimestamp as LogFilterTimestamp
    from prefect.schemas.filters.runs import TaskRunFilter as TaskRunFilter
    from prefect.schemas.filters.runs import TaskRunFilterEndTime as TaskRunFilterEndTime
    from prefect.schemas.filters.runs import TaskRunFilterFlowRunId as TaskRunFilterFlowRunId
    from prefect.schemas.filters.runs import TaskRunFilterId as TaskRunFilterId
    from prefect.schemas.filters.runs import TaskRunFilterName as TaskRunFilterName
    from prefect.schemas.filters.runs import TaskRunFilterStartTime as TaskRunFilterStartTime
    from prefect.schemas.filters.runs import TaskRunFilterState as TaskRunFilterState
    from prefect.schemas.filters.runs import TaskRunFilterStateName as TaskRunFilterStateName
    from prefect.schemas.filters.runs import TaskRunFilterStateType as TaskRunFilterStateType
    from prefect.schemas.filters.runs import TaskRunFilterSubFlowRuns as TaskRunFilterSubFlowRuns
    from prefect.schemas.filters.runs import TaskRunFilterTags as TaskRunFilterTags


EXPORTS = {
    "prefect.schemas.filters.base": "Operator OperatorMixin",
    "prefect.schemas.filters.objects": (
        "ArtifactCollectionFilter ArtifactCollectionFilterFlowRunId ArtifactCollectionFilterKey "
        "ArtifactCollectionFilterLatestId ArtifactCollectionFilterTaskRunId ArtifactCollectionFilterType "
        "ArtifactFilter ArtifactFilterFlowRunId ArtifactFilterId ArtifactFilterKey ArtifactFilterTaskRunId "
        "ArtifactFilterType BlockDocumentFilter BlockDocumentFilterBlockTypeId BlockDocumentFilterId "
        "BlockDocumentFilterIsAnonymous BlockDocumentFilterName BlockSchemaFilter BlockSchemaFilterBlockTypeId "
        "BlockSchemaFilterCapabilities BlockSchemaFilterId BlockSchemaFilterVersion BlockTypeFilter "
        "BlockTypeFilterName BlockTypeFilterSlug VariableFilter VariableFilterId VariableFilterName "
        "VariableFilterTags WorkPoolFilter WorkPoolFilterId WorkPoolFilterName WorkPoolFilterType WorkQueueFilter "
        "WorkQueueFilterId WorkQueueFilterName WorkerFilter WorkerFilterLastHeartbeatTime WorkerFilterStatus "
        "WorkerFilterWorkPoolId"
    ),
    "prefect.schemas.filters.runs": (
        "DeploymentFilter DeploymentFilterConcurrencyLimit DeploymentFilterId DeploymentFilterName "
        "DeploymentFilterTags DeploymentFilterWorkQueueName FilterSet FlowFilter FlowFilterId FlowFilterName "
        "FlowFilterTags FlowRunFilter FlowRunFilterCreatedBy FlowRunFilterDeploymentId FlowRunFilterEndTime "
        "FlowRunFilterExpectedStartTime FlowRunFilterFlowVersion FlowRunFilterId FlowRunFilterIdempotencyKey "
        "FlowRunFilterName FlowRunFilterNextScheduledStartTime FlowRunFilterParentFlowRunId "
        "FlowRunFilterParentTaskRunId FlowRunFilterStartTime FlowRunFilterState FlowRunFilterStateName "
        "FlowRunFilterStateType FlowRunFilterTags FlowRunFilterWorkQueueName LogFilter LogFilterFlowRunId "
        "LogFilterLevel LogFilterName LogFilterTaskRunId LogFilterTextSearch LogFilterTimestamp TaskRunFilter "
        "TaskRunFilterEndTime TaskRunFilterFlowRunId TaskRunFilterId TaskRunFilterName TaskRunFilterStartTime "
        "TaskRunFilterState TaskRunFilterStateName TaskRunFilterStateType TaskRunFilterSubFlowRuns TaskRunFilterTags"
    ),
}

__getattr__, __dir__ = exports(__name__, EXPORTS)
