"""Messages between a worker and the server on the websocket of a work pool."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from prefect.schemas.work import Integration, WorkerMetadata
from prefect.types._annotated import AwareDateTime

VERSION = "work_pool_worker_channel.v1"

HEARTBEAT, SNAPSHOT, CLEANUP = "worker_heartbeat.v1", "work_pool_snapshot.v1", "cleanup_delivery.v1"
REQUIRED = (HEARTBEAT, SNAPSHOT)
"""Capabilities that a worker must request; it may request more."""

FLOW_RUNS = "flow_run_notices.v1"
"""The capability of our servers to say immediately that a run may start (`flow_runs.ready.v1`) or has to be stopped
(`flow_runs.cancelling.v1`). A worker of a server without it polls."""

CLAIM_HEADER = "Prefect-Claim"
"""The header with the claim under which a state of a flow run is proposed: `<id of the run>/<token>`."""

WORKER_LABEL = "prefect.worker.name"
"""The label of a flow run that our servers give it with a claim: the worker that claimed it last."""

ON_LOST, WARM_PROCESSES = "on_lost", "warm_processes"
"""Options of a pool, besides `job_configuration` and `variables` in its base job template: `on_lost: retry` starts runs
again that were lost with their worker; `warm_processes: N` keeps processes that have loaded a flow."""

CLAIM_VARIABLE = "PREFECT__FLOW_RUN_CLAIM"
"""The environment variable that carries it to the process of the run."""

CleanupKind = Literal["cancelling_timeout_teardown.v1", "pending_claim_teardown.v1"]
CANCELLING_TIMEOUT_TEARDOWN: CleanupKind = "cancelling_timeout_teardown.v1"
"""A run was being cancelled for too long: stop its infrastructure."""
PENDING_CLAIM_TEARDOWN: CleanupKind = "pending_claim_teardown.v1"
"""A run was lost with the worker that had claimed it: stop the infrastructure that it had started."""

SUPPORTED_CLEANUP_KINDS: tuple[CleanupKind, ...] = (CANCELLING_TIMEOUT_TEARDOWN, PENDING_CLAIM_TEARDOWN)

CleanupOperation = Literal["ack", "release", "renew"]
CleanupOperationStatus = Literal[
    "accepted", "not_current", "not_found", "expired", "invalid_token", "unauthorized", "dead_lettered", "error"
]


MAX_FACT_CHARACTERS = 1000


class WorkerFailure(BaseModel):
    """The last flow run that a worker could not start, or whose infrastructure it lost, and why."""

    occurred: AwareDateTime
    flow_run_id: UUID
    flow_run_name: str = Field(max_length=MAX_FACT_CHARACTERS)
    message: str = Field(max_length=MAX_FACT_CHARACTERS)


class WorkerFacts(WorkerMetadata):
    """The metadata of a worker of this package. Workers of others report the integrations only.

    Attributes:
        integrations: The installed packages that have workers.
        host: The name of its machine.
        pid: Its process.
        version: The version of this package.
        python: The version of Python.
        limit: How many runs at most it has at a time; None for any number.
        resource_id: The resource of its events.
        last_failure: The last run that it could not start; None if it started all.
    """

    model_config = ConfigDict(extra="ignore")

    integrations: list[Integration] = Field(default_factory=list[Integration], max_length=200)
    host: str | None = Field(default=None, max_length=MAX_FACT_CHARACTERS)
    pid: int | None = None
    version: str | None = Field(default=None, max_length=MAX_FACT_CHARACTERS)
    python: str | None = Field(default=None, max_length=MAX_FACT_CHARACTERS)
    limit: int | None = None
    resource_id: str | None = Field(default=None, max_length=MAX_FACT_CHARACTERS)
    last_failure: WorkerFailure | None = None


class Frame(BaseModel):
    """A message in either direction: its type, id, time and payload."""

    model_config = ConfigDict(extra="forbid")

    type: str
    id: UUID
    sent_at: AwareDateTime
    payload: dict[str, Any]


class _WorkerMessage(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hello(_WorkerMessage):
    """The first message of a worker: its identity and subscription; without queues it subscribes to all."""

    consumer_id: UUID
    worker_name: str = Field(min_length=1)
    worker_type: str = Field(min_length=1)
    heartbeat_interval_seconds: int = Field(ge=1)
    supported_channel_versions: list[str]
    requested_capabilities: list[str]
    work_queue_names: list[str] = Field(default_factory=list)
    handled_cleanup_kinds: list[CleanupKind] = Field(default_factory=list[CleanupKind])
    max_cleanup_concurrency: int = Field(default=0, ge=0)
    create_pool_if_not_found: bool = False
    default_base_job_template: dict[str, Any] | None = None
    worker_metadata: dict[str, Any] | None = None

    def is_whole(self) -> bool:
        """Return whether the required subscriptions are present, and clean-up only with its capability."""
        cleans = bool(self.handled_cleanup_kinds or self.max_cleanup_concurrency)
        return set(REQUIRED) <= set(self.requested_capabilities) and (
            not cleans or CLEANUP in self.requested_capabilities
        )


class Heartbeat(_WorkerMessage):
    """A heartbeat of a worker."""

    consumer_id: UUID
    worker_name: str
    heartbeat_interval_seconds: int = Field(ge=1)


class CleanupReply(_WorkerMessage):
    """A worker's reply to a clean-up job: done (`ack`), or more time needed (`renew`)."""

    message_id: UUID
    reservation_token: str


class CleanupRelease(CleanupReply):
    """A worker returns a clean-up job."""

    reason: str | None = None


class CancellingTimeoutTeardownTarget(BaseModel):
    """The infrastructure of a run that was being cancelled for too long."""

    model_config = ConfigDict(extra="allow")

    flow_run_id: UUID
    infrastructure_pid: str | None = None


class PendingClaimTeardownTarget(CancellingTimeoutTeardownTarget):
    """The infrastructure of a run that was lost with the worker that had claimed it."""

    claim_id: UUID
    execution_id: UUID | None = None


class _CleanupMessage(_WorkerMessage):
    message_id: UUID
    reservation_token: str = Field(min_length=1)
    lease_expires_at: AwareDateTime
    delivery_count: int = Field(gt=0)
    work_queue_id: UUID | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class CancellingTimeoutCleanupMessagePayload(_CleanupMessage):
    """A clean-up job of the kind `cancelling_timeout_teardown.v1`."""

    kind: Literal["cancelling_timeout_teardown.v1"]
    target: CancellingTimeoutTeardownTarget


class PendingClaimCleanupMessagePayload(_CleanupMessage):
    """A clean-up job of the kind `pending_claim_teardown.v1`."""

    kind: Literal["pending_claim_teardown.v1"]
    target: PendingClaimTeardownTarget


CleanupMessagePayload = PendingClaimCleanupMessagePayload | CancellingTimeoutCleanupMessagePayload


class CleanupOperationResultPayload(_WorkerMessage):
    """The outcome of a worker's reply about a clean-up job."""

    request_frame_id: UUID
    message_id: UUID
    operation: CleanupOperation
    status: CleanupOperationStatus
    lease_expires_at: AwareDateTime | None = None
    reason: str | None = None
    detail: str | None = None
