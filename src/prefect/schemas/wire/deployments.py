# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Deployments and their schedules in requests and responses."""

from __future__ import annotations

from enum import auto
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import Field
from pydantic.config import JsonDict

from prefect.schemas import deployments
from prefect.schemas.actions import deployments as actions
from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.concurrency import ConcurrencyOptions
from prefect.schemas.responses import GlobalConcurrencyLimitResponse as _GlobalConcurrencyLimitResponse
from prefect.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.schemas.wire.base import Deleted, Page, Stored
from prefect.types._annotated import PositiveInteger
from prefect.types.enums import AutoEnum

Schedule = IntervalSchedule | CronSchedule | RRuleSchedule
"""The types of schedules."""

_OBJECT: JsonDict = {"additionalProperties": True}


class DeploymentSort(AutoEnum):
    """The order of deployments."""

    CREATED_DESC = auto()
    UPDATED_DESC = auto()
    NAME_ASC = auto()
    NAME_DESC = auto()


class DeploymentStatus(AutoEnum):
    """Whether a worker is available for the deployment."""

    READY = auto()
    NOT_READY = auto()


class DeploymentSchedule(Stored, deployments.DeploymentSchedule):
    """A schedule of a deployment."""

    schedule: Schedule


class DeploymentScheduleCreate(actions.DeploymentScheduleCreate):
    """A new schedule of a deployment."""

    schedule: Schedule


class DeploymentScheduleUpdate(actions.DeploymentScheduleUpdate):
    """Changes to a schedule of a deployment."""

    schedule: Schedule | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class GlobalConcurrencyLimitResponse(Stored, _GlobalConcurrencyLimitResponse):
    """A named limit with its active slots."""


class DeploymentResponse(deployments.StoredDeploymentFields, Stored):
    """A deployment with its status, work pool and work queue."""

    name: str
    schedules: list[DeploymentSchedule] = Field(default_factory=list[DeploymentSchedule])
    concurrency_limit: int | None = Field(default=None, deprecated=True)
    global_concurrency_limit: GlobalConcurrencyLimitResponse | None = None
    concurrency_options: ConcurrencyOptions | None = None
    parameter_openapi_schema: dict[str, Any] | None = Field(default_factory=dict, json_schema_extra=_OBJECT)
    work_pool_name: str | None = None
    status: DeploymentStatus | None = DeploymentStatus.NOT_READY


class DeploymentCreate(actions.DeploymentFields):
    """A new deployment, or new values for the one that has its name."""

    name: str
    paused: bool = False
    schedules: list[DeploymentScheduleCreate] = Field(default_factory=list[DeploymentScheduleCreate])
    concurrency_limit: PositiveInteger | None = None
    global_concurrency_limit_id: UUID | None = None
    enforce_parameter_schema: bool = True
    parameter_openapi_schema: dict[str, Any] | None = Field(default_factory=dict, json_schema_extra=_OBJECT)


class DeploymentUpdate(actions.DeploymentUpdate):
    """Changes to a deployment."""

    paused: bool = False
    schedules: list[DeploymentScheduleUpdate] = Field(default_factory=list[DeploymentScheduleUpdate])
    concurrency_limit: PositiveInteger | None = None
    global_concurrency_limit_id: UUID | None = None


class DeploymentBulkDeleteResponse(Deleted):
    """The deployments that were deleted."""


class DeploymentPaginationResponse(Page[DeploymentResponse]):
    """A page of deployments."""


# --- what is wrong with the parameters of a deployment, or with the variables of a job --------------------------------


class SchemaValuePropertyError(PrefectBaseModel):
    """An error of a property of an object."""

    property: str
    errors: list[SchemaValueError]


class SchemaValueIndexError(PrefectBaseModel):
    """An error of an item of a list."""

    index: int
    errors: list[SchemaValueError]


SchemaValueError: TypeAlias = str | SchemaValuePropertyError | SchemaValueIndexError


class SchemaValuesValidationResponse(PrefectBaseModel):
    """Whether values are valid for a schema, and what is wrong with them."""

    errors: list[SchemaValueError]
    valid: bool
