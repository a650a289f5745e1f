"""The schemas of the REST API by name. Only the server imports this package.

Most are the classes of `prefect.schemas` themselves. Where the server requires more fields than the client, accepts
fewer, or returns others, this package defines a class of the same name; a document with both would give
one of them a longer name, so the server takes all of them from here. Filters that are only stricter than the
client's are made at run time; type checkers see the client's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.account import SavedSearchFilter as SavedSearchFilter
    from prefect.schemas.account import ServerDefaultResultStorage as ServerDefaultResultStorage
    from prefect.schemas.account import ServerDefaultResultStorageUpdate as ServerDefaultResultStorageUpdate
    from prefect.schemas.actions.objects import BlockDocumentCreate as BlockDocumentCreate
    from prefect.schemas.actions.objects import BlockDocumentUpdate as BlockDocumentUpdate
    from prefect.schemas.actions.objects import ConcurrencyLimitCreate as ConcurrencyLimitCreate
    from prefect.schemas.actions.objects import ConcurrencyLimitV2Create as ConcurrencyLimitV2Create
    from prefect.schemas.actions.objects import ConcurrencyLimitV2Update as ConcurrencyLimitV2Update
    from prefect.schemas.actions.objects import SavedSearchCreate as SavedSearchCreate
    from prefect.schemas.actions.objects import VariableUpdate as VariableUpdate
    from prefect.schemas.actions.runs import FlowUpdate as FlowUpdate
    from prefect.schemas.automation_actions import CancelFlowRun as CancelFlowRun
    from prefect.schemas.automation_actions import ChangeFlowRunState as ChangeFlowRunState
    from prefect.schemas.automation_actions import DeleteFlowRun as DeleteFlowRun
    from prefect.schemas.automation_actions import DoNothing as DoNothing
    from prefect.schemas.automation_actions import PauseAutomation as PauseAutomation
    from prefect.schemas.automation_actions import PauseDeployment as PauseDeployment
    from prefect.schemas.automation_actions import PauseWorkQueue as PauseWorkQueue
    from prefect.schemas.automation_actions import ResumeAutomation as ResumeAutomation
    from prefect.schemas.automation_actions import ResumeDeployment as ResumeDeployment
    from prefect.schemas.automation_actions import ResumeFlowRun as ResumeFlowRun
    from prefect.schemas.automation_actions import ResumeWorkQueue as ResumeWorkQueue
    from prefect.schemas.automation_actions import SuspendFlowRun as SuspendFlowRun
    from prefect.schemas.concurrency import ConcurrencyLeaseHolder as ConcurrencyLeaseHolder
    from prefect.schemas.concurrency import ConcurrencyLimitStrategy as ConcurrencyLimitStrategy
    from prefect.schemas.concurrency import ConcurrencyOptions as ConcurrencyOptions
    from prefect.schemas.deployments import VersionInfo as VersionInfo
    from prefect.schemas.event_filters import AutomationFilterCreated as AutomationFilterCreated
    from prefect.schemas.event_filters import AutomationFilterId as AutomationFilterId
    from prefect.schemas.event_filters import AutomationFilterName as AutomationFilterName
    from prefect.schemas.event_filters import EventAnyResourceFilter as EventAnyResourceFilter
    from prefect.schemas.event_filters import EventFilter as EventFilter
    from prefect.schemas.event_filters import EventIDFilter as EventIDFilter
    from prefect.schemas.event_filters import EventNameFilter as EventNameFilter
    from prefect.schemas.event_filters import EventOccurredFilter as EventOccurredFilter
    from prefect.schemas.event_filters import EventOrder as EventOrder
    from prefect.schemas.event_filters import EventRelatedFilter as EventRelatedFilter
    from prefect.schemas.event_filters import EventResourceFilter as EventResourceFilter
    from prefect.schemas.event_filters import EventTextFilter as EventTextFilter
    from prefect.schemas.events import RelatedResource as RelatedResource
    from prefect.schemas.events import Resource as Resource
    from prefect.schemas.events import ResourceSpecification as ResourceSpecification
    from prefect.schemas.filters.base import Operator as Operator
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
    from prefect.schemas.filters.objects import BlockDocumentFilterBlockTypeId as BlockDocumentFilterBlockTypeId
    from prefect.schemas.filters.objects import BlockDocumentFilterId as BlockDocumentFilterId
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
    from prefect.schemas.filters.objects import WorkPoolFilter as WorkPoolFilter
    from prefect.schemas.filters.objects import WorkPoolFilterId as WorkPoolFilterId
    from prefect.schemas.filters.objects import WorkPoolFilterName as WorkPoolFilterName
    from prefect.schemas.filters.objects import WorkPoolFilterType as WorkPoolFilterType
    from prefect.schemas.filters.objects import WorkQueueFilter as WorkQueueFilter
    from prefect.schemas.filters.objects import WorkQueueFilterId as WorkQueueFilterId
    from prefect.schemas.filters.objects import WorkQueueFilterName as WorkQueueFilterName
    from prefect.schemas.filters.runs import DeploymentFilterConcurrencyLimit as DeploymentFilterConcurrencyLimit
    from prefect.schemas.filters.runs import DeploymentFilterId as DeploymentFilterId
    from prefect.schemas.filters.runs import DeploymentFilterName as DeploymentFilterName
    from prefect.schemas.filters.runs import DeploymentFilterTags as DeploymentFilterTags
    from prefect.schemas.filters.runs import DeploymentFilterWorkQueueName as DeploymentFilterWorkQueueName
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
    from prefect.schemas.filters.runs import LogFilterTextSearch as LogFilterTextSearch
    from prefect.schemas.filters.runs import LogFilterTimestamp as LogFilterTimestamp
    from prefect.schemas.filters.runs import TaskRunFilterEndTime as TaskRunFilterEndTime
    from prefect.schemas.filters.runs import TaskRunFilterId as TaskRunFilterId
    from prefect.schemas.filters.runs import TaskRunFilterName as TaskRunFilterName
    from prefect.schemas.filters.runs import TaskRunFilterStartTime as TaskRunFilterStartTime
    from prefect.schemas.filters.runs import TaskRunFilterState as TaskRunFilterState
    from prefect.schemas.filters.runs import TaskRunFilterStateName as TaskRunFilterStateName
    from prefect.schemas.filters.runs import TaskRunFilterStateType as TaskRunFilterStateType
    from prefect.schemas.filters.runs import TaskRunFilterSubFlowRuns as TaskRunFilterSubFlowRuns
    from prefect.schemas.filters.runs import TaskRunFilterTags as TaskRunFilterTags
    from prefect.schemas.responses import ConcurrencyLimitWithLeaseResponse as ConcurrencyLimitWithLeaseResponse
    from prefect.schemas.responses import FlowRunSlotSummary as FlowRunSlotSummary
    from prefect.schemas.responses import HistoryResponse as HistoryResponse
    from prefect.schemas.responses import HistoryResponseState as HistoryResponseState
    from prefect.schemas.responses import MinimalConcurrencyLimitResponse as MinimalConcurrencyLimitResponse
    from prefect.schemas.responses import SetStateStatus as SetStateStatus
    from prefect.schemas.responses import StateAbortDetails as StateAbortDetails
    from prefect.schemas.responses import StateAcceptDetails as StateAcceptDetails
    from prefect.schemas.responses import StateRejectDetails as StateRejectDetails
    from prefect.schemas.responses import StateWaitDetails as StateWaitDetails
    from prefect.schemas.responses import WorkPoolConcurrencyStatus as WorkPoolConcurrencyStatus
    from prefect.schemas.responses import WorkQueueConcurrencyStatus as WorkQueueConcurrencyStatus
    from prefect.schemas.responses import WorkQueueConcurrencyStatusDetail as WorkQueueConcurrencyStatusDetail
    from prefect.schemas.run_inputs import Constant as Constant
    from prefect.schemas.run_inputs import FlowRunResult as FlowRunResult
    from prefect.schemas.run_inputs import Parameter as Parameter
    from prefect.schemas.run_inputs import TaskRunResult as TaskRunResult
    from prefect.schemas.runs import CreatedBy as CreatedBy
    from prefect.schemas.runs import FlowRunPolicy as FlowRunPolicy
    from prefect.schemas.runs import TaskRunPolicy as TaskRunPolicy
    from prefect.schemas.runs import UpdatedBy as UpdatedBy
    from prefect.schemas.schedules import CronSchedule as CronSchedule
    from prefect.schemas.schedules import IntervalSchedule as IntervalSchedule
    from prefect.schemas.schedules import RRuleSchedule as RRuleSchedule
    from prefect.schemas.sorting import ArtifactCollectionSort as ArtifactCollectionSort
    from prefect.schemas.sorting import ArtifactSort as ArtifactSort
    from prefect.schemas.sorting import AutomationSort as AutomationSort
    from prefect.schemas.sorting import BlockDocumentSort as BlockDocumentSort
    from prefect.schemas.sorting import FlowRunSort as FlowRunSort
    from prefect.schemas.sorting import FlowSort as FlowSort
    from prefect.schemas.sorting import LogSort as LogSort
    from prefect.schemas.sorting import TaskRunSort as TaskRunSort
    from prefect.schemas.sorting import VariableSort as VariableSort
    from prefect.schemas.states import StateType as StateType
    from prefect.schemas.wire.automations import Automation as Automation
    from prefect.schemas.wire.automations import AutomationCreate as AutomationCreate
    from prefect.schemas.wire.automations import AutomationPartialUpdate as AutomationPartialUpdate
    from prefect.schemas.wire.automations import AutomationUpdate as AutomationUpdate
    from prefect.schemas.wire.automations import CallWebhook as CallWebhook
    from prefect.schemas.wire.automations import CompoundTrigger as CompoundTrigger
    from prefect.schemas.wire.automations import EventTrigger as EventTrigger
    from prefect.schemas.wire.automations import PauseWorkPool as PauseWorkPool
    from prefect.schemas.wire.automations import ResumeWorkPool as ResumeWorkPool
    from prefect.schemas.wire.automations import RunDeployment as RunDeployment
    from prefect.schemas.wire.automations import SendNotification as SendNotification
    from prefect.schemas.wire.automations import SequenceTrigger as SequenceTrigger
    from prefect.schemas.wire.deployments import DeploymentBulkDeleteResponse as DeploymentBulkDeleteResponse
    from prefect.schemas.wire.deployments import DeploymentCreate as DeploymentCreate
    from prefect.schemas.wire.deployments import DeploymentPaginationResponse as DeploymentPaginationResponse
    from prefect.schemas.wire.deployments import DeploymentResponse as DeploymentResponse
    from prefect.schemas.wire.deployments import DeploymentSchedule as DeploymentSchedule
    from prefect.schemas.wire.deployments import DeploymentScheduleCreate as DeploymentScheduleCreate
    from prefect.schemas.wire.deployments import DeploymentScheduleUpdate as DeploymentScheduleUpdate
    from prefect.schemas.wire.deployments import DeploymentSort as DeploymentSort
    from prefect.schemas.wire.deployments import DeploymentStatus as DeploymentStatus
    from prefect.schemas.wire.deployments import DeploymentUpdate as DeploymentUpdate
    from prefect.schemas.wire.deployments import GlobalConcurrencyLimitResponse as GlobalConcurrencyLimitResponse
    from prefect.schemas.wire.deployments import SchemaValueIndexError as SchemaValueIndexError
    from prefect.schemas.wire.deployments import SchemaValuePropertyError as SchemaValuePropertyError
    from prefect.schemas.wire.deployments import SchemaValuesValidationResponse as SchemaValuesValidationResponse
    from prefect.schemas.wire.events import Countable as Countable
    from prefect.schemas.wire.events import Event as Event
    from prefect.schemas.wire.events import EventCount as EventCount
    from prefect.schemas.wire.events import EventPage as EventPage
    from prefect.schemas.wire.events import ReceivedEvent as ReceivedEvent
    from prefect.schemas.wire.events import TimeUnit as TimeUnit
    from prefect.schemas.wire.filters import AutomationFilter as AutomationFilter
    from prefect.schemas.wire.filters import AutomationFilterTags as AutomationFilterTags
    from prefect.schemas.wire.filters import BlockDocumentFilter as BlockDocumentFilter
    from prefect.schemas.wire.filters import BlockDocumentFilterIsAnonymous as BlockDocumentFilterIsAnonymous
    from prefect.schemas.wire.filters import DeploymentFilter as DeploymentFilter
    from prefect.schemas.wire.filters import DeploymentFilterPaused as DeploymentFilterPaused
    from prefect.schemas.wire.filters import DeploymentOrFlowNameFilter as DeploymentOrFlowNameFilter
    from prefect.schemas.wire.filters import FlowFilter as FlowFilter
    from prefect.schemas.wire.filters import FlowFilterDeployment as FlowFilterDeployment
    from prefect.schemas.wire.filters import FlowFilterId as FlowFilterId
    from prefect.schemas.wire.filters import LogFilterTaskRunId as LogFilterTaskRunId
    from prefect.schemas.wire.filters import TaskRunFilter as TaskRunFilter
    from prefect.schemas.wire.filters import TaskRunFilterExpectedStartTime as TaskRunFilterExpectedStartTime
    from prefect.schemas.wire.filters import TaskRunFilterFlowRunId as TaskRunFilterFlowRunId
    from prefect.schemas.wire.filters import WorkerFilterStatus as WorkerFilterStatus
    from prefect.schemas.wire.graphs import Edge as Edge
    from prefect.schemas.wire.graphs import Graph as Graph
    from prefect.schemas.wire.graphs import GraphArtifact as GraphArtifact
    from prefect.schemas.wire.graphs import GraphState as GraphState
    from prefect.schemas.wire.graphs import Node as Node
    from prefect.schemas.wire.objects import Artifact as Artifact
    from prefect.schemas.wire.objects import ArtifactCollection as ArtifactCollection
    from prefect.schemas.wire.objects import ArtifactCreate as ArtifactCreate
    from prefect.schemas.wire.objects import ArtifactUpdate as ArtifactUpdate
    from prefect.schemas.wire.objects import BlockDocument as BlockDocument
    from prefect.schemas.wire.objects import BlockSchema as BlockSchema
    from prefect.schemas.wire.objects import BlockSchemaCreate as BlockSchemaCreate
    from prefect.schemas.wire.objects import BlockType as BlockType
    from prefect.schemas.wire.objects import BlockTypeCreate as BlockTypeCreate
    from prefect.schemas.wire.objects import BlockTypeUpdate as BlockTypeUpdate
    from prefect.schemas.wire.objects import ConcurrencyLimit as ConcurrencyLimit
    from prefect.schemas.wire.objects import ConcurrencyLimitV2 as ConcurrencyLimitV2
    from prefect.schemas.wire.objects import CsrfToken as CsrfToken
    from prefect.schemas.wire.objects import Log as Log
    from prefect.schemas.wire.objects import LogCreate as LogCreate
    from prefect.schemas.wire.objects import SavedSearch as SavedSearch
    from prefect.schemas.wire.objects import Variable as Variable
    from prefect.schemas.wire.objects import VariableCreate as VariableCreate
    from prefect.schemas.wire.runs import CountByState as CountByState
    from prefect.schemas.wire.runs import DependencyResult as DependencyResult
    from prefect.schemas.wire.runs import DeploymentFlowRunCreate as DeploymentFlowRunCreate
    from prefect.schemas.wire.runs import Flow as Flow
    from prefect.schemas.wire.runs import FlowBulkDeleteResponse as FlowBulkDeleteResponse
    from prefect.schemas.wire.runs import FlowCreate as FlowCreate
    from prefect.schemas.wire.runs import FlowPaginationResponse as FlowPaginationResponse
    from prefect.schemas.wire.runs import FlowRun as FlowRun
    from prefect.schemas.wire.runs import FlowRunBulkCreateResponse as FlowRunBulkCreateResponse
    from prefect.schemas.wire.runs import FlowRunBulkDeleteResponse as FlowRunBulkDeleteResponse
    from prefect.schemas.wire.runs import FlowRunBulkSetStateResponse as FlowRunBulkSetStateResponse
    from prefect.schemas.wire.runs import FlowRunCreate as FlowRunCreate
    from prefect.schemas.wire.runs import FlowRunCreateResult as FlowRunCreateResult
    from prefect.schemas.wire.runs import FlowRunInput as FlowRunInput
    from prefect.schemas.wire.runs import FlowRunPaginationResponse as FlowRunPaginationResponse
    from prefect.schemas.wire.runs import FlowRunResponse as FlowRunResponse
    from prefect.schemas.wire.runs import FlowRunUpdate as FlowRunUpdate
    from prefect.schemas.wire.runs import SimpleFlowRun as SimpleFlowRun
    from prefect.schemas.wire.runs import SimpleNextFlowRun as SimpleNextFlowRun
    from prefect.schemas.wire.runs import TaskRun as TaskRun
    from prefect.schemas.wire.runs import TaskRunCount as TaskRunCount
    from prefect.schemas.wire.runs import TaskRunCreate as TaskRunCreate
    from prefect.schemas.wire.runs import TaskRunPaginationResponse as TaskRunPaginationResponse
    from prefect.schemas.wire.runs import TaskRunResponse as TaskRunResponse
    from prefect.schemas.wire.runs import TaskRunUpdate as TaskRunUpdate
    from prefect.schemas.wire.runs import TaskWorkerFilter as TaskWorkerFilter
    from prefect.schemas.wire.runs import TaskWorkerResponse as TaskWorkerResponse
    from prefect.schemas.wire.runs import UITaskRun as UITaskRun
    from prefect.schemas.wire.runs import WorkerFlowRunResponse as WorkerFlowRunResponse
    from prefect.schemas.wire.states import FlowRunOrchestrationResult as FlowRunOrchestrationResult
    from prefect.schemas.wire.states import OrchestrationResult as OrchestrationResult
    from prefect.schemas.wire.states import State as State
    from prefect.schemas.wire.states import StateCreate as StateCreate
    from prefect.schemas.wire.states import StateDetails as StateDetails
    from prefect.schemas.wire.work import WorkerResponse as WorkerResponse
    from prefect.schemas.wire.work import WorkPoolCreate as WorkPoolCreate
    from prefect.schemas.wire.work import WorkPoolResponse as WorkPoolResponse
    from prefect.schemas.wire.work import WorkPoolStorageConfiguration as WorkPoolStorageConfiguration
    from prefect.schemas.wire.work import WorkPoolUpdate as WorkPoolUpdate
    from prefect.schemas.wire.work import WorkQueue as WorkQueue
    from prefect.schemas.wire.work import WorkQueueCreate as WorkQueueCreate
    from prefect.schemas.wire.work import WorkQueueResponse as WorkQueueResponse
    from prefect.schemas.wire.work import WorkQueueUpdate as WorkQueueUpdate
    from prefect.schemas.work import QueueFilter as QueueFilter
    from prefect.schemas.work import WorkerStatus as WorkerStatus
    from prefect.schemas.work import WorkPoolStatus as WorkPoolStatus
    from prefect.schemas.work import WorkQueueHealthPolicy as WorkQueueHealthPolicy
    from prefect.schemas.work import WorkQueueStatus as WorkQueueStatus
    from prefect.schemas.work import WorkQueueStatusDetail as WorkQueueStatusDetail


EXPORTS = {
    "prefect.schemas.account": "SavedSearchFilter ServerDefaultResultStorage ServerDefaultResultStorageUpdate",
    "prefect.schemas.actions.objects": (
        "BlockDocumentCreate BlockDocumentUpdate ConcurrencyLimitCreate ConcurrencyLimitV2Create "
        "ConcurrencyLimitV2Update SavedSearchCreate VariableUpdate"
    ),
    "prefect.schemas.actions.runs": "FlowUpdate",
    "prefect.schemas.automation_actions": (
        "CancelFlowRun ChangeFlowRunState DeleteFlowRun DoNothing PauseAutomation PauseDeployment PauseWorkQueue "
        "ResumeAutomation ResumeDeployment ResumeFlowRun ResumeWorkQueue SuspendFlowRun"
    ),
    "prefect.schemas.concurrency": "ConcurrencyLeaseHolder ConcurrencyLimitStrategy ConcurrencyOptions",
    "prefect.schemas.deployments": "VersionInfo",
    "prefect.schemas.event_filters": (
        "EventAnyResourceFilter EventFilter EventIDFilter EventNameFilter EventOccurredFilter EventOrder "
        "EventRelatedFilter EventResourceFilter EventTextFilter"
    ),
    "prefect.schemas.events": "RelatedResource Resource ResourceSpecification",
    "prefect.schemas.filters.base": "Operator",
    "prefect.schemas.filters.runs": (
        "FlowRunFilter FlowRunFilterCreatedBy FlowRunFilterDeploymentId FlowRunFilterEndTime "
        "FlowRunFilterExpectedStartTime FlowRunFilterFlowVersion FlowRunFilterId FlowRunFilterIdempotencyKey "
        "FlowRunFilterName FlowRunFilterNextScheduledStartTime FlowRunFilterParentFlowRunId "
        "FlowRunFilterParentTaskRunId FlowRunFilterStartTime FlowRunFilterState FlowRunFilterStateName "
        "FlowRunFilterStateType FlowRunFilterTags FlowRunFilterWorkQueueName"
    ),
    "prefect.schemas.responses": (
        "ConcurrencyLimitWithLeaseResponse FlowRunSlotSummary HistoryResponse HistoryResponseState "
        "MinimalConcurrencyLimitResponse SetStateStatus StateAbortDetails StateAcceptDetails StateRejectDetails "
        "StateWaitDetails WorkPoolConcurrencyStatus WorkQueueConcurrencyStatus WorkQueueConcurrencyStatusDetail"
    ),
    "prefect.schemas.run_inputs": "Constant FlowRunResult Parameter TaskRunResult",
    "prefect.schemas.runs": "CreatedBy FlowRunPolicy TaskRunPolicy UpdatedBy",
    "prefect.schemas.schedules": "CronSchedule IntervalSchedule RRuleSchedule",
    "prefect.schemas.sorting": (
        "ArtifactCollectionSort ArtifactSort AutomationSort BlockDocumentSort FlowRunSort FlowSort LogSort "
        "TaskRunSort VariableSort"
    ),
    "prefect.schemas.states": "StateType",
    "prefect.schemas.wire.automations": (
        "Automation AutomationCreate AutomationPartialUpdate AutomationUpdate CallWebhook CompoundTrigger "
        "EventTrigger PauseWorkPool ResumeWorkPool RunDeployment SendNotification SequenceTrigger"
    ),
    "prefect.schemas.wire.deployments": (
        "DeploymentBulkDeleteResponse DeploymentCreate DeploymentPaginationResponse DeploymentResponse "
        "DeploymentSchedule DeploymentScheduleCreate DeploymentScheduleUpdate DeploymentSort DeploymentStatus "
        "DeploymentUpdate GlobalConcurrencyLimitResponse SchemaValueIndexError SchemaValuePropertyError "
        "SchemaValuesValidationResponse"
    ),
    "prefect.schemas.wire.events": "Countable Event EventCount EventPage ReceivedEvent TimeUnit",
    "prefect.schemas.wire.filters": (
        "ArtifactCollectionFilter ArtifactCollectionFilterFlowRunId ArtifactCollectionFilterKey "
        "ArtifactCollectionFilterLatestId ArtifactCollectionFilterTaskRunId ArtifactCollectionFilterType "
        "ArtifactFilter ArtifactFilterFlowRunId ArtifactFilterId ArtifactFilterKey ArtifactFilterTaskRunId "
        "ArtifactFilterType AutomationFilter AutomationFilterCreated AutomationFilterId AutomationFilterName "
        "AutomationFilterTags BlockDocumentFilter BlockDocumentFilterBlockTypeId BlockDocumentFilterId "
        "BlockDocumentFilterIsAnonymous BlockDocumentFilterName BlockSchemaFilter BlockSchemaFilterBlockTypeId "
        "BlockSchemaFilterCapabilities BlockSchemaFilterId BlockSchemaFilterVersion BlockTypeFilter "
        "BlockTypeFilterName BlockTypeFilterSlug DeploymentFilter DeploymentFilterConcurrencyLimit DeploymentFilterId "
        "DeploymentFilterName DeploymentFilterPaused DeploymentFilterTags DeploymentFilterWorkQueueName "
        "DeploymentOrFlowNameFilter FlowFilter FlowFilterDeployment FlowFilterId FlowFilterName FlowFilterTags "
        "LogFilter LogFilterFlowRunId LogFilterLevel LogFilterTaskRunId LogFilterTextSearch LogFilterTimestamp "
        "TaskRunFilter TaskRunFilterEndTime TaskRunFilterExpectedStartTime TaskRunFilterFlowRunId TaskRunFilterId "
        "TaskRunFilterName TaskRunFilterStartTime TaskRunFilterState TaskRunFilterStateName TaskRunFilterStateType "
        "TaskRunFilterSubFlowRuns TaskRunFilterTags VariableFilter VariableFilterId VariableFilterName "
        "VariableFilterTags WorkPoolFilter WorkPoolFilterId WorkPoolFilterName WorkPoolFilterType WorkQueueFilter "
        "WorkQueueFilterId WorkQueueFilterName WorkerFilter WorkerFilterLastHeartbeatTime WorkerFilterStatus"
    ),
    "prefect.schemas.wire.graphs": "Edge Graph GraphArtifact GraphState Node",
    "prefect.schemas.wire.objects": (
        "Artifact ArtifactCollection ArtifactCreate ArtifactUpdate BlockDocument BlockSchema BlockSchemaCreate "
        "BlockType BlockTypeCreate BlockTypeUpdate ConcurrencyLimit ConcurrencyLimitV2 CsrfToken Log LogCreate "
        "SavedSearch Variable VariableCreate"
    ),
    "prefect.schemas.wire.runs": (
        "CountByState DependencyResult DeploymentFlowRunCreate Flow FlowBulkDeleteResponse FlowCreate "
        "FlowPaginationResponse FlowRun FlowRunBulkCreateResponse FlowRunBulkDeleteResponse "
        "FlowRunBulkSetStateResponse FlowRunCreate FlowRunCreateResult FlowRunInput FlowRunPaginationResponse "
        "FlowRunResponse FlowRunUpdate SimpleFlowRun SimpleNextFlowRun TaskRun TaskRunCount TaskRunCreate "
        "TaskRunPaginationResponse TaskRunResponse TaskRunUpdate TaskWorkerFilter TaskWorkerResponse UITaskRun "
        "WorkerFlowRunResponse"
    ),
    "prefect.schemas.wire.states": "FlowRunOrchestrationResult OrchestrationResult State StateCreate StateDetails",
    "prefect.schemas.wire.work": (
        "WorkPoolCreate WorkPoolResponse WorkPoolStorageConfiguration WorkPoolUpdate WorkQueue WorkQueueCreate "
        "WorkQueueResponse WorkQueueUpdate WorkerResponse"
    ),
    "prefect.schemas.work": (
        "QueueFilter WorkPoolStatus WorkQueueHealthPolicy WorkQueueStatus WorkQueueStatusDetail WorkerStatus"
    ),
}

__getattr__, __dir__ = exports(__name__, EXPORTS)
