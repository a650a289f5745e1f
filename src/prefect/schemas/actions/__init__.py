"""Request bodies that create or change objects, imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.actions.deployments import DeploymentBranch as DeploymentBranch
    from prefect.schemas.actions.deployments import DeploymentCreate as DeploymentCreate
    from prefect.schemas.actions.deployments import DeploymentScheduleCreate as DeploymentScheduleCreate
    from prefect.schemas.actions.deployments import DeploymentScheduleUpdate as DeploymentScheduleUpdate
    from prefect.schemas.actions.deployments import DeploymentUpdate as DeploymentUpdate
    from prefect.schemas.actions.objects import ArtifactCreate as ArtifactCreate
    from prefect.schemas.actions.objects import ArtifactUpdate as ArtifactUpdate
    from prefect.schemas.actions.objects import BlockDocumentCreate as BlockDocumentCreate
    from prefect.schemas.actions.objects import BlockDocumentReferenceCreate as BlockDocumentReferenceCreate
    from prefect.schemas.actions.objects import BlockDocumentUpdate as BlockDocumentUpdate
    from prefect.schemas.actions.objects import BlockSchemaCreate as BlockSchemaCreate
    from prefect.schemas.actions.objects import BlockTypeCreate as BlockTypeCreate
    from prefect.schemas.actions.objects import BlockTypeUpdate as BlockTypeUpdate
    from prefect.schemas.actions.objects import ConcurrencyLimitCreate as ConcurrencyLimitCreate
    from prefect.schemas.actions.objects import ConcurrencyLimitV2Create as ConcurrencyLimitV2Create
    from prefect.schemas.actions.objects import ConcurrencyLimitV2Update as ConcurrencyLimitV2Update
    from prefect.schemas.actions.objects import GlobalConcurrencyLimitCreate as GlobalConcurrencyLimitCreate
    from prefect.schemas.actions.objects import GlobalConcurrencyLimitUpdate as GlobalConcurrencyLimitUpdate
    from prefect.schemas.actions.objects import SavedSearchCreate as SavedSearchCreate
    from prefect.schemas.actions.objects import VariableCreate as VariableCreate
    from prefect.schemas.actions.objects import VariableUpdate as VariableUpdate
    from prefect.schemas.actions.objects import WorkPoolCreate as WorkPoolCreate
    from prefect.schemas.actions.objects import WorkPoolUpdate as WorkPoolUpdate
    from prefect.schemas.actions.objects import WorkQueueCreate as WorkQueueCreate
    from prefect.schemas.actions.objects import WorkQueueUpdate as WorkQueueUpdate
    from prefect.schemas.actions.runs import DeploymentFlowRunCreate as DeploymentFlowRunCreate
    from prefect.schemas.actions.runs import FlowCreate as FlowCreate
    from prefect.schemas.actions.runs import FlowRunCreate as FlowRunCreate
    from prefect.schemas.actions.runs import FlowRunUpdate as FlowRunUpdate
    from prefect.schemas.actions.runs import FlowUpdate as FlowUpdate
    from prefect.schemas.actions.runs import LogCreate as LogCreate
    from prefect.schemas.actions.runs import StateCreate as StateCreate
    from prefect.schemas.actions.runs import TaskRunCreate as TaskRunCreate
    from prefect.schemas.actions.runs import TaskRunUpdate as TaskRunUpdate
    from prefect.schemas.base import ActionBaseModel as ActionBaseModel
    from prefect.schemas.schedules import NormalizedSchedule as NormalizedSchedule


EXPORTS = {
    "prefect.schemas.actions.deployments": (
        "DeploymentBranch DeploymentCreate DeploymentScheduleCreate DeploymentScheduleUpdate DeploymentUpdate"
    ),
    "prefect.schemas.actions.objects": (
        "ArtifactCreate ArtifactUpdate BlockDocumentCreate BlockDocumentReferenceCreate BlockDocumentUpdate "
        "BlockSchemaCreate BlockTypeCreate BlockTypeUpdate ConcurrencyLimitCreate ConcurrencyLimitV2Create "
        "ConcurrencyLimitV2Update GlobalConcurrencyLimitCreate GlobalConcurrencyLimitUpdate SavedSearchCreate "
        "VariableCreate VariableUpdate WorkPoolCreate WorkPoolUpdate WorkQueueCreate WorkQueueUpdate"
    ),
    "prefect.schemas.actions.runs": (
        "DeploymentFlowRunCreate FlowCreate FlowRunCreate FlowRunUpdate FlowUpdate LogCreate StateCreate "
        "TaskRunCreate TaskRunUpdate"
    ),
    "prefect.schemas.base": "ActionBaseModel",
    "prefect.schemas.schedules": "NormalizedSchedule",
}

__getattr__, __dir__ = exports(__name__, EXPORTS)
