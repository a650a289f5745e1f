"""All stored objects of the API, imported lazily from the modules of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.account import Configuration as Configuration
    from prefect.schemas.account import CsrfToken as CsrfToken
    from prefect.schemas.account import IPAllowlist as IPAllowlist
    from prefect.schemas.account import IPAllowlistEntry as IPAllowlistEntry
    from prefect.schemas.account import IPAllowlistMyAccessResponse as IPAllowlistMyAccessResponse
    from prefect.schemas.account import SavedSearch as SavedSearch
    from prefect.schemas.account import SavedSearchFilter as SavedSearchFilter
    from prefect.schemas.account import ServerDefaultResultStorage as ServerDefaultResultStorage
    from prefect.schemas.account import ServerDefaultResultStorageUpdate as ServerDefaultResultStorageUpdate
    from prefect.schemas.account import Workspace as Workspace
    from prefect.schemas.base import ObjectBaseModel as ObjectBaseModel
    from prefect.schemas.base import PrefectBaseModel as PrefectBaseModel
    from prefect.schemas.base import TimeSeriesBaseModel as TimeSeriesBaseModel
    from prefect.schemas.blocks import DEFAULT_BLOCK_SCHEMA_VERSION as DEFAULT_BLOCK_SCHEMA_VERSION
    from prefect.schemas.blocks import BlockDocument as BlockDocument
    from prefect.schemas.blocks import BlockDocumentReference as BlockDocumentReference
    from prefect.schemas.blocks import BlockSchema as BlockSchema
    from prefect.schemas.blocks import BlockSchemaReference as BlockSchemaReference
    from prefect.schemas.blocks import BlockType as BlockType
    from prefect.schemas.concurrency import ConcurrencyLeaseHolder as ConcurrencyLeaseHolder
    from prefect.schemas.concurrency import ConcurrencyLimit as ConcurrencyLimit
    from prefect.schemas.concurrency import ConcurrencyLimitConfig as ConcurrencyLimitConfig
    from prefect.schemas.concurrency import ConcurrencyLimitStrategy as ConcurrencyLimitStrategy
    from prefect.schemas.concurrency import ConcurrencyOptions as ConcurrencyOptions
    from prefect.schemas.concurrency import GlobalConcurrencyLimit as GlobalConcurrencyLimit
    from prefect.schemas.deployments import BranchingScheduleHandling as BranchingScheduleHandling
    from prefect.schemas.deployments import Deployment as Deployment
    from prefect.schemas.deployments import DeploymentBranchingOptions as DeploymentBranchingOptions
    from prefect.schemas.deployments import DeploymentSchedule as DeploymentSchedule
    from prefect.schemas.deployments import DeploymentStatus as DeploymentStatus
    from prefect.schemas.deployments import VersionInfo as VersionInfo
    from prefect.schemas.records import Artifact as Artifact
    from prefect.schemas.records import ArtifactCollection as ArtifactCollection
    from prefect.schemas.records import Log as Log
    from prefect.schemas.records import Variable as Variable
    from prefect.schemas.run_inputs import Constant as Constant
    from prefect.schemas.run_inputs import FlowRunResult as FlowRunResult
    from prefect.schemas.run_inputs import Parameter as Parameter
    from prefect.schemas.run_inputs import RunInput as RunInput
    from prefect.schemas.run_inputs import TaskRunResult as TaskRunResult
    from prefect.schemas.runs import CreatedBy as CreatedBy
    from prefect.schemas.runs import Flow as Flow
    from prefect.schemas.runs import FlowRun as FlowRun
    from prefect.schemas.runs import FlowRunInput as FlowRunInput
    from prefect.schemas.runs import FlowRunPolicy as FlowRunPolicy
    from prefect.schemas.runs import TaskRun as TaskRun
    from prefect.schemas.runs import TaskRunPolicy as TaskRunPolicy
    from prefect.schemas.runs import UpdatedBy as UpdatedBy
    from prefect.schemas.states import TERMINAL_STATES as TERMINAL_STATES
    from prefect.schemas.states import RunType as RunType
    from prefect.schemas.states import State as State
    from prefect.schemas.states import StateDetails as StateDetails
    from prefect.schemas.states import StateType as StateType
    from prefect.schemas.states import data_discriminator as data_discriminator
    from prefect.schemas.work import DEFAULT_AGENT_WORK_POOL_NAME as DEFAULT_AGENT_WORK_POOL_NAME
    from prefect.schemas.work import Agent as Agent
    from prefect.schemas.work import Integration as Integration
    from prefect.schemas.work import QueueFilter as QueueFilter
    from prefect.schemas.work import Worker as Worker
    from prefect.schemas.work import WorkerMetadata as WorkerMetadata
    from prefect.schemas.work import WorkerStatus as WorkerStatus
    from prefect.schemas.work import WorkPool as WorkPool
    from prefect.schemas.work import WorkPoolStatus as WorkPoolStatus
    from prefect.schemas.work import WorkPoolStorageConfiguration as WorkPoolStorageConfiguration
    from prefect.schemas.work import WorkQueue as WorkQueue
    from prefect.schemas.work import WorkQueueHealthPolicy as WorkQueueHealthPolicy
    from prefect.schemas.work import WorkQueueStatus as WorkQueueStatus
    from prefect.schemas.work import WorkQueueStatusDetail as WorkQueueStatusDetail
    from prefect.types import now as now
    from prefect.types.enums import AutoEnum as AutoEnum


EXPORTS = {
    "prefect.schemas.account": (
        "Configuration CsrfToken IPAllowlist IPAllowlistEntry IPAllowlistMyAccessResponse SavedSearch "
        "SavedSearchFilter ServerDefaultResultStorage ServerDefaultResultStorageUpdate Workspace"
    ),
    "prefect.schemas.base": "ObjectBaseModel PrefectBaseModel TimeSeriesBaseModel",
    "prefect.schemas.blocks": (
        "BlockDocument BlockDocumentReference BlockSchema BlockSchemaReference BlockType DEFAULT_BLOCK_SCHEMA_VERSION"
    ),
    "prefect.schemas.concurrency": (
        "ConcurrencyLeaseHolder ConcurrencyLimit ConcurrencyLimitConfig ConcurrencyLimitStrategy ConcurrencyOptions "
        "GlobalConcurrencyLimit"
    ),
    "prefect.schemas.deployments": (
        "BranchingScheduleHandling Deployment DeploymentBranchingOptions DeploymentSchedule DeploymentStatus "
        "VersionInfo"
    ),
    "prefect.schemas.records": "Artifact ArtifactCollection Log Variable",
    "prefect.schemas.run_inputs": "Constant FlowRunResult Parameter RunInput TaskRunResult",
    "prefect.schemas.runs": "CreatedBy Flow FlowRun FlowRunInput FlowRunPolicy TaskRun TaskRunPolicy UpdatedBy",
    "prefect.schemas.states": "RunType State StateDetails StateType TERMINAL_STATES data_discriminator",
    "prefect.schemas.work": (
        "Agent DEFAULT_AGENT_WORK_POOL_NAME Integration QueueFilter WorkPool WorkPoolStatus "
        "WorkPoolStorageConfiguration WorkQueue WorkQueueHealthPolicy WorkQueueStatus WorkQueueStatusDetail Worker "
        "WorkerMetadata WorkerStatus"
    ),
    "prefect.types": "now",
    "prefect.types.enums": "AutoEnum",
}

__getattr__, __dir__ = exports(__name__, EXPORTS)
