"""The public path of the responses of the server, which are defined in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.responses import StateResponseDetails as StateResponseDetails
    from prefect.schemas.wire import DeploymentBulkDeleteResponse as DeploymentBulkDeleteResponse
    from prefect.schemas.wire import DeploymentPaginationResponse as DeploymentPaginationResponse
    from prefect.schemas.wire import DeploymentResponse as DeploymentResponse
    from prefect.schemas.wire import FlowBulkDeleteResponse as FlowBulkDeleteResponse
    from prefect.schemas.wire import FlowPaginationResponse as FlowPaginationResponse
    from prefect.schemas.wire import FlowRunBulkCreateResponse as FlowRunBulkCreateResponse
    from prefect.schemas.wire import FlowRunBulkDeleteResponse as FlowRunBulkDeleteResponse
    from prefect.schemas.wire import FlowRunBulkSetStateResponse as FlowRunBulkSetStateResponse
    from prefect.schemas.wire import FlowRunCreateResult as FlowRunCreateResult
    from prefect.schemas.wire import FlowRunOrchestrationResult as FlowRunOrchestrationResult
    from prefect.schemas.wire import FlowRunPaginationResponse as FlowRunPaginationResponse
    from prefect.schemas.wire import FlowRunResponse as FlowRunResponse
    from prefect.schemas.wire import GlobalConcurrencyLimitResponse as GlobalConcurrencyLimitResponse
    from prefect.schemas.wire import HistoryResponse as HistoryResponse
    from prefect.schemas.wire import HistoryResponseState as HistoryResponseState
    from prefect.schemas.wire import OrchestrationResult as OrchestrationResult
    from prefect.schemas.wire import SchemaValueIndexError as SchemaValueIndexError
    from prefect.schemas.wire import SchemaValuePropertyError as SchemaValuePropertyError
    from prefect.schemas.wire import SchemaValuesValidationResponse as SchemaValuesValidationResponse
    from prefect.schemas.wire import SetStateStatus as SetStateStatus
    from prefect.schemas.wire import StateAbortDetails as StateAbortDetails
    from prefect.schemas.wire import StateAcceptDetails as StateAcceptDetails
    from prefect.schemas.wire import StateRejectDetails as StateRejectDetails
    from prefect.schemas.wire import StateWaitDetails as StateWaitDetails
    from prefect.schemas.wire import TaskRunPaginationResponse as TaskRunPaginationResponse
    from prefect.schemas.wire import TaskRunResponse as TaskRunResponse
    from prefect.schemas.wire import WorkerFlowRunResponse as WorkerFlowRunResponse
    from prefect.schemas.wire import WorkerResponse as WorkerResponse
    from prefect.schemas.wire import WorkPoolResponse as WorkPoolResponse
    from prefect.schemas.wire import WorkQueueResponse as WorkQueueResponse

_EXPORTS = {
    "prefect.schemas.responses": "StateResponseDetails",
    "prefect.schemas.wire": (
        "DeploymentBulkDeleteResponse DeploymentPaginationResponse DeploymentResponse "
        "FlowBulkDeleteResponse FlowPaginationResponse FlowRunBulkCreateResponse "
        "FlowRunBulkDeleteResponse FlowRunBulkSetStateResponse FlowRunCreateResult "
        "FlowRunOrchestrationResult FlowRunPaginationResponse FlowRunResponse "
        "GlobalConcurrencyLimitResponse HistoryResponse HistoryResponseState OrchestrationResult "
        "SchemaValueIndexError SchemaValuePropertyError SchemaValuesValidationResponse SetStateStatus "
        "StateAbortDetails StateAcceptDetails StateRejectDetails StateWaitDetails "
        "TaskRunPaginationResponse TaskRunResponse WorkPoolResponse WorkQueueResponse "
        "WorkerFlowRunResponse WorkerResponse"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
