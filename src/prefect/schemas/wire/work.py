# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Work pools, their queues and workers in requests and responses."""

from __future__ import annotations

from uuid import UUID

from pydantic import ConfigDict, Field, field_validator

from prefect.schemas import work
from prefect.schemas.actions import objects as actions
from prefect.schemas.wire.base import Stored
from prefect.schemas.wire.checks import check_base_job_template
from prefect.schemas.work import QueueFilter, WorkQueueStatus
from prefect.types._annotated import AwareDateTime, NonNegativeInteger
from prefect.types.names import Name


class WorkPoolStorageConfiguration(work.WorkPoolStorageConfiguration):
    """How code and results of a pool are stored."""

    model_config = ConfigDict(extra="forbid")


class WorkPoolResponse(Stored, work.WorkPool):
    """A work pool."""

    storage_configuration: WorkPoolStorageConfiguration = Field(default_factory=WorkPoolStorageConfiguration)
    default_queue_id: UUID | None = None


class WorkPoolCreate(actions.WorkPoolCreate):
    """A new work pool."""

    _check_template = field_validator("base_job_template")(check_base_job_template)

    storage_configuration: WorkPoolStorageConfiguration = Field(default_factory=WorkPoolStorageConfiguration)


class WorkPoolUpdate(actions.WorkPoolUpdate):
    """Changes to a work pool."""

    _check_template = field_validator("base_job_template")(check_base_job_template)

    concurrency_limit: NonNegativeInteger | None = None
    storage_configuration: WorkPoolStorageConfiguration | None = None


class WorkQueue(work.WorkQueueFields, Stored):
    """A part of a pool with a limit and a priority."""

    work_pool_id: UUID | None = None
    filter: QueueFilter | None = Field(default=None, deprecated=True)
    last_polled: AwareDateTime | None = None


class WorkQueueResponse(WorkQueue):
    """A work queue with its pool and its status."""

    work_pool_name: str | None = None
    status: WorkQueueStatus | None = None
    active_slots: int | None = None


class WorkQueueCreate(actions.WorkQueueCreate):
    """A new work queue."""

    name: Name
    description: str | None = ""
    filter: QueueFilter | None = Field(default=None, deprecated=True)


class WorkQueueUpdate(actions.WorkQueueUpdate):
    """Changes to a work queue."""

    filter: QueueFilter | None = Field(default=None, deprecated=True)


class WorkerResponse(Stored, work.Worker):
    """A worker."""
