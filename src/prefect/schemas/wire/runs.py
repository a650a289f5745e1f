# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Flows, their runs and the runs of tasks in requests and responses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, RootModel

from prefect.schemas import responses, runs
from prefect.schemas.actions import runs as actions
from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.run_inputs import Constant, FlowRunResult, Parameter, TaskRunResult
from prefect.schemas.runs import FlowRunPolicy, TaskRunPolicy
from prefect.schemas.states import StateType
from prefect.schemas.wire.base import Deleted, Labels, Page, RunName, Stored
from prefect.schemas.wire.states import FlowRunOrchestrationResult, State, StateCreate
from prefect.types._annotated import AwareDateTime
from prefect.types.names import Name


class Flow(Stored, runs.Flow):
    """A flow."""

    labels: Labels = Field(default_factory=dict)


class FlowCreate(actions.FlowCreate):
    """A new flow."""

    name: Name


class FlowRun(runs.FlowRunFields, Stored):
    """A flow run."""

    name: RunName
    empirical_policy: FlowRunPolicy = Field(default_factory=FlowRunPolicy)
    labels: Labels = Field(default_factory=dict)
    state: State | None = None


class FlowRunResponse(Stored, responses.FlowRunResponse):
    """A flow run with its work pool and queue."""

    work_pool_id: UUID | None = None
    state: State | None = None


class WorkerFlowRunResponse(responses.WorkerFlowRunResponse):
    """A flow run for a worker to start."""

    flow_run: FlowRun


class FlowRunCreate(actions.FlowRunCreate):
    """A new flow run."""

    name: RunName
    state: StateCreate | None = None
    deployment_id: UUID | None = Field(default=None, deprecated=True)


class FlowRunUpdate(actions.FlowRunUpdate):
    """Changes to a flow run."""

    parameters: dict[str, Any] = Field(default_factory=dict)


class DeploymentFlowRunCreate(actions.DeploymentFlowRunCreate):
    """A new flow run of a deployment."""

    name: RunName
    state: StateCreate | None = None
    job_variables: dict[str, Any] | None = Field(default=None, json_schema_extra={"additionalProperties": True})


class FlowRunInput(Stored, runs.FlowRunInput):
    """A value that was sent to a flow run, as JSON text."""


class FlowRunCreateResult(PrefectBaseModel):
    """The result of creating one of several flow runs."""

    flow_run_id: UUID | None = None
    status: Literal["CREATED", "FAILED"]
    error: str | None = None


class FlowRunBulkCreateResponse(PrefectBaseModel):
    """The results of creating several flow runs."""

    results: list[FlowRunCreateResult] = Field(default_factory=list[FlowRunCreateResult])


class FlowRunBulkSetStateResponse(PrefectBaseModel):
    """The results of setting the state of several flow runs."""

    results: list[FlowRunOrchestrationResult] = Field(default_factory=list[FlowRunOrchestrationResult])


class FlowRunBulkDeleteResponse(Deleted):
    """The flow runs that were deleted."""


class FlowBulkDeleteResponse(Deleted):
    """The flows that were deleted."""


class FlowPaginationResponse(Page[Flow]):
    """A page of flows."""


class FlowRunPaginationResponse(Page[FlowRunResponse]):
    """A page of flow runs."""


class TaskRun(Stored, runs.TaskRun):
    """A task run."""

    labels: Labels = Field(default_factory=dict)
    state: State | None = None


class UITaskRun(TaskRun):
    """A task run with the name of its flow run."""

    flow_run_name: str | None = None


class TaskRunResponse(runs.RunTimes, Stored):
    """A task run, in short."""

    name: RunName
    task_key: str
    task_version: str | None = None
    flow_run_id: UUID | None = None
    empirical_policy: TaskRunPolicy = Field(default_factory=TaskRunPolicy)
    tags: list[str] = Field(default_factory=list)
    task_inputs: dict[str, list[TaskRunResult | FlowRunResult | Parameter | Constant]] = Field(default_factory=dict)
    state_id: UUID | None = None
    state: State | None = None


class TaskRunCreate(actions.TaskRunCreate):
    """A new task run."""

    name: RunName
    state: StateCreate | None = None


class TaskRunUpdate(actions.TaskRunUpdate):
    """Changes to a task run."""

    name: RunName


class TaskRunPaginationResponse(Page[TaskRunResponse]):
    """A page of task runs."""


class DependencyResult(PrefectBaseModel):
    """A task run and its upstream task runs."""

    id: UUID
    name: str
    upstream_dependencies: list[TaskRunResult]
    state: State | None
    expected_start_time: AwareDateTime | None
    start_time: AwareDateTime | None
    end_time: AwareDateTime | None
    total_run_time: timedelta | None
    estimated_run_time: timedelta | None
    untrackable_result: bool


class TaskWorkerFilter(PrefectBaseModel):
    """Selects task workers by the tasks they run."""

    task_keys: list[str]


class TaskWorkerResponse(PrefectBaseModel):
    """A task worker: the tasks it runs, and the time of its last request."""

    identifier: str
    task_keys: list[str]
    timestamp: AwareDateTime


# --- the web page -----------------------------------------------------------------------------------------------------


class SimpleFlowRun(PrefectBaseModel):
    """A flow run as a point of a diagram; lateness and duration are in seconds."""

    id: UUID
    state_type: StateType
    timestamp: AwareDateTime
    duration: timedelta
    lateness: timedelta


class SimpleNextFlowRun(PrefectBaseModel):
    """The next flow run of a flow."""

    id: UUID
    flow_id: UUID
    name: str
    state_name: str
    state_type: StateType
    next_scheduled_start_time: AwareDateTime


class TaskRunCount(RootModel[dict[str, int]]):
    """How many task runs each flow run has."""


class CountByState(PrefectBaseModel):
    """How many runs are in each type of state."""

    COMPLETED: int = 0
    PENDING: int = 0
    RUNNING: int = 0
    FAILED: int = 0
    CANCELLED: int = 0
    CRASHED: int = 0
    PAUSED: int = 0
    CANCELLING: int = 0
    SCHEDULED: int = 0
