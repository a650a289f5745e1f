"""Futures: what `submit` and `map` return, a handle on a task run's final state.

A future is resolved once, by the task runner. Waiting registers a callback and blocks on an event, so a future without
a waiter costs two hundred bytes. A submitted run that waits here frees its slot in the pool for that time
(`current_slot`), so that nested submission cannot exhaust the pool; a run that would wait for itself raises an error.
"""

from __future__ import annotations

import abc
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, cast
from uuid import UUID

from prefect import _forks
from prefect._io import drive
from prefect._lazy import lazy

if TYPE_CHECKING:
    import concurrent.futures
    import queue

    from prefect.logging import loggers
    from prefect.schemas import states
    from prefect.schemas.states import State
    from prefect.values import traversal as visiting
else:
    queue = lazy("queue")
    loggers = lazy("prefect.logging.loggers")
    states = lazy("prefect.schemas.states")
    visiting = lazy("prefect.values.traversal")

__all__ = [
    "DoneAndNotDoneFutures",
    "PrefectConcurrentFuture",
    "PrefectDistributedFuture",
    "PrefectFlowRunFuture",
    "PrefectFuture",
    "PrefectFutureList",
    "PrefectTaskRunFuture",
    "PrefectWrappedFuture",
    "as_completed",
    "resolve_futures_to_results",
    "resolve_futures_to_states",
    "wait",
]

R = TypeVar("R")
F = TypeVar("F")


class Slot(Protocol):
    """The slot of a running job in a pool: released while the job waits, and acquired again.

    Attributes:
        future: The future that the job resolves when it ends; None if there is none.
    """

    future: PrefectTaskRunFuture[Any] | None

    def release(self) -> None: ...
    def reacquire(self) -> None: ...


current_slot: ContextVar[Slot | None] = ContextVar("prefect_running_in", default=None)
"""The slot that the current code runs in, if it was submitted to a pool. Threads that copy the context share it."""

_lock = _forks.create_lock()


class _BlockedOn:
    """Block that waits for futures, during which the slot of the waiting job is free.

    Args:
        futures: The futures.
        forever: There is no timeout. Then a run that waits for itself is an error.

    Raises:
        RuntimeError: All of the futures depend on the waiting run, so none would ever be done.
    """

    __slots__ = ("_futures", "_slot")

    def __init__(self, futures: Iterable[PrefectFuture[Any]], forever: bool) -> None:
        self._slot = current_slot.get()
        self._futures = list(futures) if forever and self._slot is not None and self._slot.future is not None else []

    def __enter__(self) -> None:
        slot = self._slot
        if slot is None:
            return
        if self._futures and slot.future is not None:
            with _lock:
                if all(_depends_on(future, slot.future) for future in self._futures):
                    raise RuntimeError(
                        f"Task run {str(slot.future.task_run_id)!r} waits for itself: the result that it waits for "
                        "depends on its own result."
                    )
                if len(self._futures) == 1:
                    slot.future.blockers += (self._futures[0],)
        slot.release()

    def __exit__(self, *_: object) -> None:
        slot = self._slot
        if slot is None:
            return
        if len(self._futures) == 1 and slot.future is not None:
            with _lock:
                left = list(slot.future.blockers)
                if self._futures[0] in left:
                    left.remove(self._futures[0])
                slot.future.blockers = tuple(left)
        slot.reacquire()


def _depends_on(future: PrefectFuture[Any], other: PrefectFuture[Any]) -> bool:
    """Return whether `future` cannot be done before `other` is, as far as is known. The lock is held."""
    seen: set[int] = set()
    left: list[Any] = [future]
    while left:
        found = left.pop()
        if found is other:
            return True
        if id(found) not in seen:
            seen.add(id(found))
            left.extend(getattr(found, "blockers", ()))
    return False


class PrefectFuture(abc.ABC, Generic[R]):
    """A handle on a run whose result is not available yet."""

    __slots__ = ("__weakref__", "_task_run_id")

    def __init__(self, task_run_id: UUID) -> None:
        self._task_run_id = task_run_id

    @property
    def task_run_id(self) -> UUID:
        """The id of the task run."""
        return self._task_run_id

    @property
    @abc.abstractmethod
    def state(self) -> State[R]:
        """The run's state as far as it is known: final once the future is done."""

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

    def resolve(self, state: State[R]) -> None:
        """Give the future its final state and call the callbacks. Only the first call counts."""
        with _lock:
            if self._state is not None:
                return
            self._state = state
            callbacks, self._callbacks = self._callbacks, []
            self.pending = None
            self.blockers = ()
        for callback in callbacks:
            self._call_back(callback)

    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], None]) -> None:
        with _lock:
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
        with _lock:
            if fn in self._callbacks:
                self._callbacks.remove(fn)

    def wait(self, timeout: float | None = None) -> None:
        if self._state is not None:
            return
        done = threading.Event()

        def notify(_: Any) -> None:
            done.set()

        self.add_done_callback(notify)
        try:
            with _BlockedOn((self,), timeout is None):
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

        if self._state is not None:
            return
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def notify(_: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        self.add_done_callback(notify)
        try:
            with _BlockedOn((self,), timeout is None):
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


class PrefectDistributedFuture(PrefectTaskRunFuture[R]):
    """A future of a task run that another process executes (`delay`)."""

    __slots__ = ()

    def __init__(self, task_run_id: UUID) -> None:
        raise NotImplementedError("Task runs in task workers cannot be used yet: use another task runner.")


class PrefectFlowRunFuture(PrefectFuture[R]):
    """A future of a deployed flow run."""

    __slots__ = ()

    def __init__(self, flow_run_id: UUID) -> None:
        raise NotImplementedError("Futures of flow runs cannot be used yet: read the flow run with a client.")


class PrefectFutureList(list[PrefectFuture[R]], Iterator[PrefectFuture[R]]):
    """The futures of a `map`, in the order of its inputs."""

    def __next__(self) -> PrefectFuture[R]:
        if not self:
            raise StopIteration
        return self.pop(0)

    def wait(self, timeout: float | None = None) -> None:
        """Wait for all of them, together at most `timeout` seconds."""
        wait(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """Return the results in order.

        Raises:
            TimeoutError: Some run was not done within `timeout` seconds in all.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        _sleep_until_done(self, timeout, or_failed=raise_on_failure)
        results: list[R] = []
        for future in self:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                results.append(future.result(left, raise_on_failure))
            except TimeoutError as error:
                if getattr(future, "done", True):
                    raise  # the run's own exception
                raise TimeoutError(f"Timed out after {timeout} seconds: {len(results)} of {len(self)} done.") from error
        return results


class DoneAndNotDoneFutures(NamedTuple, Generic[R]):
    """The result of `wait`."""

    done: set[PrefectFuture[R]]
    not_done: set[PrefectFuture[R]]


def wait(futures: list[PrefectFuture[R]], timeout: float | None = None) -> DoneAndNotDoneFutures[R]:
    """Wait for futures, together at most `timeout` seconds; failures do not raise."""
    done: set[PrefectFuture[R]] = set()
    deadline = None if timeout is None else time.monotonic() + timeout
    _sleep_until_done(futures, timeout)
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        for future in as_completed(futures, left):
            done.add(future)
    except TimeoutError:
        return DoneAndNotDoneFutures(done, set(futures) - done)
    return DoneAndNotDoneFutures(done, set())


def _sleep_until_done(futures: list[PrefectFuture[R]], timeout: float | None, or_failed: bool = False) -> None:
    """Sleep until all futures are done (or, with `or_failed`, one has not completed), and be woken once.

    Waiting for them one after the other would wake this thread for each, which costs more than a short task. A pool's
    thread does not sleep here: it has to free its slot, and may wait for the run that it executes.
    """
    if current_slot.get() is not None:
        return
    unfinished = [future for future in futures if not getattr(future, "done", False)]
    if len(unfinished) < 2:
        return
    awake, count = threading.Event(), itertools.count(1)

    def notify(future: PrefectFuture[R]) -> None:
        if next(count) == len(unfinished) or (or_failed and not future.state.is_completed()):
            awake.set()

    for future in unfinished:
        future.add_done_callback(notify)
    awake.wait(timeout)


def as_completed(futures: list[PrefectFuture[R]], timeout: float | None = None) -> Generator[PrefectFuture[R]]:
    """Yield each future when it is done, in the order they finish; the same future only once.

    Raises:
        TimeoutError: Not all were done within `timeout` seconds.
    """
    unique = set(futures)
    finished: queue.SimpleQueue[PrefectFuture[R]] = queue.SimpleQueue()
    for future in unique:
        future.add_done_callback(finished.put)
    deadline = None if timeout is None else time.monotonic() + timeout
    total = len(unique)
    try:
        while unique:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            future = _get_next_finished(finished, unique, left)
            unique.discard(future)
            yield future
    except queue.Empty:
        raise TimeoutError(f"{len(unique)} (of {total}) futures unfinished") from None
    finally:
        for future in unique:
            if isinstance(future, PrefectTaskRunFuture):
                future._remove_done_callback(finished.put)


def _get_next_finished(
    finished: queue.SimpleQueue[PrefectFuture[R]], unfinished: set[PrefectFuture[R]], timeout: float | None
) -> PrefectFuture[R]:
    try:
        return finished.get_nowait()
    except queue.Empty:
        with _BlockedOn(unfinished, timeout is None):
            return finished.get(timeout=timeout)


def resolve_futures_to_results(expr: Any) -> Any:
    """Replace every future inside a value (also in lists, dicts, dataclasses, models) by its result, waiting for it.

    Raises:
        Exception: The exception of a run that failed.
    """
    return _replace_futures(expr, lambda future: future.result(raise_on_failure=True))


def resolve_futures_to_states(expr: Any) -> Any:
    """Replace every future inside a value by its run's final state, waiting for it."""

    def final_state(future: PrefectFuture[Any]) -> State[Any]:
        future.wait()
        return future.state

    return _replace_futures(expr, final_state)


def _replace_futures(expr: Any, resolve: Callable[[PrefectFuture[Any]], Any]) -> Any:
    def visit(value: Any) -> Any:
        return resolve(value) if isinstance(value, PrefectFuture) else value

    return visiting.visit_collection(expr, visit_fn=visit, return_data=True)
