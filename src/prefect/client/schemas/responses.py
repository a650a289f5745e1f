"""The public path of the answers of the API; they live in `prefect.schemas`."""

from prefect.schemas.responses import ConcurrencyLimitWithLeaseResponse as ConcurrencyLimitWithLeaseResponse
from prefect.schemas.responses import DeploymentResponse as DeploymentResponse
from prefect.schemas.responses import FlowRunResponse as FlowRunResponse
from prefect.schemas.responses import FlowRunSlotSummary as FlowRunSlotSummary
from prefect.schemas.responses import GlobalConcurrencyLimitResponse as GlobalConcurrencyLimitResponse
from prefect.schemas.responses import HistoryResponse as HistoryResponse
from prefect.schemas.responses import HistoryResponseState as HistoryResponseState
from prefect.schemas.responses import MinimalConcurrencyLimitResponse as MinimalConcurrencyLimitResponse
from prefect.schemas.responses import OrchestrationResult as OrchestrationResult
from prefect.schemas.responses import SetStateStatus as SetStateStatus
from prefect.schemas.responses import StateAbortDetails as StateAbortDetails
from prefect.schemas.responses import StateAcceptDetails as StateAcceptDetails
from prefect.schemas.responses import StateRejectDetails as StateRejectDetails
from prefect.schemas.responses import StateResponseDetails as StateResponseDetails
from prefect.schemas.responses import StateWaitDetails as StateWaitDetails
from prefect.schemas.responses import WorkerFlowRunResponse as WorkerFlowRunResponse
from prefect.schemas.responses import WorkPoolConcurrencyStatus as WorkPoolConcurrencyStatus
from prefect.schemas.responses import WorkQueueConcurrencyStatus as WorkQueueConcurrencyStatus
from prefect.schemas.responses import WorkQueueConcurrencyStatusDetail as WorkQueueConcurrencyStatusDetail
