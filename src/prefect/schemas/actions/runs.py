"""Requests that create or change flows, runs, their states and logs."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import BeforeValidator, Field

from prefect.schemas import records
from prefect.schemas.base import ActionBaseModel, models_as_data
from prefect.schemas.run_inputs import Constant, FlowRunResult, Parameter, TaskRunResult
from prefect.schemas.runs import FlowRunPolicy, TaskRunKeys, TaskRunPolicy
from prefect.schemas.states import StateDetails, StateType
from prefect.types._annotated import KeyValueLabelsField

RunParameters: TypeAlias = Annotated[dict[str, Any], BeforeValidator(models_as_data)]
"""Parameters of a run; pydantic models among them become JSON data."""


class StateCreate(ActionBaseModel):
    """A proposed state of a run."""

    type: StateType
    name: str | None = None
    message: str | None = None
    state_details: StateDetails = Field(default_factory=StateDetails)
    data: Any = None


class FlowCreate(ActionBaseModel):
    """A new flow."""

    name: str
    tags: list[str] = Field(default_factory=list)
    labels: KeyValueLabelsField = Field(default_factory=dict)


class FlowUpdate(ActionBaseModel):
    """Changes to a flow."""

    tags: list[str] = Field(default_factory=list)


class FlowRunCreate(ActionBaseModel):
    """A new flow run."""

    state: StateCreate | None = None
    name: str | None = None
    flow_id: UUID
    deployment_id: UUID | None = None
    flow_version: str | None = None
    parameters: RunParameters = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    parent_task_run_id: UUID | None = None
    infrastructure_document_id: UUID | None = None
    empirical_policy: FlowRunPolicy = Field(default_factory=FlowRunPolicy)
    tags: list[str] = Field(default_factory=list)
    idempotency_key: str | None = None
    labels: KeyValueLabelsField = Field(default_factory=dict)
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: dict[str, Any] | None = None


class DeploymentFlowRunCreate(ActionBaseModel):
    """A new flow run of a deployment."""

    state: StateCreate | None = None
    name: str | None = None
    parameters: RunParameters = Field(default_factory=dict)
    enforce_parameter_schema: bool | None = None
    context: dict[str, Any] = Field(default_factory=dict)
    infrastructure_document_id: UUID | None = None
    empirical_policy: FlowRunPolicy = Field(default_factory=FlowRunPolicy)
    tags: list[str] = Field(default_factory=list)
    idempotency_key: str | None = None
    parent_task_run_id: UUID | None = None
    work_queue_name: str | None = None
    job_variables: dict[str, Any] | None = None
    labels: KeyValueLabelsField = Field(default_factory=dict)


class FlowRunUpdate(ActionBaseModel):
    """Changes to a flow run."""

    name: str | None = None
    flow_version: str | None = None
    parameters: dict[str, Any] | None = Field(default_factory=dict)
    empirical_policy: FlowRunPolicy = Field(default_factory=FlowRunPolicy)
    tags: list[str] = Field(default_factory=list)
    infrastructure_pid: str | None = None
    job_variables: dict[str, Any] | None = None


class TaskRunCreate(TaskRunKeys, ActionBaseModel):
    """A new task run."""

    id: UUID | None = None
    state: StateCreate | None = None
    name: str | None = None
    empirical_policy: TaskRunPolicy = Field(default_factory=TaskRunPolicy)
    tags: list[str] = Field(default_factory=list)
    labels: KeyValueLabelsField = Field(default_factory=dict)
    task_inputs: dict[str, list[TaskRunResult | FlowRunResult | Parameter | Constant]] = Field(default_factory=dict)


class TaskRunUpdate(ActionBaseModel):
    """Changes to a task run."""

    name: str | None = None


class LogFields(records.LogFields, ActionBaseModel):
    """Fields of a new log record, apart from its worker, which only newer servers accept."""


class LogCreate(LogFields):
    """A new log record. `level` is a number of the standard logging module."""

    worker_id: UUID | None = None

    def model_dump(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Dump the model, without a missing `worker_id`, which older servers reject."""
        data = super().model_dump(*args, **kwargs)
        if self.worker_id is None:
            data.pop("worker_id", None)
        return data
