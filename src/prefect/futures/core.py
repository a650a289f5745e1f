"""Futures: handles on runs whose results are pending.

A future is resolved once, by the task runner. Waiting registers a callback and blocks on an event, so a future without
a waiter costs two hundred bytes.
"""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from uuid import UUID

from prefect._io import drive
from prefect._lazy import lazy_from
from prefect.futures.slots import BlockedOn, check_timeout, lock

if TYPE_CHECKING:
    import concurrent.futures

    from prefect.logging import loggers
    from prefect.schemas import states
    from prefect.schemas.states import State
else:
    loggers, states = lazy_from("prefect", "logging.loggers", "schemas.states")

R = TypeVar("R")
F = TypeVar("F")


class PrefectFuture(abc.ABC, Generic[R]):
    """A handle on a run whose result is not available yet."""

    # A future without attributes of a user's has no dict: a mapped task has one future for each item.
    __slots__ = ("__dict__", "__weakref__", "_task_run_id")

    def __init__(self, task_run_id: UUID) -> None:
        self._task_run_id = task_run_id

    @property
    def task_run_id(self) -> UUID:
        """The id of the task run."""
        return self._task_run_id

    @property
    @abc.abstractmethod
    def state(self) -> State[R]:
        """The last known state of the run; final once the future is done."""

    @abc.abstractmethod
    def wait(self, timeout: float | None = None) -> None:
        """Wait until the run is done, at most `timeout` seconds; returns either way."""

    @abc.abstractmethod
    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the run and return its result.

        Args:
            timeout: Seconds to wait; None waits without end.
            raise_on_failure: Raise the run's exception; otherwise return it.

        Raises:
            TimeoutError: The run was not done in time.
        """

    @abc.abstractmethod
    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], None]) -> None:
        """Call `fn` with this future when it is done, immediately if it is already."""


class PrefectTaskRunFuture(PrefectFuture[R]):
    """A future whose run ends in this process.

    Attributes:
        pending: Gives the run's state while it is not final.
        blockers: The futures that the run waits for at present.
    """

    __slots__ = ("_callbacks", "_state", "blockers", "pending")

    def __init__(self, task_run_id: UUID) -> None:
        super().__init__(task_run_id)
        self._state: State[R] | None = None
        self._callbacks: list[Callable[[PrefectFuture[R]], None]] = []
        self.pending: Callable[[], State[R]] | None = None
        self.blockers: tuple[PrefectFuture[Any], ...] = ()

    @property
    def state(self) -> State[R]:
        if self._state is not None:
            return self._state
        if self.pending is not None:
            return self.pending()
        return states.State.make(states.StateType.PENDING)

    @property
    def done(self) -> bool:
        """Whether the run has ended."""
        return self._state is not None

    @property
    def _final_state(self) -> State[R] | None:
        """The final state. Subclasses of other task runners read it, and set it when they have waited."""
        return self._state

    @_final_state.setter
    def _final_state(self, state: State[R] | None) -> None:
        if state is not None:
            self.resolve(state)

    def resolve(self, state: State[R]) -> None:
        """Set the final state of the future and call the callbacks. Only the first call counts."""
        with lock:
            if self._state is not None:
                return
            self._state = state
            callbacks, self._callbacks = self._callbacks, []
            self.pending = None
            self.blockers = ()
        for callback in callbacks:
            self._call_back(callback)

    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], None]) -> None:
        with lock:
            if self._state is None:
                self._callbacks.append(fn)
                return
        self._call_back(fn)

    def _call_back(self, fn: Callable[[Any], None]) -> None:
        try:
            fn(self)
        except Exception:  # a user's function must not stop the other callbacks
            loggers.get_logger("futures").exception(
                "A callback of the future of task run %r raised.", str(self._task_run_id)
            )

    def _remove_done_callback(self, fn: Callable[[PrefectFuture[R]], None]) -> None:
        """Remove a callback that is no longer needed."""
        with lock:
            if fn in self._callbacks:
                self._callbacks.remove(fn)

    def wait(self, timeout: float | None = None) -> None:
        check_timeout(timeout)
        if self._state is not None:
            return
        done = threading.Event()

        def notify(_: Any) -> None:
            done.set()

        self.add_done_callback(notify)
        try:
            with BlockedOn((self,), timeout is None):
                done.wait(timeout)
        finally:
            if self._state is None:
                self._remove_done_callback(notify)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        self.wait(timeout)
        state = self._state
        if state is None:
            raise TimeoutError(f"Task run {str(self._task_run_id)!r} did not complete within {timeout} seconds.")
        return cast("R", drive(state.aresult(raise_on_failure=raise_on_failure)))

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait without blocking the event loop."""
        import asyncio

        check_timeout(timeout)
        if self._state is not None:
            return
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def notify(_: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        self.add_done_callback(notify)
        try:
            with BlockedOn((self,), timeout is None):
                await asyncio.wait_for(done.wait(), timeout)
        except TimeoutError:
            return
        finally:
            if self._state is None:
                self._remove_done_callback(notify)

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the run and return its result, without blocking the event loop."""
        await self.wait_async(timeout)
        if self._state is None:
            raise TimeoutError(f"Task run {str(self._task_run_id)!r} did not complete within {timeout} seconds.")
        return cast("R", await self._state.aresult(raise_on_failure=raise_on_failure))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(task_run_id={str(self._task_run_id)!r}, state={self._state!r})"


class PrefectWrappedFuture(PrefectTaskRunFuture[R], Generic[R, F]):
    """A future that follows another library's future, whose result is the run's final state."""

    __slots__ = ("_wrapped_future",)

    def __init__(self, task_run_id: UUID, wrapped_future: F | None = None) -> None:
        super().__init__(task_run_id)
        self._wrapped_future = wrapped_future
        follow: Any = getattr(wrapped_future, "add_done_callback", None)
        if follow is not None:
            follow(self._follow)

    def _follow(self, wrapped: Any) -> None:
        try:
            outcome = wrapped.result()
        except BaseException as error:  # a failure of the other library makes the run crash
            outcome = states.State.make(
                states.StateType.CRASHED, message=f"The task runner failed: {error!r}", data=error
            )
        if not isinstance(outcome, states.State):  # some libraries give the value itself
            outcome = states.State.make(states.StateType.COMPLETED, data=states.InMemory(outcome))
        self.resolve(outcome)

    @property
    def wrapped_future(self) -> F:
        """The other library's future."""
        return self._wrapped_future  # pyright: ignore[reportReturnType]


class PrefectConcurrentFuture(PrefectWrappedFuture[R, "concurrent.futures.Future[Any]"]):
    """A future of the thread-pool and process-pool task runners."""

    __slots__ = ()

    @property
    def wrapped_future(self) -> concurrent.futures.Future[Any]:
        """A `concurrent.futures.Future` of the run's final state, made at the first use."""
        if self._wrapped_future is None:
            from concurrent.futures import Future

            wrapped: Future[Any] = Future()
            self._wrapped_future = wrapped
            self.add_done_callback(lambda me: wrapped.set_result(me.state))
        return self._wrapped_future
