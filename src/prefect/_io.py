"""I/O primitives that block when driven and await otherwise.

All higher code is written once, as `async def`. Driven by `drive`, a coroutine runs to its end in the caller's thread
with no event loop, because none of its awaits truly suspends; awaited, the same coroutine yields to the event loop.
No other module may call `time.sleep`, `asyncio.sleep` or wait on a lock inside a coroutine.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from prefect._lazy import lazy_modules

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures
    import inspect
else:
    asyncio, inspect = lazy_modules("asyncio", "inspect")

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


class _Mode(threading.local):
    driving = False


_mode = _Mode()


def is_driven() -> bool:
    """Return whether the current thread is inside `drive`, so that primitives must block rather than await."""
    return _mode.driving


def drive(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never truly suspends to its end, in this thread, with no event loop.

    Raises:
        RuntimeError: The coroutine suspended, which means some I/O bypassed this module.
    """
    previous = _mode.driving
    _mode.driving = True
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        _mode.driving = previous
    coroutine.close()
    raise RuntimeError(f"{coroutine.__qualname__} suspended while driven: some I/O bypassed prefect._io")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop running in this thread, or None. Does not import asyncio: without it no loop can run."""
    events = sys.modules.get("asyncio.events")
    return events._get_running_loop() if events else None


def _find_no_run() -> bool | None:
    return None


_is_run_async: Callable[[], bool | None] = _find_no_run


def bind_run_lookup(is_run_async: Callable[[], bool | None]) -> None:
    """Bind the function that says whether the run one is in has an async function; None outside of a run.

    Runs are known higher up: `prefect.context` calls this when it is imported, and without it there are no runs.
    """
    global _is_run_async
    _is_run_async = is_run_async


def is_async_context() -> bool:
    """Return whether a dual function must return an awaitable here.

    Inside a run its function decides, wherever in it the call is made; outside of one, whether an event loop runs in
    this thread.
    """
    is_run_async = _is_run_async()
    return running_loop() is not None if is_run_async is None else is_run_async


class twin(Generic[P, R]):
    """Return the dual form of an async function, for sync and async callers: `read = twin(aread)`.

    In a sync context it drives the coroutine and returns its value, in an async one it returns the coroutine (see
    `is_async_context`), so that both `Block.load(x)` and `await Block.load(x)` work as users write them. `_sync=True`
    or `_sync=False` decides for one call. The async original is at `.aio`.
    """

    def __init__(self, afn: Callable[P, Coroutine[Any, Any, R]]) -> None:
        self.aio = afn
        functools.update_wrapper(self, afn)
        self.__name__ = afn.__name__[1:] if afn.__name__.startswith("a") else afn.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        sync = kwargs.pop("_sync", None)
        if sync is None:
            sync = _mode.driving or not is_async_context()
        coroutine = self.aio(*args, **kwargs)
        return drive(coroutine) if sync else coroutine  # pyright: ignore[reportReturnType]  # awaitable by context

    @overload
    def __get__(self, obj: None, owner: Any = None) -> twin[P, R]: ...
    @overload
    def __get__(self: twin[Concatenate[S, Q], R], obj: S, owner: Any = None) -> Callable[Q, R]: ...
    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return self if obj is None else _Bound(self, obj)


class class_twin(Generic[P, R]):
    """Return the dual form of an async class method: `load = class_twin(aload)`, below `@classmethod` of `aload`."""

    def __init__(self, afn: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> None:
        method: Any = afn  # a class method, which type checkers show as its function
        self.twin: twin[Any, R] = twin(method.__func__)

    def __get__(self, obj: Any, owner: Any = None) -> Callable[P, R]:
        return _Bound(self.twin, owner if obj is None else type(obj))


class _Bound:
    """A twin bound to an object or class."""

    __slots__ = ("_obj", "_twin")

    def __init__(self, twin_: twin[Any, Any], obj: Any) -> None:
        self._twin = twin_
        self._obj = obj

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._twin(self._obj, *args, **kwargs)

    def aio(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """Call the async original. The object may be passed too, as programs do that are written for functions."""
        if args and args[0] is self._obj:
            args = args[1:]
        return self._twin.aio(self._obj, *args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(MethodType(self._twin.aio, self._obj))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin, name)


async def sleep(seconds: float) -> None:
    """Pause for `seconds`; return immediately for 0 or less."""
    if seconds <= 0:
        return
    if _mode.driving:
        time.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


async def wait(future: concurrent.futures.Future[R], timeout: float | None = None) -> R:
    """Wait for a concurrent future and return its result.

    Raises:
        TimeoutError: It was not done within `timeout` seconds. The future is not cancelled.
    """
    if _mode.driving:
        return future.result(timeout)
    return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), timeout)


_calls_in_place = False


def call_in_place() -> None:
    """Have `blocking` start no thread from now on, because the interpreter exits and cannot."""
    global _calls_in_place
    _calls_in_place = True


async def blocking(fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that blocks (a file, a lock, a database): in place when driven, in a worker thread when not."""
    if _mode.driving or _calls_in_place:
        return fn(*args, **kwargs)
    return await asyncio.to_thread(fn, *args, **kwargs)


async def shield(coroutine: Coroutine[Any, Any, R]) -> R:
    """Await a coroutine to its end, also if the awaiting task is cancelled meanwhile; the cancellation is raised then.

    `asyncio.shield` would return immediately, and an anyio scope repeats the cancellation at each await.
    """
    if _mode.driving:
        return await coroutine
    task = asyncio.ensure_future(coroutine)
    cancelled: BaseException | None = None
    with _anyio_shield():
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None and (task.cancelled() or task.exception() is None):
        raise cancelled
    return task.result()


def _anyio_shield() -> AbstractContextManager[Any]:
    """Return a shielded scope, which keeps anyio from cancelling in a busy loop; nothing if anyio is not imported."""
    anyio = sys.modules.get("anyio")
    return anyio.CancelScope(shield=True) if anyio is not None else nullcontext()


async def resolve_outcome(outcome: R | Awaitable[R]) -> R:
    """Return the outcome of a library with sync and async clients, awaiting it if the async client was called."""
    # Which of the two it is follows from the mode, which a type cannot say.
    result: Any = outcome
    return result if _mode.driving else await result


class user_code:
    """Suspend driving inside the block, because user code may run an event loop."""

    __slots__ = ("_previous",)

    def __enter__(self) -> None:
        self._previous = _mode.driving
        _mode.driving = False

    def __exit__(self, *_: object) -> None:
        _mode.driving = self._previous


async def call_user(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a user function that may be sync or async (a hook, a condition, a serializer).

    Sync functions run in place. An async one is awaited under the running loop, or, when driven, on a fresh event
    loop: in this thread where none runs, else in a new thread.
    """
    with user_code():
        outcome = fn(*args, **kwargs)
    if not inspect.isawaitable(outcome):
        return outcome
    if not _mode.driving:
        return await outcome
    return _run_to_end(outcome)


def _run_to_end(awaitable: Awaitable[R]) -> R:
    async def consume() -> R:
        return await awaitable

    def run() -> R:
        with user_code():
            return asyncio.run(consume())

    if running_loop() is None:
        return run()
    return in_thread(run)


def in_thread(fn: Callable[[], R]) -> R:
    """Run `fn` in a new thread with a copy of this thread's context, and return its result or raise its exception."""
    import contextvars

    outcome: list[R] = []
    errors: list[BaseException] = []
    context = contextvars.copy_context()

    def body() -> None:
        try:
            outcome.append(context.run(fn))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=body, name="prefect-call", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]
