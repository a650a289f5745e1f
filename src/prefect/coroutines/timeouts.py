"""Timeouts of sync and async code.

What is interrupted raises at its next step in Python; a call that blocks inside C code, such as a system call, is
interrupted in the main thread only. The time-outs of flows and tasks are the engine's and do not depend on this.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy

if TYPE_CHECKING:
    import anyio
else:
    anyio = lazy("anyio")


def fail_if_not_timeout_error(timeout_exc_type: type[Exception]) -> None:
    """Raise an error for an exception type that handlers of timeouts would not catch.

    Raises:
        ValueError: It is not a kind of `TimeoutError`.
    """
    if not issubclass(timeout_exc_type, TimeoutError):
        raise ValueError("The `timeout_exc_type` argument must be a subclass of `TimeoutError`.")


def _message(seconds: float) -> str:
    return f"Scope timed out after {seconds} second(s)."


@contextmanager
def timeout_async(
    seconds: float | None = None, timeout_exc_type: type[TimeoutError] = TimeoutError
) -> Generator[Any, None, None]:
    """Cancel the async code of the block after a timeout.

    Args:
        seconds: How long it may take; None means for ever.
        timeout_exc_type: What to raise.
    """
    fail_if_not_timeout_error(timeout_exc_type)
    if seconds is None:
        yield
        return
    try:
        with anyio.fail_after(seconds) as scope:
            yield scope
    except TimeoutError as error:
        raise timeout_exc_type(_message(seconds)) from error


@contextmanager
def timeout(
    seconds: float | None = None, timeout_exc_type: type[TimeoutError] = TimeoutError
) -> Generator[None, None, None]:
    """Interrupt the sync code of the block after a timeout.

    Args:
        seconds: How long it may take; None and 0 mean for ever.
        timeout_exc_type: What to raise.
    """
    fail_if_not_timeout_error(timeout_exc_type)
    if not seconds:
        yield
        return
    in_main = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    scope = _by_alarm if in_main else _by_watcher
    try:
        with scope(seconds):
            yield
    except _Interrupted as error:
        raise timeout_exc_type(_message(seconds)) from error


class _Interrupted(BaseException):
    """Interrupts the block. It is not an Exception, so that the code does not catch it by accident."""


@contextmanager
def _by_alarm(seconds: float) -> Generator[None, None, None]:
    def interrupt(*_: Any) -> None:
        raise _Interrupted

    handler = signal.signal(signal.SIGALRM, interrupt)
    outer, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer:  # restore the outer alarm
            signal.setitimer(signal.ITIMER_REAL, max(outer - (seconds - left), 0.001), interval)


@contextmanager
def _by_watcher(seconds: float) -> Generator[None, None, None]:
    thread, lock = threading.get_ident(), threading.Lock()
    done = False

    def interrupt() -> None:
        with lock:
            if not done:
                _raise_in(thread, _Interrupted)

    watcher = threading.Timer(seconds, interrupt)
    watcher.daemon = True
    watcher.start()
    try:
        yield
    finally:
        watcher.cancel()
        with lock:
            done = True


def _raise_in(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_long(thread), ctypes.py_object(error))
