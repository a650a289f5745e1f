"""What state a run is in, and how to get at its result.

Why states are here and not in the engine: client, server and engine all speak of them. The engine makes several a
task, so `State.make` builds one without validation. A state must not know where results are stored: a value that is
still in this process is `InMemory`, what can load itself is `Loadable`, and a stored reference is handed to
`prefect.results` by name.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import auto
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeGuard, TypeVar, cast, runtime_checkable
from uuid import UUID

from pydantic import Field, field_serializer, field_validator, model_validator

from prefect._io import sleep, twin
from prefect._lazy import lazy
from prefect.exceptions import CancelledRun, CrashedRun, FailedRun, MissingResult, PausedRun, UnfinishedRun
from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel, TimeSeriesBaseModel, make
from prefect.types import new_id, now
from prefect.types._annotated import DateTime
from prefect.utilities.collections import AutoEnum

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRunResult, TaskRunResult

results: Any = lazy("prefect.results")  # the layer above, named only when a stored result is asked for
runs: Any = lazy("prefect.schemas.runs")

R = TypeVar("R", default=Any) if TYPE_CHECKING else TypeVar("R")

RESULT_READ_MAXIMUM_ATTEMPTS = 10
RESULT_READ_RETRY_DELAY = 0.25
"""Seconds between two attempts to read a stored result."""


class StateType(AutoEnum):
    """The kinds of states; what a run may do next depends on nothing else."""

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
    """Whether a run is a flow's or a task's."""

    FLOW_RUN = "flow_run"
    TASK_RUN = "task_run"


TERMINAL_STATES: set[StateType] = {StateType.COMPLETED, StateType.CANCELLED, StateType.FAILED, StateType.CRASHED}
"""The types in which a run has come to its end."""

_UNSUCCESSFUL = frozenset({StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})
_DEFAULT_NAMES = {kind: kind.value.capitalize() for kind in StateType}


class StateDetails(PrefectBaseModel):
    """What belongs to a state besides its type: links to other objects, times, and the answers of the rules."""

    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None
    # The flow run that stands for a task run of its parent flow.
    child_flow_run_id: UUID | None = None
    scheduled_time: DateTime | None = None
    cache_key: str | None = None
    cache_expiration: DateTime | None = None
    deferred: bool | None = None
    untrackable_result: bool = False
    pause_timeout: DateTime | None = None
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
        return make(cls, {**_NO_DETAILS, **fields}, set(fields))

    def to_run_result(self, run_type: RunType) -> FlowRunResult | TaskRunResult | None:
        """The run that these details belong to, as an input of another run; None without such a run."""
        if run_type == RunType.FLOW_RUN and self.flow_run_id:
            return runs.FlowRunResult(id=self.flow_run_id)
        if run_type == RunType.TASK_RUN and self.task_run_id:
            return runs.TaskRunResult(id=self.task_run_id)
        return None


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
    """The data of a state that knows how to fetch its value."""

    async def aload(self) -> Any: ...


class State(TimeSeriesBaseModel, ObjectBaseModel, Generic[R]):
    """The state of a run.

    Attributes:
        type: What kind of state it is.
        name: What it is called; the type's name when not given.
        timestamp: When the run entered it.
        message: Why, for people.
        state_details: Links, times and the like.
        data: The result, or where it is: `InMemory`, `Loadable`, a stored result's record as a dictionary (it has a
            `storage_key`), or any other value, which then is the result itself.
    """

    type: StateType
    name: str | None = Field(default=None)
    timestamp: DateTime = Field(default_factory=now)
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
    ) -> State[Any]:
        """Make a state without validation; every value must be of its field's very type.

        Args:
            type: The type.
            name: The name; the type's own when None.
            message: Why the run enters it.
            data: The result or where it is.
            details: The state details; the state keeps this very object.
            timestamp: When the run enters it; now when None.
        """
        if timestamp is None:
            timestamp = now()
        fields: dict[str, Any] = {
            "id": new_id(),
            "created": None,
            "updated": None,
            "type": type,
            "name": name if name is not None else _DEFAULT_NAMES[type],
            "timestamp": timestamp,
            "message": message,
            "state_details": make(StateDetails, _NO_DETAILS.copy(), set()) if details is None else details,
            "data": data,
        }
        state = make(cls, fields, {"type", "name", "timestamp", "message", "state_details", "data"})
        if type is StateType.SCHEDULED:
            _default_scheduled_time(state)
        return state

    @field_validator("data", mode="before")
    @classmethod
    def _drop_unpersisted(cls, data: Any) -> Any:
        if isinstance(data, dict) and cast("dict[str, Any]", data).get("type") == "unpersisted":
            return None
        return cast("Any", data)

    @model_validator(mode="after")
    def _default_name_and_time(self) -> Self:
        if self.name is None:
            self.__dict__["name"] = _DEFAULT_NAMES[self.type]
        if self.type is StateType.SCHEDULED:
            _default_scheduled_time(self)
        return self

    @field_serializer("data", mode="wrap", when_used="json")
    def _without_memory(self, data: Any, handler: Callable[[Any], Any]) -> Any:
        return None if isinstance(data, InMemory) else handler(data)

    def is_scheduled(self) -> bool:
        """Whether the run waits for a time."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """Whether the run is about to start."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """Whether the run is under way."""
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        """Whether the run ended well."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Whether the run's own code failed."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Whether something around the run's code failed."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        """Whether the run is being cancelled."""
        return self.type is StateType.CANCELLING

    def is_paused(self) -> bool:
        """Whether the run is paused or suspended."""
        return self.type is StateType.PAUSED

    def is_final(self) -> bool:
        """Whether the run has come to its end."""
        return self.type in TERMINAL_STATES

    async def aresult(self, raise_on_failure: bool = True, retry_result_failure: bool = True) -> R | Exception:
        """The value the run returned, or the exception it ended with.

        Args:
            raise_on_failure: Raise the exception of a failed, crashed or cancelled run rather than return it.
            retry_result_failure: Try again for some seconds when a stored result cannot be read.

        Raises:
            UnfinishedRun: The run has not come to its end.
            PausedRun: The run is paused.
            MissingResult: The run completed and its result was not kept.
        """
        return await get_state_result(self, raise_on_failure, retry_result_failure)

    result = twin(aresult)

    def fresh_copy(self, **kwargs: Any) -> Self:
        """A copy with an id and times of its own, which may be stored beside the original.

        Args:
            kwargs: Passed to `model_copy`.
        """
        copy = self.model_copy(**kwargs)
        moment = now()
        copy.__dict__.update(id=new_id(), created=moment, updated=moment, timestamp=moment)
        return copy

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy whose timestamp is now, unless `update` says otherwise.

        Args:
            update: Values to change in the copy; they are not validated.
            deep: Copy the values too.
        """
        return super().model_copy(update={"timestamp": now(), **(update or {})}, deep=deep)

    def __repr__(self) -> str:
        """For example `Completed(message=None, type=COMPLETED, result=None)`."""
        return f"{self.name}(message={self.message!r}, type={_value(self.type)}, result={self.data!r})"

    def __str__(self) -> str:
        """For example `Completed()`, `Failed('why')` or, where the name is not the type's, `Cached(type=COMPLETED)`."""
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
        # A copy, because a caller may have given the same details to several states.
        state.__dict__["state_details"] = state.state_details.model_copy(update={"scheduled_time": now()})


# --- results ---------------------------------------------------------------------------------------------------------


async def get_state_result(
    state: State[R], raise_on_failure: bool = True, retry_result_failure: bool = True
) -> R | Exception:
    """The value of a run in this state, or its exception; see `State.aresult`."""
    if state.type is StateType.PAUSED:
        raise PausedRun("The run is paused, so it has no result yet.", state=state)
    if state.type not in TERMINAL_STATES:
        raise UnfinishedRun(f"The run is in state {_value(state.type)}, so it has no result yet.")
    unsuccessful = state.type in _UNSUCCESSFUL
    if unsuccessful and (raise_on_failure or state.data is None):
        error = await aget_state_exception(state, retry_result_failure)
        if raise_on_failure:
            raise error
        return cast("Any", error)
    if state.data is None:
        raise MissingResult(
            "The run completed but its result was not kept: turn on result persistence to read it in another process."
        )
    return await _load(state.data, retry_result_failure)


def data_discriminator(x: Any) -> str:
    """What the data of a state is: "ResultRecordMetadata", the record of a stored result, or "Any"."""
    return "ResultRecordMetadata" if isinstance(x, dict) and "storage_key" in x else "Any"


async def _load(data: Any, retry: bool) -> Any:
    """The value behind the data of a state."""
    if isinstance(data, InMemory):
        return data.value
    if isinstance(data, dict) and "storage_key" in data:
        return await _patiently(lambda: results.load_reference(data), retry)
    if not isinstance(data, type) and isinstance(data, Loadable):
        return await _patiently(data.aload, retry)
    return data


async def _patiently(load: Callable[[], Any], retry: bool) -> Any:
    attempts = RESULT_READ_MAXIMUM_ATTEMPTS if retry else 1
    while True:
        attempts -= 1
        try:
            return await load()
        except Exception:  # a storage that is slow to show a new file says so in its own way
            if attempts <= 0:
                raise
        await sleep(RESULT_READ_RETRY_DELAY)


_RUN_ERRORS: dict[StateType, tuple[type[Exception], str]] = {
    StateType.FAILED: (FailedRun, "The run failed."),
    StateType.CRASHED: (CrashedRun, "The run crashed."),
    StateType.CANCELLED: (CancelledRun, "The run was cancelled."),
}


async def aget_state_exception(state: State[Any], retry_result_failure: bool = True) -> BaseException:
    """The exception that a failed, crashed or cancelled run ended with.

    It is the state's data when that is an exception; the exception of the first failed, crashed or cancelled state
    when the data is a state or a collection of states; else a `FailedRun`, `CrashedRun` or `CancelledRun` with the
    text that the data or the message holds.

    Raises:
        ValueError: The state, or every state in its data, is of another type.
        TypeError: The data is something else.
    """
    if state.type not in _RUN_ERRORS:
        raise ValueError(f"Only a failed, crashed or cancelled state has an exception, and this is {state!r}.")
    kind, default = _RUN_ERRORS[state.type]
    data = await _load(state.data, retry_result_failure)
    if data is None:
        return kind(state.message or default)
    if isinstance(data, BaseException):
        return data
    if isinstance(data, str):
        return kind(data)
    if isinstance(data, State):
        return await aget_state_exception(cast("State[Any]", data), retry_result_failure)
    if is_state_iterable(data):
        for item in data:
            if item.type in _UNSUCCESSFUL:
                return await aget_state_exception(item, retry_result_failure)
        raise ValueError("A failed run returned only states that are neither failed, crashed nor cancelled.")
    raise TypeError(
        f"The data of a {_value(state.type)} state must be an exception, a text or states, not {type(data).__name__}: "
        f"{data!r}"
    )


get_state_exception = twin(aget_state_exception)


async def araise_state_exception(state: State[Any]) -> None:
    """Raise the exception of a failed, crashed or cancelled state; do nothing for any other."""
    if state.type in _UNSUCCESSFUL:
        raise await aget_state_exception(state)


raise_state_exception = twin(araise_state_exception)


def is_state_iterable(obj: Any) -> TypeGuard[Iterable[State[Any]]]:
    """Whether `obj` is a list, tuple or set that holds states and nothing else, and at least one."""
    return isinstance(obj, list | tuple | set) and bool(obj) and all(isinstance(item, State) for item in obj)


class StateGroup:
    """The states of several runs, counted."""

    def __init__(self, states: list[State[Any]]) -> None:
        self.states = states
        self.type_counts: Counter[StateType] = Counter(state.type for state in states)
        self.total_count = len(states)
        self.cancelled_count = self.type_counts[StateType.CANCELLED]
        self.final_count = sum(state.is_final() for state in states)
        self.not_final_count = self.total_count - self.final_count
        self.paused_count = self.type_counts[StateType.PAUSED]

    @property
    def fail_count(self) -> int:
        """How many failed or crashed."""
        return self.type_counts[StateType.FAILED] + self.type_counts[StateType.CRASHED]

    def all_completed(self) -> bool:
        """Whether every run ended well."""
        return self.type_counts[StateType.COMPLETED] == self.total_count

    def any_cancelled(self) -> bool:
        """Whether a run was cancelled."""
        return self.cancelled_count > 0

    def any_failed(self) -> bool:
        """Whether a run failed or crashed."""
        return self.fail_count > 0

    def any_paused(self) -> bool:
        """Whether a run is paused."""
        return self.paused_count > 0

    def all_final(self) -> bool:
        """Whether every run has come to its end."""
        return self.final_count == self.total_count

    def counts_message(self) -> str:
        """The counts as text, for example `total=3, not_final=1, 'COMPLETED'=2, 'RUNNING'=1`."""
        parts = [f"total={self.total_count}"]
        if self.not_final_count:
            parts.append(f"not_final={self.not_final_count}")
        parts += [f"{kind.value!r}={count}" for kind, count in self.type_counts.items() if count]
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"StateGroup<{self.counts_message()}>"
