"""Responses of the API that are not stored objects."""

from __future__ import annotations

from datetime import timedelta
from enum import auto
from typing import TYPE_CHECKING, Generic, Literal
from uuid import UUID

from pydantic import Field

from prefect._lazy import lazy
from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel
from prefect.schemas.concurrency import ConcurrencyOptions
from prefect.schemas.deployments import BranchFields, DeploymentStatus, StoredDeploymentFields, VersionInfo
from prefect.schemas.runs import FlowRun, PooledFlowRunFields, RunStateFields
from prefect.schemas.states import R, State, StateType
from prefect.types._annotated import AwareDateTime
from prefect.types.enums import AutoEnum

if TYPE_CHECKING:
    from prefect.schemas import events
else:
    events = lazy("prefect.schemas.events")


class SetStateStatus(AutoEnum):
    """The server's decision on a proposed state."""

    ACCEPT = auto()
    """The run enters the state."""
    REJECT = auto()
    """The run enters another state, which the answer has."""
    ABORT = auto()
    """The run stays in its state, and the caller must not go on."""
    WAIT = auto()
    """The run stays in its state; the caller may propose the state again after a delay."""


class StateAcceptDetails(PrefectBaseModel):
    """Details of an accepted state."""

    type: Literal["accept_details"] = "accept_details"


class StateRejectDetails(PrefectBaseModel):
    """The reason for replacing a proposed state by another."""

    type: Literal["reject_details"] = "reject_details"
    reason: str | None = None


class StateAbortDetails(PrefectBaseModel):
    """The reason for aborting a transition: the state is unchanged, and the caller must stop."""

    type: Literal["abort_details"] = "abort_details"
    reason: str | None = None


class StateWaitDetails(PrefectBaseModel):
    """The delay in seconds before the state may be proposed again, and the reason."""

    type: Literal["wait_details"] = "wait_details"
    delay_seconds: int
    reason: str | None = None


StateResponseDetails = StateAcceptDetails | StateWaitDetails | StateRejectDetails | StateAbortDetails
"""The details of a verdict of the server."""


class OrchestrationResult(PrefectBaseModel, Generic[R]):
    """The response to a proposed state: the run's current state, and the reason."""

    state: State[R] | None
    status: SetStateStatus
    details: StateResponseDetails


class HistoryResponseState(PrefectBaseModel):
    """The number of runs in a state during an interval."""

    state_type: StateType
    state_name: str
    count_runs: int
    sum_estimated_run_time: timedelta
    sum_estimated_lateness: timedelta


class HistoryResponse(PrefectBaseModel):
    """The runs of one interval, by state."""

    interval_start: AwareDateTime
    interval_end: AwareDateTime
    states: list[HistoryResponseState]


class WorkerFlowRunResponse(PrefectBaseModel):
    """A flow run for a worker to start."""

    work_pool_id: UUID
    work_queue_id: UUID
    flow_run: FlowRun


class FlowRunResponse(PooledFlowRunFields, ObjectBaseModel):
    """A flow run with its work pool and queue."""


class GlobalConcurrencyLimitResponse(ObjectBaseModel):
    """A named limit with its active slots."""

    active: bool = True
    name: str
    limit: int
    active_slots: int
    slot_decay_per_second: float = 2.0


class DeploymentResponse(BranchFields, StoredDeploymentFields, ObjectBaseModel):
    """A deployment with its status, work pool and work queue."""

    name: str
    version_id: UUID | None = None
    version_info: VersionInfo | None = None
    global_concurrency_limit: GlobalConcurrencyLimitResponse | None = None
    concurrency_options: ConcurrencyOptions | None = None
    work_pool_name: str | None = None
    status: DeploymentStatus | None = None

    def as_related_resource(self, role: str = "deployment") -> events.RelatedResource:
        """Return the deployment as a resource of an event, in this role."""
        labels = {
            "prefect.resource.id": f"prefect.deployment.{self.id}",
            "prefect.resource.role": role,
            "prefect.resource.name": self.name,
        }
        return events.RelatedResource(labels)


class MinimalConcurrencyLimitResponse(PrefectBaseModel):
    """A limit whose slots were acquired."""

    id: UUID
    name: str
    limit: int


class ConcurrencyLimitWithLeaseResponse(PrefectBaseModel):
    """The limits whose slots were acquired, and the lease on them."""

    lease_id: UUID
    limits: list[MinimalConcurrencyLimitResponse]


class FlowRunSlotSummary(RunStateFields):
    """A flow run that occupies a slot."""

    id: UUID
    name: str
    start_time: AwareDateTime | None = None
    state_timestamp: AwareDateTime | None = None
    time_in_current_state: timedelta | None = None


class SlotUsage(PrefectBaseModel):
    """The active slots of a pool or queue, and its limit."""

    active_slots: int
    concurrency_limit: int | None = None


class PagedSlotUsage(SlotUsage):
    """Slot usage with the numbers of a page: of all items, of those in a page, of all pages, and of this one."""

    count: int
    limit: int
    pages: int
    page: int


class WorkQueueConcurrencyStatus(PagedSlotUsage):
    """One page of the flow runs that occupy the slots of a work queue."""

    flow_runs: list[FlowRunSlotSummary] = Field(default_factory=list[FlowRunSlotSummary])


class WorkQueueConcurrencyStatusDetail(SlotUsage):
    """The flow runs that occupy the slots of one queue of a pool."""

    queue_id: UUID
    queue_name: str
    flow_runs: list[FlowRunSlotSummary] = Field(default_factory=list[FlowRunSlotSummary])
    flow_run_count: int | None = None


class WorkPoolConcurrencyStatus(PagedSlotUsage):
    """Slot usage of a work pool, for one page of its queues."""

    queues: list[WorkQueueConcurrencyStatusDetail] = Field(default_factory=list[WorkQueueConcurrencyStatusDetail])


class SlaMergeResponse(PrefectBaseModel):
    """The names of the service level agreements that were created, updated and deleted."""

    created: list[str]
    updated: list[str]
    deleted: list[str]
