"""The public path of the objects of the server, which are defined in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.objects import DEFAULT_BLOCK_SCHEMA_VERSION as DEFAULT_BLOCK_SCHEMA_VERSION
    from prefect.schemas.objects import Artifact as Artifact
    from prefect.schemas.objects import ArtifactCollection as ArtifactCollection
    from prefect.schemas.objects import BlockDocument as BlockDocument
    from prefect.schemas.objects import BlockDocumentReference as BlockDocumentReference
    from prefect.schemas.objects import BlockSchema as BlockSchema
    from prefect.schemas.objects import BlockSchemaReference as BlockSchemaReference
    from prefect.schemas.objects import BlockType as BlockType
    from prefect.schemas.objects import ConcurrencyLimit as ConcurrencyLimit
    from prefect.schemas.objects import ConcurrencyLimitStrategy as ConcurrencyLimitStrategy
    from prefect.schemas.objects import ConcurrencyOptions as ConcurrencyOptions
    from prefect.schemas.objects import Configuration as Configuration
    from prefect.schemas.objects import Constant as Constant
    from prefect.schemas.objects import CreatedBy as CreatedBy
    from prefect.schemas.objects import CsrfToken as CsrfToken
    from prefect.schemas.objects import Deployment as Deployment
    from prefect.schemas.objects import DeploymentSchedule as DeploymentSchedule
    from prefect.schemas.objects import Flow as Flow
    from prefect.schemas.objects import FlowRun as FlowRun
    from prefect.schemas.objects import FlowRunInput as FlowRunInput
    from prefect.schemas.objects import FlowRunPolicy as FlowRunPolicy
    from prefect.schemas.objects import FlowRunResult as FlowRunResult
    from prefect.schemas.objects import Log as Log
    from prefect.schemas.objects import Parameter as Parameter
    from prefect.schemas.objects import QueueFilter as QueueFilter
    from prefect.schemas.objects import RunInput as RunInput
    from prefect.schemas.objects import SavedSearch as SavedSearch
    from prefect.schemas.objects import SavedSearchFilter as SavedSearchFilter
    from prefect.schemas.objects import TaskRun as TaskRun
    from prefect.schemas.objects import TaskRunPolicy as TaskRunPolicy
    from prefect.schemas.objects import TaskRunResult as TaskRunResult
    from prefect.schemas.objects import UpdatedBy as UpdatedBy
    from prefect.schemas.objects import Variable as Variable
    from prefect.schemas.objects import VersionInfo as VersionInfo
    from prefect.schemas.objects import Worker as Worker
    from prefect.schemas.objects import WorkPool as WorkPool
    from prefect.schemas.objects import WorkPoolStatus as WorkPoolStatus
    from prefect.schemas.objects import WorkPoolStorageConfiguration as WorkPoolStorageConfiguration
    from prefect.schemas.objects import WorkQueue as WorkQueue
    from prefect.schemas.objects import WorkQueueHealthPolicy as WorkQueueHealthPolicy
    from prefect.schemas.objects import WorkQueueStatusDetail as WorkQueueStatusDetail
    from prefect.schemas.wire import ConcurrencyLimitV2 as ConcurrencyLimitV2

_EXPORTS = {
    "prefect.schemas.objects": (
        "Artifact ArtifactCollection BlockDocument BlockDocumentReference BlockSchema "
        "BlockSchemaReference BlockType ConcurrencyLimit ConcurrencyLimitStrategy ConcurrencyOptions "
        "Configuration Constant CreatedBy CsrfToken DEFAULT_BLOCK_SCHEMA_VERSION Deployment "
        "DeploymentSchedule Flow FlowRun FlowRunInput FlowRunPolicy FlowRunResult Log Parameter "
        "QueueFilter RunInput SavedSearch SavedSearchFilter TaskRun TaskRunPolicy TaskRunResult UpdatedBy "
        "Variable VersionInfo WorkPool WorkPoolStatus WorkPoolStorageConfiguration WorkQueue "
        "WorkQueueHealthPolicy WorkQueueStatusDetail Worker"
    ),
    "prefect.schemas.wire": "ConcurrencyLimitV2",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
