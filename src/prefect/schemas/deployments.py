"""Deployments with their schedules and versions."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel
from prefect.schemas.runs import CreatedBy, UpdatedBy
from prefect.schemas.schedules import SCHEDULE_TYPES
from prefect.types._annotated import AwareDateTime, KeyValueLabelsField, PositiveInteger
from prefect.types.enums import AutoEnum
from prefect.types.names import Name


class DeploymentStatus(AutoEnum):
    """The availability of a worker for a deployment."""

    READY = auto()
    NOT_READY = auto()
    DISABLED = auto()


class BranchingScheduleHandling(str, Enum):  # noqa: UP042  # `str()` of a member shows the enum
    """The handling of the schedules of a branched deployment."""

    KEEP = "keep"
    REMOVE = "remove"
    INACTIVE = "inactive"


class DeploymentBranchingOptions(ObjectBaseModel):
    """Options of branching a deployment."""

    schedule_handling: BranchingScheduleHandling = BranchingScheduleHandling.REMOVE


class BranchFields(PrefectBaseModel):
    """The branch of a deployment, and the deployments that it and the first of its branches were made from."""

    branch: str | None = None
    base: UUID | None = None
    root: UUID | None = None


class VersionInfo(PrefectBaseModel):
    """The origin of a deployment version; further keys depend on the type."""

    model_config = ConfigDict(extra="allow")

    type: str
    version: str


class DeploymentSchedule(ObjectBaseModel):
    """A schedule of a deployment, with parameters of its runs."""

    deployment_id: UUID | None = None
    schedule: SCHEDULE_TYPES
    active: bool = True
    max_scheduled_runs: PositiveInteger | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    slug: str | None = None


class StoredDeploymentFields(PrefectBaseModel):
    """Fields of stored deployments, apart from their names."""

    version: str | None = None
    description: str | None = None
    flow_id: UUID
    paused: bool = False
    concurrency_limit: int | None = None
    schedules: list[DeploymentSchedule] = Field(default_factory=list[DeploymentSchedule])
    job_variables: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    pull_steps: list[dict[str, Any]] | None = None
    tags: list[str] = Field(default_factory=list)
    labels: KeyValueLabelsField = Field(default_factory=dict)
    work_queue_name: str | None = None
    last_polled: AwareDateTime | None = None
    parameter_openapi_schema: dict[str, Any] | None = None
    path: str | None = None
    entrypoint: str | None = None
    storage_document_id: UUID | None = None
    infrastructure_document_id: UUID | None = None
    created_by: CreatedBy | None = None
    updated_by: UpdatedBy | None = None
    work_queue_id: UUID | None = None
    enforce_parameter_schema: bool = True


class Deployment(StoredDeploymentFields, ObjectBaseModel):
    """A deployed flow: the location of its code, its parameters, infrastructure and schedules."""

    name: Name
    version_id: UUID | None = None
    version_info: VersionInfo | None = None
