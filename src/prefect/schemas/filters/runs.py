"""Filters for flows, deployments, runs and logs.

A condition is a field: `any_` is a list of which one must match, `not_any_` one of which none may, `all_` one of which
all must; `like_` is a part of the text, in any case; `before_`, `after_`, `ge_` and `le_` include their bound;
`is_null_` selects missing values or, when false, present ones. A condition that is None is not applied.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.filters.base import (
    AllTexts,
    AnyId,
    AnyText,
    Between,
    FlowRunFilterBaseModel,
    LikeText,
    Missing,
    NotAnyText,
    OperatorMixin,
)
from prefect.schemas.states import StateType


class FlowFilterId(AnyId):
    """Selects flows by their ids."""


class FlowFilterName(LikeText):
    """Selects flows by their name."""


class FlowFilterTags(Missing, AllTexts, OperatorMixin):
    """Selects flows by their tags."""


class FlowFilter(PrefectBaseModel, OperatorMixin):
    """Selects flows."""

    id: FlowFilterId | None = None
    name: FlowFilterName | None = None
    tags: FlowFilterTags | None = None


class FlowRunFilterCreatedBy(FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs by what created them."""

    id_: list[UUID] | None = None
    type_: list[str] | None = None
    is_null_: bool | None = None


class FlowRunFilterDeploymentId(Missing, AnyId, FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs by the deployment they were made from."""


class FlowRunFilterEndTime(Missing, Between, FlowRunFilterBaseModel):
    """Selects flow runs by their end time."""


class FlowRunFilterExpectedStartTime(Between, FlowRunFilterBaseModel):
    """Selects flow runs by their expected start time."""


class FlowRunFilterFlowVersion(AnyText, FlowRunFilterBaseModel):
    """Selects flow runs by their flow version."""


class FlowRunFilterId(FlowRunFilterBaseModel):
    """Selects flow runs by their ids."""

    any_: list[UUID] | None = None
    not_any_: list[UUID] | None = None


class FlowRunFilterIdempotencyKey(NotAnyText, FlowRunFilterBaseModel):
    """Selects flow runs by their idempotency key."""


class FlowRunFilterName(LikeText, FlowRunFilterBaseModel):
    """Selects flow runs by their name."""


class FlowRunFilterNextScheduledStartTime(Between, FlowRunFilterBaseModel):
    """Selects flow runs by when they are next to start."""


class FlowRunFilterParentFlowRunId(AnyId, FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs by the flow run that called them."""


class FlowRunFilterParentTaskRunId(Missing, AnyId, FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs by their parent task run id."""


class FlowRunFilterStartTime(Missing, Between, FlowRunFilterBaseModel):
    """Selects flow runs by their start time."""


class FlowRunFilterStateName(NotAnyText, FlowRunFilterBaseModel):
    """Selects flow runs by the name of their state."""


class FlowRunFilterStateType(FlowRunFilterBaseModel):
    """Selects flow runs by the type of their state."""

    any_: list[StateType] | None = None
    not_any_: list[StateType] | None = None


class FlowRunFilterTags(Missing, AnyText, AllTexts, FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs by their tags."""


class FlowRunFilterWorkQueueName(Missing, AnyText, FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs by the work queue they go to."""


class FlowRunFilterState(FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs by their state."""

    type: FlowRunFilterStateType | None = None
    name: FlowRunFilterStateName | None = None


class FlowRunFilter(FlowRunFilterBaseModel, OperatorMixin):
    """Selects flow runs."""

    id: FlowRunFilterId | None = None
    name: FlowRunFilterName | None = None
    tags: FlowRunFilterTags | None = None
    deployment_id: FlowRunFilterDeploymentId | None = None
    work_queue_name: FlowRunFilterWorkQueueName | None = None
    state: FlowRunFilterState | None = None
    flow_version: FlowRunFilterFlowVersion | None = None
    start_time: FlowRunFilterStartTime | None = None
    end_time: FlowRunFilterEndTime | None = None
    expected_start_time: FlowRunFilterExpectedStartTime | None = None
    next_scheduled_start_time: FlowRunFilterNextScheduledStartTime | None = None
    parent_flow_run_id: FlowRunFilterParentFlowRunId | None = None
    parent_task_run_id: FlowRunFilterParentTaskRunId | None = None
    idempotency_key: FlowRunFilterIdempotencyKey | None = None
    created_by: FlowRunFilterCreatedBy | None = None


class TaskRunFilterEndTime(Missing, Between):
    """Selects task runs by their end time."""


class TaskRunFilterFlowRunId(PrefectBaseModel):
    """Selects task runs by the flow run they belong to."""

    any_: list[UUID] | None = None
    is_null_: bool = False


class TaskRunFilterId(AnyId):
    """Selects task runs by their ids."""


class TaskRunFilterName(LikeText):
    """Selects task runs by their name."""


class TaskRunFilterStartTime(Missing, Between):
    """Selects task runs by their start time."""


class TaskRunFilterStateName(AnyText):
    """Selects task runs by the name of their state."""


class TaskRunFilterStateType(PrefectBaseModel):
    """Selects task runs by the type of their state."""

    any_: list[StateType] | None = None


class TaskRunFilterSubFlowRuns(PrefectBaseModel):
    """Selects task runs by whether they stand for a flow run."""

    exists_: bool | None = None


class TaskRunFilterTags(Missing, AllTexts, OperatorMixin):
    """Selects task runs by their tags."""


class TaskRunFilterState(PrefectBaseModel, OperatorMixin):
    """Selects task runs by their state."""

    type: TaskRunFilterStateType | None = None
    name: TaskRunFilterStateName | None = None


class TaskRunFilter(PrefectBaseModel, OperatorMixin):
    """Selects task runs."""

    id: TaskRunFilterId | None = None
    name: TaskRunFilterName | None = None
    tags: TaskRunFilterTags | None = None
    state: TaskRunFilterState | None = None
    start_time: TaskRunFilterStartTime | None = None
    end_time: TaskRunFilterEndTime | None = None
    subflow_runs: TaskRunFilterSubFlowRuns | None = None
    flow_run_id: TaskRunFilterFlowRunId | None = None


class DeploymentFilterConcurrencyLimit(PrefectBaseModel):
    """Selects deployments by their concurrency limit."""

    ge_: int | None = None
    le_: int | None = None
    is_null_: bool | None = None


class DeploymentFilterId(PrefectBaseModel):
    """Selects deployments by their ids."""

    any_: list[UUID] | None = None
    not_any_: list[UUID] | None = None


class DeploymentFilterName(LikeText):
    """Selects deployments by their name."""


class DeploymentFilterTags(Missing, AnyText, AllTexts, OperatorMixin):
    """Selects deployments by their tags."""


class DeploymentFilterWorkQueueName(AnyText):
    """Selects deployments by the work queue they go to."""


class DeploymentFilter(PrefectBaseModel, OperatorMixin):
    """Selects deployments."""

    id: DeploymentFilterId | None = None
    name: DeploymentFilterName | None = None
    tags: DeploymentFilterTags | None = None
    work_queue_name: DeploymentFilterWorkQueueName | None = None
    concurrency_limit: DeploymentFilterConcurrencyLimit | None = None


class FilterSet(PrefectBaseModel):
    """Filters for flows, their runs, task runs and deployments, applied together."""

    flows: FlowFilter = Field(default_factory=FlowFilter)
    flow_runs: FlowRunFilter = Field(default_factory=FlowRunFilter)
    task_runs: TaskRunFilter = Field(default_factory=TaskRunFilter)
    deployments: DeploymentFilter = Field(default_factory=DeploymentFilter)


class LogFilterFlowRunId(AnyId):
    """Selects logs by the flow run they belong to."""


class LogFilterLevel(PrefectBaseModel):
    """Selects logs by their level."""

    ge_: int | None = None
    le_: int | None = None


class LogFilterName(AnyText):
    """Selects logs by their name."""


class LogFilterTaskRunId(AnyId):
    """Selects logs by the task run they belong to."""


class LogFilterTextSearch(PrefectBaseModel):
    """Selects logs by text they contain."""

    query: str = Field(max_length=200)


class LogFilterTimestamp(Between):
    """Selects logs by their timestamp."""


class LogFilter(PrefectBaseModel, OperatorMixin):
    """Selects logs."""

    level: LogFilterLevel | None = None
    timestamp: LogFilterTimestamp | None = None
    flow_run_id: LogFilterFlowRunId | None = None
    task_run_id: LogFilterTaskRunId | None = None
    text: LogFilterTextSearch | None = None
