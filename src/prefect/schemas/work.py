"""Work pools, their queues, and the workers that poll them."""

from __future__ import annotations

import datetime
from enum import auto
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel
from prefect.schemas.runs import random_name
from prefect.types import now
from prefect.types._annotated import AwareDateTime, NonNegativeInteger, PositiveInteger
from prefect.types.enums import AutoEnum
from prefect.types.names import Name

DEFAULT_AGENT_WORK_POOL_NAME = "default-agent-pool"


class QueueFilter(PrefectBaseModel):
    """The filter of the runs that a work queue holds."""

    tags: list[str] | None = None
    deployment_ids: list[UUID] | None = None


class WorkPoolStatus(AutoEnum):
    """The status of a work pool, by whether a worker polls it."""

    READY = auto()
    NOT_READY = auto()
    PAUSED = auto()

    @property
    def display_name(self) -> str:
        """Return the status as people write it, for example `Not ready`."""
        return self.value.replace("_", " ").capitalize()


class WorkPoolStorageConfiguration(PrefectBaseModel):
    """The storage of code and results of a work pool."""

    bundle_upload_step: dict[str, Any] | None = None
    bundle_execution_step: dict[str, Any] | None = None
    default_result_storage_block_id: UUID | None = None


class WorkPool(ObjectBaseModel):
    """A queue of flow runs for workers, with the configuration of their infrastructure."""

    name: Name
    description: str | None = None
    type: str
    base_job_template: dict[str, Any] = Field(default_factory=dict)
    is_paused: bool = False
    concurrency_limit: NonNegativeInteger | None = None
    status: WorkPoolStatus | None = None
    active_slots: int | None = None
    storage_configuration: WorkPoolStorageConfiguration = Field(default_factory=WorkPoolStorageConfiguration)
    default_queue_id: UUID = None  # pyright: ignore[reportAssignmentType]  # an older server leaves it out

    @property
    def is_push_pool(self) -> bool:
        """Return whether the server starts the runs itself, with no worker."""
        return self.type.endswith(":push")

    @property
    def is_managed_pool(self) -> bool:
        """Return whether the cloud provides the infrastructure."""
        return self.type.endswith(":managed")


class WorkQueueStatus(AutoEnum):
    """The status of a work queue, by whether a worker polls it."""

    READY = auto()
    NOT_READY = auto()
    PAUSED = auto()


class WorkQueueHealthPolicy(PrefectBaseModel):
    """The conditions for a healthy work queue; None turns a check off."""

    maximum_late_runs: int | None = 0
    maximum_seconds_since_last_polled: int | None = 60

    def evaluate_health_status(self, late_runs_count: int, last_polled: datetime.datetime | None = None) -> bool:
        """Return whether a work queue is healthy, from its late runs and its last poll."""
        if self.maximum_late_runs is not None and late_runs_count > self.maximum_late_runs:
            return False
        if self.maximum_seconds_since_last_polled is None:
            return True
        return last_polled is not None and now() - last_polled <= datetime.timedelta(
            seconds=self.maximum_seconds_since_last_polled
        )


class WorkQueueStatusDetail(PrefectBaseModel):
    """The health of a work queue, with its reasons."""

    healthy: bool
    late_runs_count: int = 0
    last_polled: AwareDateTime | None = None
    health_check_policy: WorkQueueHealthPolicy


class WorkQueueFields(PrefectBaseModel):
    """Fields of work queues and of the API's responses about them."""

    name: Name
    description: str | None = ""
    is_paused: bool = False
    concurrency_limit: NonNegativeInteger | None = None
    priority: PositiveInteger = 1


class WorkQueue(WorkQueueFields, ObjectBaseModel):
    """A part of a pool with a limit and a priority; 1 is the highest."""

    work_pool_name: str | None = None
    work_pool_id: UUID | None
    filter: QueueFilter | None = None
    last_polled: AwareDateTime | None = None
    status: WorkQueueStatus | None = None
    active_slots: int | None = None


class WorkerStatus(AutoEnum):
    """The status of a worker, by whether it has sent a heartbeat recently."""

    ONLINE = auto()
    OFFLINE = auto()


class Integration(PrefectBaseModel):
    """An integration package that a worker has installed."""

    name: str
    version: str


class WorkerMetadata(PrefectBaseModel):
    """Metadata that a worker reports; further keys are allowed."""

    model_config = ConfigDict(extra="allow")

    integrations: list[Integration]


class Worker(ObjectBaseModel):
    """A process that polls a pool and runs what it finds."""

    name: str
    work_pool_id: UUID
    last_heartbeat_time: AwareDateTime | None = None
    heartbeat_interval_seconds: int | None = None
    status: WorkerStatus = WorkerStatus.OFFLINE


class Agent(ObjectBaseModel):
    """A worker of the previous major version."""

    name: str = Field(default_factory=random_name)
    work_queue_id: UUID
    last_activity_time: AwareDateTime | None = None
