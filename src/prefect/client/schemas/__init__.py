"""The public path of the objects, requests and answers of the API; they live in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.actions import BlockTypeUpdate as BlockTypeUpdate
    from prefect.schemas.actions import StateCreate as StateCreate
    from prefect.schemas.objects import DEFAULT_BLOCK_SCHEMA_VERSION as DEFAULT_BLOCK_SCHEMA_VERSION
    from prefect.schemas.objects import BlockDocument as BlockDocument
    from prefect.schemas.objects import BlockSchema as BlockSchema
    from prefect.schemas.objects import BlockType as BlockType
    from prefect.schemas.objects import FlowRun as FlowRun
    from prefect.schemas.objects import FlowRunPolicy as FlowRunPolicy
    from prefect.schemas.objects import FlowRunResult as FlowRunResult
    from prefect.schemas.objects import RunInput as RunInput
    from prefect.schemas.objects import State as State
    from prefect.schemas.objects import StateDetails as StateDetails
    from prefect.schemas.objects import StateType as StateType
    from prefect.schemas.objects import TaskRun as TaskRun
    from prefect.schemas.objects import TaskRunPolicy as TaskRunPolicy
    from prefect.schemas.objects import TaskRunResult as TaskRunResult
    from prefect.schemas.objects import Workspace as Workspace
    from prefect.schemas.responses import OrchestrationResult as OrchestrationResult
    from prefect.schemas.responses import SetStateStatus as SetStateStatus
    from prefect.schemas.responses import StateAbortDetails as StateAbortDetails
    from prefect.schemas.responses import StateAcceptDetails as StateAcceptDetails
    from prefect.schemas.responses import StateRejectDetails as StateRejectDetails


_EXPORTS = {
    "prefect.schemas.actions": "BlockTypeUpdate StateCreate",
    "prefect.schemas.objects": (
        "BlockDocument BlockSchema BlockType DEFAULT_BLOCK_SCHEMA_VERSION FlowRun FlowRunPolicy FlowRunResult "
        "RunInput State StateDetails StateType TaskRun TaskRunPolicy TaskRunResult Workspace"
    ),
    "prefect.schemas.responses": (
        "OrchestrationResult SetStateStatus StateAbortDetails StateAcceptDetails StateRejectDetails"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
