"""Public import path of states: their constructors, their results, and states made from values and exceptions.

The states themselves, their constructors and their results live in `prefect.schemas`. This module defines the functions
that programs call to turn a value or an exception into a state outside of a run.
"""

from __future__ import annotations

import sys
import traceback
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_from
from prefect.exceptions import SerializationError
from prefect.schemas.outcomes import (
    RESULT_READ_MAXIMUM_ATTEMPTS,
    RESULT_READ_RETRY_DELAY,
    StateGroup,
    aget_state_exception,
    araise_state_exception,
    get_state_exception,
    get_state_result,
    is_state_iterable,
    raise_state_exception,
)
from prefect.schemas.states import (
    AwaitingConcurrencySlot,
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    InfrastructurePending,
    InMemory,
    Late,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    State,
    StateDetails,
    StateType,
    Submitting,
    Suspended,
)

if TYPE_CHECKING:
    from prefect import results
    from prefect.engine import failures
    from prefect.engine.dataflow import outcomes
    from prefect.logging import loggers
    from prefect.schemas import actions
else:
    actions, loggers, results = lazy_from("prefect", "schemas.actions", "logging.loggers", "results")
    failures, outcomes = lazy_from("prefect.engine", "failures", "dataflow.outcomes")

__all__ = [
    "RESULT_READ_MAXIMUM_ATTEMPTS",
    "RESULT_READ_RETRY_DELAY",
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Cancelled",
    "Cancelling",
    "Completed",
    "Crashed",
    "Failed",
    "InfrastructurePending",
    "Late",
    "Paused",
    "Pending",
    "Retrying",
    "Running",
    "Scheduled",
    "State",
    "StateDetails",
    "StateGroup",
    "StateType",
    "Submitting",
    "Suspended",
    "aget_state_exception",
    "araise_state_exception",
    "exception_to_crashed_state",
    "exception_to_failed_state",
    "format_exception",
    "get_state_exception",
    "get_state_result",
    "is_state_iterable",
    "raise_state_exception",
    "return_value_to_state",
    "to_state_create",
]


async def return_value_to_state(
    retval: Any,
    result_store: results.ResultStore,
    key: str | None = None,
    expiration: datetime | None = None,
    write_result: bool = False,
) -> State[Any]:
    """Return the final state of a run that returned this value.

    A state is the run's state; a list, tuple or set of states decides by the worst of them; with anything else the run
    completed.

    Args:
        retval: What the run returned.
        result_store: Makes the record of the value that the state holds.
        key: The record's key; a new unique key by default.
        expiration: After this time the result is no longer used from a cache.
        write_result: Whether the record is written.

    Raises:
        SerializationError: The value is to be written and cannot be.
    """
    state = (await outcomes.state_from_return(retval, StateDetails())).state
    data = state.data
    if isinstance(data, results.ResultRecord | results.ResultRecordMetadata):
        return state
    value = data.value if isinstance(data, InMemory) else data
    record = result_store.create_result_record(value, key=key, expiration=expiration)
    if write_result:
        await result_store.apersist_result_record(record)
    return state.model_copy(update={"data": record})


async def exception_to_failed_state(
    exc: BaseException | None = None,
    result_store: results.ResultStore | None = None,
    write_result: bool = False,
    **kwargs: Any,
) -> State[BaseException]:
    """Return a failed state that holds an exception.

    Args:
        exc: The exception; by default the one that is being handled.
        result_store: Makes a record of the exception, which the state holds then.
        write_result: Whether the record is written. An exception that cannot be written stays in memory.
        **kwargs: More of the state's fields; the exception's text is added to `message`.

    Raises:
        ValueError: There is no exception.
    """
    exc = exc if exc is not None else sys.exc_info()[1]
    if exc is None:
        raise ValueError("There is no exception to make a failed state of: pass one, or call this while handling one.")
    prefix = kwargs.pop("message", None)
    text = format_exception(exc)
    data = await _exception_data(exc, result_store, write_result)
    return Failed(message=f"{prefix} {text}" if prefix else text, data=data, **kwargs)


async def exception_to_crashed_state(exc: BaseException, result_store: results.ResultStore | None = None) -> State[Any]:
    """Return a crashed state whose message names the exception that ended the run.

    Args:
        exc: The exception that ended the run.
        result_store: Makes a result record of the exception, which becomes the state's data.
    """
    return Crashed(message=failures.crash_message(exc), data=await _exception_data(exc, result_store, write=False))


async def _exception_data(exc: BaseException, store: results.ResultStore | None, write: bool) -> Any:
    if store is None:
        return InMemory(exc)
    record = store.create_result_record(exc)
    if write:
        try:
            await store.apersist_result_record(record)
        except SerializationError as error:
            loggers.get_logger("states").warning("The exception of a failed run is not persisted. %s", error)
            return InMemory(exc)
    return record


def format_exception(exc: BaseException, tb: TracebackType | None = None) -> str:
    """Return an exception as text, with its traceback if `tb` is not None, without a newline at the end."""
    return "".join(traceback.format_exception(type(exc), exc, tb)).rstrip("\n")


def to_state_create(state: State[Any]) -> actions.StateCreate:
    """Return what is sent to the API to propose a state. A value that lives only in this process stays here."""
    data = state.data
    metadata = data.metadata if isinstance(data, results.ResultRecord) else data
    stored = isinstance(metadata, results.ResultRecordMetadata) or (
        isinstance(metadata, dict) and "storage_key" in metadata
    )
    return actions.StateCreate(
        type=state.type,
        name=state.name,
        message=state.message,
        state_details=state.state_details,
        data=metadata if stored else None,
    )
