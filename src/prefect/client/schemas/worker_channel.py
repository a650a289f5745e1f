"""The public path of the clean-up jobs of workers; they live in `prefect.schemas`."""

from prefect.schemas.worker_channel import CANCELLING_TIMEOUT_TEARDOWN as CANCELLING_TIMEOUT_TEARDOWN
from prefect.schemas.worker_channel import PENDING_CLAIM_TEARDOWN as PENDING_CLAIM_TEARDOWN
from prefect.schemas.worker_channel import SUPPORTED_CLEANUP_KINDS as SUPPORTED_CLEANUP_KINDS
from prefect.schemas.worker_channel import (
    CancellingTimeoutCleanupMessagePayload as CancellingTimeoutCleanupMessagePayload,
)
from prefect.schemas.worker_channel import CancellingTimeoutTeardownTarget as CancellingTimeoutTeardownTarget
from prefect.schemas.worker_channel import CleanupKind as CleanupKind
from prefect.schemas.worker_channel import CleanupMessagePayload as CleanupMessagePayload
from prefect.schemas.worker_channel import CleanupOperation as CleanupOperation
from prefect.schemas.worker_channel import CleanupOperationResultPayload as CleanupOperationResultPayload
from prefect.schemas.worker_channel import CleanupOperationStatus as CleanupOperationStatus
from prefect.schemas.worker_channel import PendingClaimCleanupMessagePayload as PendingClaimCleanupMessagePayload
from prefect.schemas.worker_channel import PendingClaimTeardownTarget as PendingClaimTeardownTarget
