"""States of runs and their results.

The client, the server and the engine share them. The engine builds several per task, so `State.make` skips validation.
A state does not know where results are stored: a value of this process is `InMemory`, a reference that loads itself is
`Loadable`, and `schemas.outcomes` resolves the rest.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from enum import auto
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast, runtime_checkable
from uuid import UUID

from pydantic import Field, field_serializer, field_validator, model_validator

from prefect._io import twin
from prefect.schemas import providers
from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel, TimeSeriesBaseModel, make
from prefect.schemas.run_inputs import FlowRunResult, TaskRunResult
from prefect.types import new_id, now
from prefect.types._annotated import AwareDateTime, aware
from prefect.types.enums import AutoEnum

R = TypeVar("R")


class StateType(AutoEnum):
    """The types of states; orchestration depends on the type, not on the name."""

    SCHEDULED = auto()
    PENDING = auto()
    RUNNING = auto()
    COMPLETED = auto()
    FAILED = auto()
    CANCELLED = auto()
    CRASHED = auto()
    PAUSED = auto()
    CANCELLING = auto()


class RunType(AutoEnum):
    """The kind of a run: a flow's or a task's."""

    FLOW_RUN = "flow_run"
    TASK_RUN = "task_run"


TERMINAL_STATES: set[StateType] = {StateType.COMPLETED, StateType.CANCELLED, StateType.FAILED, StateType.CRASHED}
"""The types of the final states of a run."""

_DEFAULT_NAMES = {kind: kind.value.capitalize() for kind in StateType}


class StateDetails(PrefectBaseModel):
    """Further data of a state: ids of related objects, times, and results of the orchestration rules."""

    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    # The flow run that stands for a task run of its parent flow.
    child_flow_run_id: UUID | None = None
    scheduled_time: AwareDateTime | None = None
    cache_key: str | None = None
    cache_expiration: AwareDateTime | None = None
    deferred: bool | None = None
    untrackable_result: bool = False
    pause_timeout: AwareDateTime | None = None
    pause_reschedule: bool = False
    pause_key: str | None = None
    run_input_keyset: dict[str, str] | None = None
    refresh_cache: bool | None = None
    retriable: bool | None = None
    transition_id: UUID | None = None
    task_parameters_id: UUID | None = None
    traceparent: str | None = None
    deployment_concurrency_lease_id: UUID | None = None

    @classmethod
    def make(cls, **fields: Any) -> StateDetails:
        """Make details without validation; every value must be of its field's very type."""
        return make(cls, {**_NO_DETAILS, **fields}, _DETAILS_SET)

    def to_run_result(self, run_type: RunType) -> FlowRunResult | TaskRunResult | None:
        """Return the run that these details belong to, as an input of another run; None without such a run."""
        if run_type == RunType.FLOW_RUN and self.flow_run_id:
            return FlowRunResult(id=self.flow_run_id)
        if run_type == RunType.TASK_RUN and self.task_run_id:
            return TaskRunResult(id=self.task_run_id)
        return None


# A state is made with all its fields set, and all states share one set of their names: a set for each would be a
# quarter of a state's memory. Assigning to a field adds a name that is in the set already.
_DETAILS_SET = set(StateDetails.model_fields)
_STATE_SET = {"id", "created", "updated", "type", "name", "timestamp", "message", "state_details", "data"}
_NO_DETAILS: dict[str, Any] = {name: field.default for name, field in StateDetails.model_fields.items()}


class InMemory:
    """The data of a state whose value lives only in this process; it is never serialized."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, InMemory) and bool(self.value == other.value))

    def __hash__(self) -> int:
        return object.__hash__(self)


@runtime_checkable
class Loadable(Protocol):
    """State data that can load its value."""

    async def aload(self) -> Any: ...


class State(TimeSeriesBaseModel, ObjectBaseModel, Generic[R]):
    """The state of a run.

    Attributes:
        type: The type.
        name: The name; derived from the type by default.
        timestamp: When the run entered it.
        message: The reason, as text.
        state_details: Ids of related objects, times and further data.
        data: The result or a reference to it: `InMemory`, `Loadable`, a stored result's record as a dictionary (with a
            `storage_key`), or any other value, which then is the result itself.
    """

    type: StateType
    name: str | None = Field(default=None)
    timestamp: AwareDateTime = Field(default_factory=now)
    message: str | None = Field(default=None)
    state_details: StateDetails = Field(default_factory=StateDetails.make)
    data: Any = Field(default=None)

    _new_fields: ClassVar[tuple[str, ...]] = ("id", "created", "updated", "timestamp")

    @classmethod
    def make(
        cls,
        type: StateType,
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        details: StateDetails | None = None,
        timestamp: datetime.datetime | None = None,
        id: UUID | None = None,
    ) -> State[Any]:
        """Make a state without validation; every value must be of its field's very type.

        Args:
            type: The type.
            name: The name; the type's own when None.
            message: Why the run enters it.
            data: The result or a reference to it.
            details: The state details; the state keeps this very object.
            timestamp: When the run enters it; now when None.
            id: Its id; a new one when None.
        """
        if timestamp is None:
            timestamp = now()
        fields: dict[str, Any] = {
            "id": new_id() if id is None else id,
            "created": None,
            "updated": None,
            "type": type,
            "name": name if name is not None else _DEFAULT_NAMES[type],
            "timestamp": timestamp,
            "message": message,
            "state_details": make(StateDetails, _NO_DETAILS.copy(), _DETAILS_SET) if details is None else details,
            "data": data,
        }
        state = make(cls, fields, _STATE_SET)
        if type is StateType.SCHEDULED:
            _default_scheduled_time(state)
        return state

    @field_validator("data", mode="before")
    @classmethod
    def _read_data(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        stored = cast("dict[str, Any]", data)
        if stored.get("type") == "unpersisted":
            return None
        return providers.results.ResultRecordMetadata.model_validate(stored) if "storage_key" in stored else stored

    @model_validator(mode="after")
    def _default_name_and_time(self) -> Self:
        if self.name is None:
            vars(self)["name"] = _DEFAULT_NAMES[self.type]
        if self.type is StateType.SCHEDULED:
            _default_scheduled_time(self)
        return self

    @field_serializer("data", mode="wrap", when_used="json")
    def _without_memory(self, data: Any, handler: Callable[[Any], Any]) -> Any:
        return None if isinstance(data, InMemory) else handler(data)

    def is_scheduled(self) -> bool:
        """Return whether the run waits for a time."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """Return whether the run is about to start."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """Return whether the run is under way."""
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        """Return whether the run completed."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Return whether the run's own code failed."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Return whether the run's infrastructure failed."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Return whether the run was cancelled."""
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        """Return whether the run is being cancelled."""
        return self.type is StateType.CANCELLING

    def is_paused(self) -> bool:
        """Return whether the run is paused or suspended."""
        return self.type is StateType.PAUSED

    def is_final(self) -> bool:
        """Return whether the state is terminal."""
        return self.type in TERMINAL_STATES

    async def aresult(self, raise_on_failure: bool = True, retry_result_failure: bool = True) -> R | Exception:
        """Return the value the run returned, or the exception it ended with.

        Args:
            raise_on_failure: Raise the exception of a failed, crashed or cancelled run rather than return it.
            retry_result_failure: Try again for some seconds when a stored result cannot be read.

        Raises:
            UnfinishedRun: The run has not ended.
            PausedRun: The run is paused.
            MissingResult: The run completed and its result was not stored.
        """
        return await providers.outcomes.get_state_result(self, raise_on_failure, retry_result_failure)

    result = twin(aresult)

    def fresh_copy(self, **kwargs: Any) -> Self:
        """Return a copy with a new id and new times, which may be stored beside the original.

        Args:
            kwargs: Passed to `model_copy`.
        """
        copy = self.model_copy(**kwargs)
        moment = now()
        vars(copy).update(id=new_id(), created=moment, updated=moment, timestamp=moment)
        return copy

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy whose timestamp is now, unless `update` has another.

        Args:
            update: Values to change in the copy; they are not validated.
            deep: Copy the values too.
        """
        return super().model_copy(update={"timestamp": now(), **(update or {})}, deep=deep)

    def __repr__(self) -> str:
        """Return for example `Completed(message=None, type=COMPLETED, result=None)`."""
        return f"{self.name}(message={self.message!r}, type={_value(self.type)}, result={self.data!r})"

    def __str__(self) -> str:
        """Return for example `Completed()`, `Failed('why')` or, if the name is not the type's, `Cached(type=...)`."""
        parts = [repr(self.message)] if self.message else []
        if _DEFAULT_NAMES.get(self.type) != self.name:
            parts.append(f"type={_value(self.type)}")
        return f"{self.name}({', '.join(parts)})"

    def __hash__(self) -> int:
        return hash((self.type, self.name, self.message, self.timestamp))


def _value(type: Any) -> str:
    return type.value if isinstance(type, StateType) else str(type)


def _default_scheduled_time(state: State[Any]) -> None:
    if state.state_details.scheduled_time is None:
        # A copy, because a caller may pass the same details to several states.
        vars(state)["state_details"] = state.state_details.model_copy(update={"scheduled_time": now()})


def data_discriminator(x: Any) -> str:
    """Return the type of a state's data: "ResultRecordMetadata" for the record of a stored result, or "Any"."""
    return "ResultRecordMetadata" if isinstance(x, dict) and "storage_key" in x else "Any"


# --- making states ---------------------------------------------------------------------------------------------------

_PLAIN_FIELDS = frozenset({"message", "data", "name"})


def _state(type: StateType, name: str, kwargs: dict[str, Any]) -> State[Any]:
    """Return a state of this type, validated unless no argument needs validation."""
    details = kwargs.pop("state_details", None)
    message = kwargs.get("message")
    if (message is None or message.__class__ is str) and (details is None or isinstance(details, StateDetails)):
        if not kwargs:
            return State.make(type, name, details=details)
        if kwargs.keys() <= _PLAIN_FIELDS:
            return State.make(type, kwargs.get("name") or name, message, kwargs.get("data"), details)
    if details is not None:
        kwargs["state_details"] = details
    fields: dict[str, Any] = {"name": name, **kwargs, "type": type}
    return State(**fields)


def _details(kwargs: dict[str, Any]) -> StateDetails:
    """Take the state details out of the arguments, as a copy that may be changed."""
    return StateDetails.model_validate(kwargs.pop("state_details", None) or StateDetails.make()).model_copy()


def Scheduled(scheduled_time: datetime.datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return a state in which the run waits for a time; now when None.

    Raises:
        ValueError: The state details have a time as well.
    """
    return _scheduled(scheduled_time, "Scheduled", kwargs)


def _scheduled(moment: datetime.datetime | None, name: str, kwargs: dict[str, Any]) -> State[Any]:
    details = _details(kwargs)
    if details.scheduled_time is None:
        details = details.model_copy(update={"scheduled_time": aware(moment) if moment else now()})
    elif moment is not None:
        raise ValueError("The time of a scheduled state was passed twice: leave it out of state_details.")
    return _state(StateType.SCHEDULED, name, {**kwargs, "state_details": details})


def Completed(**kwargs: Any) -> State[Any]:
    """Return a state in which the run has completed."""
    return _state(StateType.COMPLETED, "Completed", kwargs)


def Running(**kwargs: Any) -> State[Any]:
    """Return a state in which the run is under way."""
    return _state(StateType.RUNNING, "Running", kwargs)


def Failed(**kwargs: Any) -> State[Any]:
    """Return a state in which the run's own code has failed."""
    return _state(StateType.FAILED, "Failed", kwargs)


def Crashed(**kwargs: Any) -> State[Any]:
    """Return a state in which the run's infrastructure has failed."""
    return _state(StateType.CRASHED, "Crashed", kwargs)


def Cancelling(**kwargs: Any) -> State[Any]:
    """Return a state in which the run is being cancelled."""
    return _state(StateType.CANCELLING, "Cancelling", kwargs)


def Cancelled(**kwargs: Any) -> State[Any]:
    """Return a state in which the run was cancelled."""
    return _state(StateType.CANCELLED, "Cancelled", kwargs)


def Pending(**kwargs: Any) -> State[Any]:
    """Return a state in which the run is about to start."""
    return _state(StateType.PENDING, "Pending", kwargs)


def Submitting(**kwargs: Any) -> State[Any]:
    """Return a pending state in which a worker hands the run to its infrastructure."""
    return _state(StateType.PENDING, "Submitting", kwargs)


def InfrastructurePending(**kwargs: Any) -> State[Any]:
    """Return a pending state in which the run's infrastructure starts."""
    return _state(StateType.PENDING, "InfrastructurePending", kwargs)


def Paused(
    timeout_seconds: int | None = None,
    pause_expiration_time: datetime.datetime | None = None,
    reschedule: bool = False,
    pause_key: str | None = None,
    **kwargs: Any,
) -> State[Any]:
    """Return a state in which the run waits to be resumed.

    Args:
        timeout_seconds: Seconds until the run fails; no timeout when None.
        pause_expiration_time: When it fails, as a time.
        reschedule: Whether the run's process ends and another one resumes the run.
        pause_key: The key of this pause within the run.
        kwargs: Fields of the state.

    Raises:
        ValueError: More than one of the arguments sets the time.
    """
    return _paused("Paused", timeout_seconds, pause_expiration_time, reschedule, pause_key, kwargs)


def Suspended(
    timeout_seconds: int | None = None,
    pause_expiration_time: datetime.datetime | None = None,
    pause_key: str | None = None,
    **kwargs: Any,
) -> State[Any]:
    """Return a paused state in which the run's process has ended; arguments as in `Paused`."""
    return _paused("Suspended", timeout_seconds, pause_expiration_time, reschedule=True, key=pause_key, kwargs=kwargs)


def _paused(
    name: str,
    timeout_seconds: int | None,
    expires: datetime.datetime | None,
    reschedule: bool,
    key: str | None,
    kwargs: dict[str, Any],
) -> State[Any]:
    if timeout_seconds is not None and expires is not None:
        raise ValueError("A pause has a timeout or an expiration time, and both were passed.")
    details = _details(kwargs)
    timed = timeout_seconds is not None or expires is not None
    if timed and details.pause_timeout is not None:
        raise ValueError("The end of a pause was passed twice: leave it out of state_details.")
    changes: dict[str, Any] = {"pause_reschedule": reschedule}
    if timeout_seconds is not None:
        expires = now() + datetime.timedelta(seconds=timeout_seconds)
    if expires is not None:
        changes["pause_timeout"] = aware(expires)
    if key is not None:
        changes["pause_key"] = key
    return _state(StateType.PAUSED, name, {**kwargs, "state_details": details.model_copy(update=changes)})


def AwaitingRetry(scheduled_time: datetime.datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return a scheduled state in which a run that failed waits to be tried again."""
    return _scheduled(scheduled_time, "AwaitingRetry", kwargs)


def AwaitingConcurrencySlot(scheduled_time: datetime.datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return a scheduled state in which the run waits for a concurrency slot."""
    return _scheduled(scheduled_time, "AwaitingConcurrencySlot", kwargs)


def Retrying(**kwargs: Any) -> State[Any]:
    """Return a running state after the run has been tried before."""
    return _state(StateType.RUNNING, "Retrying", kwargs)


def Late(scheduled_time: datetime.datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return a scheduled state whose time has passed without the run starting."""
    return _scheduled(scheduled_time, "Late", kwargs)
