"""Time limits for user code.

A sync call with a limit runs in a separate thread, with the caller's context. At the deadline the caller gets the
error, and an exception is raised in the thread, which ends it as soon as it runs Python code again. A blocking call
into C continues until it returns; its result is dropped.
"""

from __future__ import annotations

import contextvars
import ctypes
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from prefect._lazy import lazy_modules

if TYPE_CHECKING:
    import asyncio

    from prefect.logging import loggers
else:
    asyncio, loggers = lazy_modules("asyncio", "prefect.logging.loggers")

R = TypeVar("R")

BLOCKED_LOOP_SECONDS = 0.1
"""How long after the timeout a coroutine may end without a warning: other code may have kept the event loop busy."""


class TaskRunTimeoutError(TimeoutError):
    """A task run exceeded its timeout."""


class FlowRunTimeoutError(TimeoutError):
    """A flow run exceeded its timeout."""


class _Abandoned(BaseException):
    """Raised in a thread whose caller no longer waits."""


def call_with_timeout(fn: Callable[[], R], seconds: float, make_error: Callable[[], BaseException]) -> R:
    """Call `fn` and return its value; raise `make_error()` when it takes longer than `seconds`."""
    finished = threading.Event()
    box: dict[str, Any] = {}
    context = contextvars.copy_context()

    def body() -> None:
        try:
            box["value"] = context.run(fn)
        except BaseException as error:
            box["error"] = error
        finally:
            finished.set()

    thread = threading.Thread(target=body, name="prefect-deadline", daemon=True)
    thread.start()
    try:
        in_time = finished.wait(seconds)
    except BaseException:
        _interrupt(thread)
        raise
    if not in_time:
        _interrupt(thread)
        raise make_error()
    if "error" in box:
        raise box["error"]
    return box["value"]


def _interrupt(thread: threading.Thread) -> None:
    if thread.is_alive() and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Abandoned))


async def await_with_timeout(
    coroutine: Coroutine[Any, Any, R], seconds: float, make_error: Callable[[], BaseException]
) -> R:
    """Await `coroutine`; when it takes longer than `seconds`, cancel it and raise `make_error()`.

    One that blocks the event loop cannot be cancelled meanwhile: if it has ended by then, a warning is logged.
    """
    task, start = asyncio.ensure_future(coroutine), time.monotonic()
    try:
        await asyncio.wait({task}, timeout=seconds)
    except BaseException as error:
        task.cancel()
        if isinstance(error, asyncio.CancelledError):
            # As with a coroutine that is awaited: it has ended before its caller continues.
            await asyncio.wait({task}, timeout=seconds - (time.monotonic() - start))
        task.add_done_callback(_consume_outcome)
        raise
    if task.done():
        elapsed = time.monotonic() - start
        if elapsed > seconds + BLOCKED_LOOP_SECONDS:
            loggers.get_run_logger().warning(
                "The code took %.1f seconds, longer than its timeout of %g seconds. It could not be stopped, because "
                "it blocks the event loop: await what takes long, or call it with `asyncio.to_thread`.",
                elapsed,
                seconds,
            )
        return task.result()
    task.cancel()
    # One turn of the loop lets a well-behaved coroutine clean up; one that ignores the cancellation is left behind.
    await asyncio.sleep(0)
    task.add_done_callback(_consume_outcome)
    raise make_error()


def _consume_outcome(task: asyncio.Task[Any]) -> None:
    """Retrieve the outcome, so that asyncio does not warn about it."""
    if not task.cancelled():
        task.exception()
