"""Exceptions that end a run: how messages show them, and which of them are crashes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from prefect.exceptions import Abort, Pause, TerminationSignal

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.schemas.states import State


def describe_error(error: BaseException) -> str:
    """Return the exception's type and text. The text is made by user code, which may raise."""
    try:
        text = str(error)
    except Exception:
        text = "<its text cannot be shown>"
    return f"{type(error).__name__}: {text}"


def is_crash(error: BaseException) -> bool:
    """Return whether an exception interrupts the process or the asyncio task, and is not a failure of user code."""
    if isinstance(error, (Abort, Pause)):
        return False
    return not isinstance(error, Exception) or isinstance(error, TerminationSignal)


def find_paused_state(signal: Pause, run_id: UUID) -> State[Any] | None:
    """Return the state that a signal to pause is about, if it is one of this flow run."""
    state: State[Any] | None = signal.state
    is_own = state is not None and state.is_paused() and state.state_details.flow_run_id == run_id
    return state if is_own else None


def is_cancellation(error: BaseException) -> bool:
    """Return whether an exception cancels an asyncio task. Does not import asyncio: without it there is none."""
    exceptions = sys.modules.get("asyncio.exceptions")
    return exceptions is not None and isinstance(error, exceptions.CancelledError)


def crash_message(error: BaseException) -> str:
    """Return the message of the crashed state for the exception that ended a run."""
    if is_cancellation(error):
        return "Execution was cancelled by the runtime environment."
    if isinstance(error, KeyboardInterrupt):
        return "Execution was aborted by an interrupt signal."
    if isinstance(error, TerminationSignal):
        return "Execution was aborted by a termination signal."
    if isinstance(error, SystemExit):
        return "Execution was aborted by Python system exit call."
    if isinstance(error, (Abort, Pause)):
        return f"Execution was aborted: {error}"
    return f"Execution was interrupted by an unexpected exception: {describe_error(error)}"
