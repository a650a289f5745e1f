"""Stored flows, flow runs and task runs.

The engine builds them with `make`, without validation; external data is validated. The models do not depend on the
engine.
"""

from __future__ import annotations

import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel, TimeSeriesBaseModel, make
from prefect.schemas.run_inputs import Constant, FlowRunResult, Parameter, TaskRunResult
from prefect.schemas.states import State, StateType
from prefect.types import new_id, slugs
from prefect.types._annotated import AwareDateTime, KeyValueLabelsField
from prefect.types.names import Name

_ZERO = datetime.timedelta(0)
MAX_RETRY_DELAYS = 50

RETRY_FROM = "prefect.retry-from"
"""The key in the `context` of a flow run that is retried from one of its task runs: `task_run` is the id of that,
`run_count` how often the flow run had run by then, and `since` when it was. It stays until the flow run is retried
again."""


def random_name() -> str:
    """Return a random run name: an adjective and an animal."""
    return slugs.generate_slug(2)


class Flow(ObjectBaseModel):
    """A flow, identified by its name."""

    name: Name
    tags: list[str] = Field(default_factory=list)
    labels: KeyValueLabelsField = Field(default_factory=dict)


class Actor(PrefectBaseModel):
    """The author of a change to an object."""

    id: UUID | None = None
    type: str | None = None
    display_value: str | None = None


class CreatedBy(Actor):
    """The creator of an object."""


class UpdatedBy(Actor):
    """The last editor of an object."""


class FlowRunPolicy(PrefectBaseModel):
    """The policy by which a flow run is retried, paused and resumed; delays are in seconds."""

    max_retries: int = Field(default=0, deprecated=True)
    retry_delay_seconds: float = Field(default=0, deprecated=True)
    retries: int | None = None
    retry_delay: int | None = None
    pause_keys: set[str] | None = Field(default_factory=set)
    resuming: bool | None = False
    retry_type: Literal["in_process", "reschedule"] | None = None

    @classmethod
    def make(cls, **fields: Any) -> FlowRunPolicy:
        """Make a policy without validation; every value must be of its field's very type."""
        return make(cls, {**_FLOW_POLICY, "pause_keys": set[str](), **fields}, set(fields))

    @model_validator(mode="before")
    @classmethod
    def _adopt_old_names(cls, values: Any) -> Any:
        return _adopt_old_names(values)


class TaskRunPolicy(PrefectBaseModel):
    """The policy by which a task run is retried; delays are in seconds."""

    max_retries: int = Field(default=0, deprecated=True)
    retry_delay_seconds: float = Field(default=0, deprecated=True)
    retries: int | None = None
    retry_delay: int | float | list[int] | list[float] | None = None
    retry_jitter_factor: float | None = None

    @classmethod
    def make(cls, **fields: Any) -> TaskRunPolicy:
        """Make a policy without validation; every value must be of its field's very type."""
        return make(cls, {**_TASK_POLICY, **fields}, set(fields))

    @model_validator(mode="before")
    @classmethod
    def _adopt_old_names(cls, values: Any) -> Any:
        return _adopt_old_names(values)

    @field_validator("retry_delay")
    @classmethod
    def _limit_retry_delays(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) > MAX_RETRY_DELAYS:  # pyright: ignore[reportUnknownArgumentType]
            raise ValueError(f"A task can have at most {MAX_RETRY_DELAYS} retry delays.")
        return value  # pyright: ignore[reportUnknownVariableType]

    @field_validator("retry_jitter_factor")
    @classmethod
    def _not_negative(cls, value: float | None) -> float | None:
        if value is not None and value < 0:
            raise ValueError("`retry_jitter_factor` must be 0 or more.")
        return value


def _adopt_old_names(values: Any) -> Any:
    """Apply the former field names `max_retries` and `retry_delay_seconds` where the new ones are missing."""
    if not isinstance(values, dict):
        return values
    fields: dict[str, Any] = dict(values)  # pyright: ignore[reportUnknownArgumentType]
    if fields.get("retries") is None and fields.get("max_retries", 0) != 0:
        fields["retries"] = fields["max_retries"]
    if fields.get("retry_delay") is None and fields.get("retry_delay_seconds", 0) != 0:
        fields["retry_delay"] = fields["retry_delay_seconds"]
    return fields


_FLOW_POLICY: dict[str, Any] = {name: field.default for name, field in FlowRunPolicy.model_fields.items()}
_TASK_POLICY: dict[str, Any] = {name: field.default for name, field in TaskRunPolicy.model_fields.items()}


class RunTimes(PrefectBaseModel):
    """The times of a run. Times are aware, durations are timedeltas (seconds in JSON)."""

    start_time: AwareDateTime | None = None
    end_time: AwareDateTime | None = None
    total_run_time: datetime.timedelta = _ZERO
    estimated_run_time: datetime.timedelta = _ZERO
    estimated_start_time_delta: datetime.timedelta = _ZERO


class RunStateFields(PrefectBaseModel):
    """The type and the name of a run's state."""

    state_type: StateType | None = None
    state_name: str | None = None


class FlowRunFields(RunTimes, RunStateFields):
    """Fields of a flow run, apart from its work pool."""

    name: str = Field(default_factory=random_name)
    flow_id: UUID
    state_id: UUID | None = None
    deployment_id: UUID | None = None
    deployment_version: str | None = None
    work_queue_name: str | None = None
    flow_version: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    idempotency_key: str | None = None
    context: dict[str, Any] = Field(default_factory=dict)
    empirical_policy: FlowRunPolicy = Field(default_factory=FlowRunPolicy.make)
    tags: list[str] = Field(default_factory=list)
    labels: KeyValueLabelsField = Field(default_factory=dict)
    # The task run that stands for this run in the flow that called it.
    parent_task_run_id: UUID | None = None
    run_count: int = 0
    expected_start_time: AwareDateTime | None = None
    next_scheduled_start_time: AwareDateTime | None = None
    auto_scheduled: bool = False
    infrastructure_document_id: UUID | None = None
    infrastructure_pid: str | None = None
    created_by: CreatedBy | None = None
    work_queue_id: UUID | None = None
    state: State | None = None  # pyright: ignore[reportMissingTypeArgument]  # State[Any] would be a class of its own
    job_variables: dict[str, Any] | None = None


class PooledFlowRunFields(FlowRunFields):
    """Fields of a flow run with its work pool."""

    work_pool_id: UUID | None
    work_pool_name: str | None = None


class FlowRun(PooledFlowRunFields, TimeSeriesBaseModel, ObjectBaseModel):
    """A run of a flow. Times are aware, durations are timedeltas (seconds in JSON)."""

    work_pool_id: UUID | None = None

    @classmethod
    def make(cls, **fields: Any) -> FlowRun:
        """Make a flow run without validation; every value must be of its field's very type. `flow_id` is required."""
        values = {**_FLOW_RUN, **fields}
        _fill(values)
        for name in ("parameters", "context"):
            if values[name] is _NEW_VALUE:
                values[name] = {}
        return make(cls, values, set(fields))

    @field_validator("name", mode="before")
    @classmethod
    def _name(cls, value: Any) -> Any:
        return value or random_name()

    def __eq__(self, other: Any) -> bool:
        """Return whether all fields are equal, apart from the estimates, which change with the clock."""
        return _equal_but_estimates(self, other) if isinstance(other, FlowRun) else NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class TaskRunKeys(PrefectBaseModel):
    """The keys of a task run in its flow run, and of its result in the cache."""

    flow_run_id: UUID | None = None
    task_key: str
    dynamic_key: str
    cache_key: str | None = None
    cache_expiration: AwareDateTime | None = None
    task_version: str | None = None


class TaskRun(TaskRunKeys, RunTimes, RunStateFields, TimeSeriesBaseModel, ObjectBaseModel):
    """A run of a task. Times are aware, durations are timedeltas (seconds in JSON)."""

    name: str = Field(default_factory=random_name)
    empirical_policy: TaskRunPolicy = Field(default_factory=TaskRunPolicy.make)
    tags: list[str] = Field(default_factory=list)
    labels: KeyValueLabelsField = Field(default_factory=dict)
    state_id: UUID | None = None
    task_inputs: dict[str, list[TaskRunResult | FlowRunResult | Parameter | Constant]] = Field(default_factory=dict)
    run_count: int = 0
    flow_run_run_count: int = 0
    expected_start_time: AwareDateTime | None = None
    next_scheduled_start_time: AwareDateTime | None = None
    state: State | None = None  # pyright: ignore[reportMissingTypeArgument]  # State[Any] would be a class of its own

    @classmethod
    def make(cls, **fields: Any) -> TaskRun:
        """Make a task run without validation; every value must be of its field's very type.

        `task_key` and `dynamic_key` are required.
        """
        values = {**_TASK_RUN, **fields}
        _fill(values)
        if values["task_inputs"] is _NEW_VALUE:
            values["task_inputs"] = {}
        return make(cls, values, set(fields))

    @field_validator("name", mode="before")
    @classmethod
    def _name(cls, value: Any) -> Any:
        return value or random_name()


def _equal_but_estimates(one: FlowRun, other: FlowRun) -> bool:
    ignored = {"estimated_run_time", "estimated_start_time_delta"}
    return all(other.__dict__[name] == value for name, value in one.__dict__.items() if name not in ignored)


# --- making runs without validation ----------------------------------------------------------------------------------

_NEW_VALUE: Any = object()
"""Marks a default that must be a new object for each run."""


def _defaults(model: type[FlowRun] | type[TaskRun]) -> dict[str, Any]:
    """Return the model's defaults in the order of its fields, `_FRESH` for values that are created anew."""
    return {
        name: _NEW_VALUE if field.default_factory or field.is_required() else field.default
        for name, field in model.model_fields.items()
    }


_FLOW_RUN = _defaults(FlowRun)
_TASK_RUN = _defaults(TaskRun)


def _fill(values: dict[str, Any]) -> None:
    """Make the defaults that flow runs and task runs share."""
    if values["id"] is _NEW_VALUE:
        values["id"] = new_id()
    if values["name"] is _NEW_VALUE:
        values["name"] = random_name()
    if values["empirical_policy"] is _NEW_VALUE:
        values["empirical_policy"] = FlowRunPolicy.make() if "flow_id" in values else TaskRunPolicy.make()
    if values["tags"] is _NEW_VALUE:
        values["tags"] = []
    if values["labels"] is _NEW_VALUE:
        values["labels"] = {}


class FlowRunInput(ObjectBaseModel):
    """A value that was sent to a flow run, as JSON text."""

    flow_run_id: UUID
    key: str
    value: str
    sender: str | None = None

    @property
    def decoded_value(self) -> Any:
        """Return the value, read from its JSON text."""
        from prefect.types import json_codec

        return json_codec.loads_foreign(self.value.encode())
