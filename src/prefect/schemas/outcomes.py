"""Results and exceptions of states, and counts of several states.

Separate from the states because most of a run does not need it. Stored results are loaded through `prefect.results`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, cast

from prefect._io import sleep, twin
from prefect.exceptions import (
    CancelledRun,
    CrashedRun,
    FailedRun,
    MissingResult,
    PausedRun,
    SerializationError,
    UnfinishedRun,
)
from prefect.schemas import providers
from prefect.schemas.states import TERMINAL_STATES, InMemory, Loadable, R, State, StateType

RESULT_READ_MAXIMUM_ATTEMPTS = 10
RESULT_READ_RETRY_DELAY = 0.25
"""Seconds between two attempts to read a stored result."""

_UNSUCCESSFUL = frozenset({StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})


async def get_state_result(
    state: State[R], raise_on_failure: bool = True, retry_result_failure: bool = True
) -> R | Exception:
    """Return the value of a run in this state, or its exception; see `State.aresult`."""
    if state.type is StateType.PAUSED:
        raise PausedRun("The run is paused, so it has no result yet.", state=state)
    if state.type not in TERMINAL_STATES:
        if state.name == "NotReady" and state.message:
            raise UnfinishedRun(state.message)
        raise UnfinishedRun(f"The run is in state {state.type.value}, so it has no result yet.")
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


async def _load(data: Any, retry: bool) -> Any:
    """Return the value behind the data of a state."""
    if isinstance(data, InMemory):
        return data.value
    if isinstance(data, dict) and "storage_key" in data:
        return await _load_with_retries(lambda: providers.results.load_reference(data), retry)
    if not isinstance(data, type) and isinstance(data, Loadable):
        return await _load_with_retries(data.aload, retry)
    return cast("Any", data)


async def _load_with_retries(load: Callable[[], Any], retry: bool) -> Any:
    attempts = RESULT_READ_MAXIMUM_ATTEMPTS if retry else 1
    while True:
        attempts -= 1
        try:
            return await load()
        except SerializationError:  # the file is there and damaged: it will not get better
            raise
        except Exception:  # each storage raises its own exception for a file that is not visible yet
            if attempts <= 0:
                raise
        await sleep(RESULT_READ_RETRY_DELAY)


_RUN_ERRORS: dict[StateType, tuple[type[Exception], str]] = {
    StateType.FAILED: (FailedRun, "The run failed."),
    StateType.CRASHED: (CrashedRun, "The run crashed."),
    StateType.CANCELLED: (CancelledRun, "The run was cancelled."),
}


async def aget_state_exception(state: State[Any], retry_result_failure: bool = True) -> BaseException:
    """Return the exception that a failed, crashed or cancelled run ended with.

    It is the state's data when that is an exception; the exception of the first failed, crashed or cancelled state
    when the data is a state or a collection of states, else an exception with the message of one that is not final;
    else a `FailedRun`, `CrashedRun` or `CancelledRun` with the text that the data or the message holds.

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
    if isinstance(data, State) or is_state_iterable(data):
        states: list[State[Any]] = [data] if isinstance(data, State) else list(data)
        for item in states:
            if item.type in _UNSUCCESSFUL:
                return await aget_state_exception(item, retry_result_failure)
        for item in states:
            if not item.is_final():  # it never ran, and its message says why
                return kind(item.message or f"A run that it waited for did not end: its state is {item}.")
        raise ValueError("A failed run returned only states that are neither failed, crashed nor cancelled.")
    raise TypeError(
        f"The data of a {state.type.value} state must be an exception, a text or states, not {type(data).__name__}: "
        f"{data!r}"
    )


get_state_exception = twin(aget_state_exception)


async def araise_state_exception(state: State[Any]) -> None:
    """Raise the exception of a failed, crashed or cancelled state; do nothing for any other."""
    if state.type in _UNSUCCESSFUL:
        raise await aget_state_exception(state)


raise_state_exception = twin(araise_state_exception)


def is_state_iterable(obj: Any) -> TypeGuard[Iterable[State[Any]]]:
    """Return whether `obj` is a list, tuple or set that holds states and nothing else, and at least one."""
    if not obj or not isinstance(obj, list | tuple | set):
        return False
    return all(isinstance(item, State) for item in cast("Iterable[Any]", obj))


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
        """Return the number of failed and crashed runs."""
        return self.type_counts[StateType.FAILED] + self.type_counts[StateType.CRASHED]

    def all_completed(self) -> bool:
        """Return whether every run completed."""
        return self.type_counts[StateType.COMPLETED] == self.total_count

    def any_cancelled(self) -> bool:
        """Return whether a run was cancelled."""
        return self.cancelled_count > 0

    def any_failed(self) -> bool:
        """Return whether a run failed or crashed."""
        return self.fail_count > 0

    def any_paused(self) -> bool:
        """Return whether a run is paused."""
        return self.paused_count > 0

    def all_final(self) -> bool:
        """Return whether every state is terminal."""
        return self.final_count == self.total_count

    def counts_message(self) -> str:
        """Return the counts as text, for example `total=3, not_final=1, 'COMPLETED'=2, 'RUNNING'=1`."""
        parts = [f"total={self.total_count}"]
        if self.not_final_count:
            parts.append(f"not_final={self.not_final_count}")
        parts += [f"{kind.value!r}={count}" for kind, count in self.type_counts.items() if count]
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"StateGroup<{self.counts_message()}>"
