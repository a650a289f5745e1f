"""Call functions in other threads or on the shared event loop, for other people's packages.

This package itself writes I/O once and drives it (`prefect._io`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, cast

from prefect._loop_thread import shared_loop_thread

__all__ = ["Call", "create_call", "from_async", "from_sync"]

P = ParamSpec("P")
T = TypeVar("T")


class Call(Generic[T]):
    """A function with its arguments, to be called once, and the future of its result.

    Attributes:
        future: The result or the exception; done once the call has ended.
        timeout: How many seconds a caller waits for the result; None waits without end.
    """

    def __init__(
        self, fn: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs or {}
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.timeout: Timeout = None
        self._context = contextvars.copy_context()
        self._running: concurrent.futures.Future[Any] | None = None

    def set_timeout(self, timeout: Timeout = None) -> None:
        """Set how many seconds a caller waits for the result."""
        self.timeout = timeout

    def result(self, timeout: Timeout = None) -> T:
        """Wait for the result.

        Raises:
            TimeoutError: The call did not end in time; it is cancelled.
        """
        limit = self.timeout if timeout is None else timeout
        try:
            return self.future.result(limit)
        except concurrent.futures.TimeoutError:
            if not self.future.done():
                self.cancel()
            raise

    async def aresult(self) -> T:
        """Wait for the result without blocking the event loop."""
        return await asyncio.wait_for(asyncio.wrap_future(self.future), self.timeout)

    def cancel(self) -> bool:
        """Cancel the call if it has not started, or where it awaits. A function in a thread continues."""
        if self._running is not None:
            self._running.cancel()
        return self.future.cancel()

    def cancelled(self) -> bool:
        """Return whether the call was cancelled."""
        return self.future.cancelled()

    def run_on_shared_loop(self) -> None:
        """Start the call on the event loop that the sync code of this process shares."""
        if self.future.set_running_or_notify_cancel():
            self._running = self._context.run(shared_loop_thread.submit, self._await())
            self._running.add_done_callback(self._settle)

    def run_in_new_thread(self) -> None:
        """Start the call in a new thread; a coroutine function runs in an event loop of that thread."""
        if self.future.set_running_or_notify_cancel():
            name = f"prefect-call-{getattr(self.fn, '__name__', 'function')}"
            threading.Thread(target=self._context.run, args=(self._call_here,), name=name, daemon=True).start()

    async def _await(self) -> T:
        result = self.fn(*self.args, **self.kwargs)
        return await result if inspect.isawaitable(result) else result

    def _call_here(self) -> None:
        try:
            result = self.fn(*self.args, **self.kwargs)
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(cast("T", result))

    def _settle(self, done: concurrent.futures.Future[Any]) -> None:
        if done.cancelled():
            self.future.set_exception(concurrent.futures.CancelledError())
        elif (error := done.exception()) is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(done.result())


def create_call(__fn: Callable[P, T | Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> Call[T]:
    """Return a call of a function, sync or async, that has not started."""
    return Call(__fn, args, kwargs)


def _as_call(call: Callable[[], Any] | Call[T], timeout: float | None) -> Call[T]:
    made: Call[T] = call if isinstance(call, Call) else Call(call)
    if timeout is not None:
        made.set_timeout(timeout)
    return made


def _after(call: Call[T], then: Iterable[Call[Any]] | None) -> None:
    """Start other calls, each in a thread, once a call has ended."""
    for other in then or ():
        call.future.add_done_callback(functools.partial(_start, other))


def _start(call: Call[Any], _: Any) -> None:
    call.run_in_new_thread()


Callee: TypeAlias = Callable[[], Any] | Call[T]
Timeout: TypeAlias = "float | None"
Calls: TypeAlias = "Iterable[Call[Any]] | None"
Contexts: TypeAlias = "Iterable[contextlib.AbstractContextManager[Any]] | None"


class _Starting:
    """Starting a call without waiting for it, for sync and async code."""

    @staticmethod
    def call_soon_in_loop_thread(__call: Callee[T], timeout: Timeout = None) -> Call[T]:
        """Start a call on the shared event loop."""
        call = _as_call(__call, timeout)
        call.run_on_shared_loop()
        return call

    @staticmethod
    def call_soon_in_new_thread(__call: Callee[T], timeout: Timeout = None) -> Call[T]:
        """Start a call in a new thread."""
        call = _as_call(__call, timeout)
        call.run_in_new_thread()
        return call


class from_sync(_Starting):
    """Calls from sync code, which waits for them in its thread."""

    @staticmethod
    def call_in_loop_thread(__call: Callee[T], timeout: Timeout = None) -> T:
        """Call a function on the shared event loop and return its result."""
        return from_sync.call_soon_in_loop_thread(__call, timeout).result()

    @staticmethod
    def call_in_new_thread(__call: Callee[T], timeout: Timeout = None) -> T:
        """Call a function in a new thread and return its result."""
        return from_sync.call_soon_in_new_thread(__call, timeout).result()

    @staticmethod
    def wait_for_call_in_loop_thread(
        __call: Callee[T], timeout: Timeout = None, done_callbacks: Calls = None, contexts: Contexts = None
    ) -> T:
        """Call a function on the shared event loop, inside of contexts, and return its result."""
        with _prepared(__call, timeout, done_callbacks, contexts) as call:
            return from_sync.call_in_loop_thread(call)

    @staticmethod
    def wait_for_call_in_new_thread(__call: Callee[T], timeout: Timeout = None, done_callbacks: Calls = None) -> T:
        """Call a function in a new thread and return its result."""
        call = _as_call(__call, timeout)
        _after(call, done_callbacks)
        return from_sync.call_in_new_thread(call)


class from_async(_Starting):
    """Calls from async code, which awaits them."""

    @staticmethod
    async def call_in_loop_thread(__call: Callee[T], timeout: Timeout = None) -> T:
        """Call a function on the shared event loop and return its result."""
        return await from_async.call_soon_in_loop_thread(__call, timeout).aresult()

    @staticmethod
    async def call_in_new_thread(__call: Callee[T], timeout: Timeout = None) -> T:
        """Call a function in a new thread and return its result."""
        return await from_async.call_soon_in_new_thread(__call, timeout).aresult()

    @staticmethod
    async def wait_for_call_in_loop_thread(
        __call: Callee[T], timeout: Timeout = None, done_callbacks: Calls = None, contexts: Contexts = None
    ) -> T:
        """Call a function on the shared event loop, inside of contexts, and return its result."""
        with _prepared(__call, timeout, done_callbacks, contexts) as call:
            return await from_async.call_in_loop_thread(call)

    @staticmethod
    async def wait_for_call_in_new_thread(
        __call: Callee[T], timeout: Timeout = None, done_callbacks: Calls = None
    ) -> T:
        """Call a function in a new thread and return its result."""
        call = _as_call(__call, timeout)
        _after(call, done_callbacks)
        return await from_async.call_in_new_thread(call)


@contextlib.contextmanager
def _prepared(__call: Callee[T], timeout: Timeout, done_callbacks: Calls, contexts: Contexts) -> Generator[Call[T]]:
    """Make a call with what follows it, and enter the contexts around it."""
    call = _as_call(__call, timeout)
    _after(call, done_callbacks)
    with contextlib.ExitStack() as stack:
        for context in contexts or ():
            stack.enter_context(context)
        yield call
