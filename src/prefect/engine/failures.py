"""Exceptions that end a run: how messages show them, and which of them are crashes."""

from __future__ import annotations

import sys

from prefect.exceptions import Abort, Pause, TerminationSignal


def describe_error(error: BaseException) -> str:
    """Return the exception's type and text. The text is made by user code, which may raise."""
    try:
        text = str(error)
    except Exception:
        text = "<its text cannot be shown>"
    return f"{type(error).__name__}: {text}"


def is_crash(error: BaseException) -> bool:
    """Return whether an exception interrupts the process or the event loop's task, and is no failure of user code."""
    if isinstance(error, (Abort, Pause)):
        return False
    return not isinstance(error, Exception) or isinstance(error, TerminationSignal)


def crash_message(error: BaseException) -> str:
    """Return the message of the crashed state for the exception that ended a run."""
    cancelled = sys.modules.get("asyncio.exceptions")
    if cancelled is not None and isinstance(error, cancelled.CancelledError):
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
