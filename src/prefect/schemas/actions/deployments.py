"""Requests that create or change deployments and their schedules."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, Field, field_validator, model_validator

from prefect._lazy import lazy
from prefect.schemas import providers
from prefect.schemas.base import ActionBaseModel
from prefect.schemas.concurrency import ConcurrencyOptions
from prefect.schemas.deployments import BranchFields, DeploymentBranchingOptions, VersionInfo
from prefect.schemas.schedules import SCHEDULE_TYPES, WrittenSchedule, as_schedule_type
from prefect.types._annotated import KeyValueLabelsField, PositiveInteger
from prefect.types.names import NameOrEmpty

if TYPE_CHECKING:
    import jsonschema
else:
    jsonschema = lazy("jsonschema")

_OLD_FIELDS = ("worker_pool_queue_id", "worker_pool_name", "worker_pool_queue_name", "work_pool_queue_name")


def empty_schema() -> dict[str, Any]:
    """Return the schema of a flow without parameters."""
    return {"type": "object", "properties": {}}


def drop_old_fields(values: Any) -> Any:
    """Return the values without removed fields, and warn about each."""
    if not isinstance(values, dict):
        return values
    fields: dict[str, Any] = dict(values)  # pyright: ignore[reportUnknownArgumentType]
    for name in _OLD_FIELDS:
        if name in fields:
            del fields[name]
            warnings.warn(
                f"A deployment no longer has {name!r}, so it is ignored: use work_pool_name and work_queue_name.",
                UserWarning,
                stacklevel=2,
            )
    return fields


def check_max_scheduled_runs(max_scheduled_runs: int) -> int:
    """Return the maximum number of scheduled runs; raise ValueError if it exceeds the setting."""
    limit = providers.settings.get_current_settings().server.deployment_schedule_max_scheduled_runs
    if max_scheduled_runs > limit:
        raise ValueError(
            f"`max_scheduled_runs` must be at most {limit}, the setting server.deployment_schedule_max_scheduled_runs."
        )
    return max_scheduled_runs


MaxScheduledRuns: TypeAlias = Annotated[PositiveInteger, AfterValidator(check_max_scheduled_runs)]
"""How many runs of a schedule may be scheduled ahead, within the setting of the server."""


def check_job_variables(values: dict[str, Any], base_job_template: dict[str, Any]) -> None:
    """Check values against the `variables` of a job template; variables with a default are optional."""
    schema = base_job_template.get("variables")
    if not schema:
        return
    properties: dict[str, Any] = schema.get("properties", {})
    required = [name for name in schema.get("required", []) if "default" not in properties.get(name, {})]
    jsonschema.validate(values, {**schema, "required": required})


class DeploymentScheduleFields(ActionBaseModel):
    """Fields of new and changed schedules of a deployment."""

    max_scheduled_runs: MaxScheduledRuns | None = None
    slug: str | None = None
    replaces: str | None = None


class DeploymentScheduleCreate(DeploymentScheduleFields):
    """A new schedule of a deployment."""

    schedule: SCHEDULE_TYPES
    active: bool = True
    parameters: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def from_schedule(cls, schedule: WrittenSchedule) -> DeploymentScheduleCreate:
        """Return the request that creates a schedule of `prefect.schedules`."""
        return cls(
            schedule=as_schedule_type(schedule),
            active=schedule.active,
            parameters=schedule.parameters,
            slug=schedule.slug,
        )


class DeploymentScheduleUpdate(DeploymentScheduleFields):
    """Changes to a schedule of a deployment."""

    schedule: SCHEDULE_TYPES | None = None
    active: bool | None = None
    parameters: dict[str, Any] | None = None


class DeploymentRequest(ActionBaseModel):
    """Base class of the requests that create or change a deployment; removed fields are ignored with a warning."""

    @model_validator(mode="before")
    @classmethod
    def _drop_old_fields(cls, values: Any) -> Any:
        return drop_old_fields(values)


class DeploymentFields(DeploymentRequest):
    """Fields of a new deployment that every server knows."""

    name: NameOrEmpty
    flow_id: UUID
    paused: bool | None = None
    schedules: list[DeploymentScheduleCreate] = Field(default_factory=list[DeploymentScheduleCreate])
    concurrency_limit: int | None = None
    concurrency_options: ConcurrencyOptions | None = None
    enforce_parameter_schema: bool | None = None
    parameter_openapi_schema: dict[str, Any] | None = Field(default_factory=empty_schema)
    parameters: dict[str, Any] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    labels: KeyValueLabelsField = Field(default_factory=dict)
    pull_steps: list[dict[str, Any]] | None = None
    work_queue_name: str | None = None
    work_pool_name: str | None = None
    storage_document_id: UUID | None = None
    infrastructure_document_id: UUID | None = None
    description: str | None = None
    path: str | None = None
    entrypoint: str | None = None
    job_variables: dict[str, Any] = Field(default_factory=dict)
    version: str | None = None
    version_info: VersionInfo | None = None


class DeploymentCreate(BranchFields, DeploymentFields):
    """A new deployment, or a new version of one."""

    def check_valid_configuration(self, base_job_template: dict[str, Any]) -> None:
        """Check the job variables against the template of a work pool.

        Raises:
            jsonschema.ValidationError: A variable that the template requires is missing, or one has a wrong type.
        """
        check_job_variables(self.job_variables, base_job_template)


class DeploymentUpdate(DeploymentRequest):
    """Changes to a deployment."""

    version: str | None = None
    version_info: VersionInfo | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    paused: bool | None = None
    schedules: list[DeploymentScheduleUpdate] | None = None
    concurrency_limit: int | None = None
    concurrency_options: ConcurrencyOptions | None = None
    tags: list[str] = Field(default_factory=list)
    work_queue_name: str | None = None
    work_pool_name: str | None = None
    path: str | None = None
    job_variables: dict[str, Any] | None = Field(default_factory=dict)
    entrypoint: str | None = None
    storage_document_id: UUID | None = None
    infrastructure_document_id: UUID | None = None
    enforce_parameter_schema: bool | None = None
    parameter_openapi_schema: dict[str, Any] | None = Field(default_factory=empty_schema)
    pull_steps: list[dict[str, Any]] | None = None

    def check_valid_configuration(self, base_job_template: dict[str, Any]) -> None:
        """Check the job variables. See `DeploymentCreate.check_valid_configuration`."""
        check_job_variables(self.job_variables or {}, base_job_template)


class DeploymentBranch(ActionBaseModel):
    """A copy of a deployment for a branch of its code."""

    branch: str
    options: DeploymentBranchingOptions = Field(default_factory=DeploymentBranchingOptions)
    overrides: DeploymentUpdate | None = None

    @field_validator("branch")
    @classmethod
    def _not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("The name of a branch must not be blank.")
        return value
