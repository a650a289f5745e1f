"""Calls between sync and async code, for integrations and other programs.

This package itself writes I/O once and drives it (`prefect._io`); nothing in the path of a run may use what is here.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeGuard, TypeVar, TypeVarTuple, cast

from prefect import _forks, _io
from prefect._lazy import lazy_modules
from prefect._loop_thread import shared_loop_thread

if TYPE_CHECKING:
    import asyncio
    import inspect

    import anyio
    import anyio.from_thread
    import anyio.to_thread
else:
    anyio, asyncio, inspect = lazy_modules("anyio", "asyncio", "inspect")

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
PosArgsT = TypeVarTuple("PosArgsT")
Async = Literal[True]
Sync = Literal[False]

RUNNING_IN_RUN_SYNC_LOOP_FLAG: contextvars.ContextVar[bool] = contextvars.ContextVar("run_sync_loop", default=False)
RUNNING_ASYNC_FLAG: contextvars.ContextVar[bool] = contextvars.ContextVar("run_async", default=False)
BACKGROUND_TASKS: set[asyncio.Task[Any]] = set()
EVENT_LOOP_GC_REFS: dict[int, AsyncGenerator[None, Any]] = {}
background_task_lock: threading.Lock = _forks.create_lock()

_MAX_THREADS = 250


# --- what a function is ----------------------------------------------------------------------------------------------


def is_async_fn(func: Callable[P, R | Awaitable[R]]) -> TypeGuard[Callable[P, Coroutine[Any, Any, Any]]]:
    """Return whether a function, or what it wraps, is a coroutine function."""
    return inspect.iscoroutinefunction(inspect.unwrap(func))


def is_async_gen_fn(func: Callable[P, Any]) -> TypeGuard[Callable[P, AsyncGenerator[Any, Any]]]:
    """Return whether a function, or what it wraps, is an async generator function."""
    return inspect.isasyncgenfunction(inspect.unwrap(func))


# --- tasks -----------------------------------------------------------------------------------------------------------


def create_task(coroutine: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
    """Start a task and keep a reference to it until it is done, which the event loop does not."""
    task = asyncio.create_task(coroutine)
    with background_task_lock:
        BACKGROUND_TASKS.add(task)
    task.add_done_callback(_forget_task)
    return task


def _forget_task(task: asyncio.Task[Any]) -> None:
    with background_task_lock:
        BACKGROUND_TASKS.discard(task)


# --- async from sync -------------------------------------------------------------------------------------------------


def run_coro_as_sync(
    coroutine: Coroutine[Any, Any, R], *, force_new_thread: bool = False, wait_for_result: bool = True
) -> R | None:
    """Run a coroutine to its end from sync code, even if an event loop runs in this thread.

    Coroutines run on one event loop in a separate thread, so that their connections stay open from one to the next.

    Args:
        force_new_thread: Use a new event loop in a new thread instead.
        wait_for_result: Set to False to return None immediately while the coroutine continues.
    """
    if not inspect.iscoroutine(coroutine):
        raise TypeError(f"a coroutine was expected, not {coroutine!r}")
    if force_new_thread or threading.current_thread() is shared_loop_thread.thread:
        return _io.in_thread(functools.partial(_run_in_new_loop, coroutine))
    future = _mark_context().run(shared_loop_thread.submit, coroutine)
    if not wait_for_result:
        return None
    try:
        return future.result()
    except BaseException:  # an interrupt of this thread must not leave the coroutine running
        future.cancel()
        raise


def _mark_context() -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(lambda: RUNNING_IN_RUN_SYNC_LOOP_FLAG.set(True))
    return context


def _run_in_new_loop(coroutine: Coroutine[Any, Any, R]) -> R:
    RUNNING_IN_RUN_SYNC_LOOP_FLAG.set(True)
    return asyncio.run(coroutine)


def run_async_in_new_loop(__fn: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call an async function on a new event loop in this thread, which must not run one."""
    return anyio.run(cast("Callable[[], Awaitable[R]]", functools.partial(__fn, *args, **kwargs)))


def run_async_from_worker_thread(__fn: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call an async function on the event loop that `run_sync_in_worker_thread` called this thread from."""
    from anyio import from_thread

    return from_thread.run(cast("Callable[[], Coroutine[Any, Any, R]]", functools.partial(__fn, *args, **kwargs)))


def in_async_worker_thread() -> bool:
    """Return whether `run_sync_in_worker_thread` called this code."""
    from anyio import from_thread

    try:
        from_thread.check_cancelled()
    except RuntimeError:
        return False
    except BaseException:  # the caller was cancelled, so there is one
        return True
    return True


def in_async_main_thread() -> bool:
    """Return whether an event loop runs in this thread."""
    return _io.running_loop() is not None


def sync(__async_fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an async function from sync code: on the event loop that called this thread, else on a new one.

    Raises:
        RuntimeError: An event loop runs in this thread, which waiting here would stop.
    """
    if in_async_main_thread():
        raise RuntimeError("`sync` cannot wait in a thread that runs an event loop: await the function instead.")
    if in_async_worker_thread():
        return run_async_from_worker_thread(__async_fn, *args, **kwargs)
    return run_async_in_new_loop(__async_fn, *args, **kwargs)


def sync_compatible(async_fn: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R | Coroutine[Any, Any, R]]:
    """Make an async function callable from sync code, where it waits and returns the result.

    It decides as `async_dispatch` does: in an async run, and outside of runs under an event loop, it returns the
    coroutine. `_sync=True` or `False` in a call decides otherwise; the function itself is at `.aio`.
    """

    @functools.wraps(async_fn)
    def either(*args: Any, _sync: bool | None = None, **kwargs: Any) -> Any:
        coroutine = async_fn(*args, **kwargs)
        if _sync is False or (_sync is None and _wants_coroutine()):
            return coroutine
        return run_coro_as_sync(coroutine)

    if not is_async_fn(async_fn):
        raise TypeError("`sync_compatible` is for functions made by `async def`.")
    either.aio = async_fn  # pyright: ignore[reportAttributeAccessIssue]
    return either


def _wants_coroutine() -> bool:
    return RUNNING_ASYNC_FLAG.get() or _io.is_async_context()


# --- sync from async -------------------------------------------------------------------------------------------------

_limiters: dict[int, anyio.CapacityLimiter] = {}


def get_thread_limiter() -> anyio.CapacityLimiter:
    """Return the limiter of the threads of `run_sync_in_worker_thread` for the running event loop."""
    return _limiters.setdefault(id(asyncio.get_running_loop()), anyio.CapacityLimiter(_MAX_THREADS))


async def run_sync_in_worker_thread(__fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a sync function in a thread without blocking the event loop. Cancelling does not stop the thread."""
    from anyio import to_thread

    call = functools.partial(__fn, *args, **kwargs)
    result = await to_thread.run_sync(call_with_mark, call, abandon_on_cancel=True, limiter=get_thread_limiter())
    return cast("R", result)


def call_with_mark(call: Callable[..., R]) -> R:
    """Make a call in a thread that is marked as a worker, so that dual functions in it are sync."""
    mark_as_worker_thread()
    return call()


def mark_as_worker_thread() -> None:
    """Mark this thread as a worker of an event loop in another thread."""
    RUNNING_ASYNC_FLAG.set(False)


# --- contexts --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def asyncnullcontext(value: R | None = None, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, R | None]:
    """Yield `value`, as an async context manager that does nothing else."""
    yield value


class LazySemaphore:
    """A semaphore whose value is determined at the first use.

    Args:
        initial_value_func: Returns the maximum number of simultaneous holders.
    """

    def __init__(self, initial_value_func: Callable[[], int]) -> None:
        self._initial_value_func = initial_value_func
        self._semaphore: asyncio.Semaphore | None = None

    async def __aenter__(self) -> asyncio.Semaphore:
        if self._semaphore is None:
            self._semaphore = asyncio.Semaphore(self._initial_value_func())
        await self._semaphore.__aenter__()
        return self._semaphore

    async def __aexit__(self, *args: Any) -> None:
        assert self._semaphore is not None
        await self._semaphore.__aexit__(*args)


async def add_event_loop_shutdown_callback(coroutine_fn: Callable[[], Awaitable[Any]]) -> None:
    """Call an async function when the running event loop shuts down, as `asyncio.run` does at its end."""

    async def on_shutdown() -> AsyncGenerator[None, Any]:
        key = id(asyncio.get_running_loop())
        try:
            yield
        finally:  # closing its async generators is the last thing a loop does
            await coroutine_fn()
            EVENT_LOOP_GC_REFS.pop(key, None)

    generator = on_shutdown()
    EVENT_LOOP_GC_REFS[id(asyncio.get_running_loop())] = generator
    await anext(generator)
