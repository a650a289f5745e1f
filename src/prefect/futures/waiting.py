"""Waiting for several futures, and replacing futures inside of values."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeGuard, TypeVar, cast

from prefect._lazy import lazy_modules
from prefect.futures.core import PrefectFuture, PrefectTaskRunFuture
from prefect.futures.slots import BlockedOn, check_timeout, current_slot

if TYPE_CHECKING:
    import queue

    from prefect.schemas.states import State
    from prefect.values import traversal as visiting
else:
    queue, visiting = lazy_modules("queue", "prefect.values.traversal")

R = TypeVar("R")


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
            Exception: The first failure, as soon as a run has failed; of several failed runs, the first in the list.
            TimeoutError: Some run was not done within `timeout` seconds in all.
        """
        check_timeout(timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        if raise_on_failure:
            _raise_first_failure(self)
        _wait_until_done(self, timeout, or_failed=raise_on_failure)
        if raise_on_failure:
            _raise_first_failure(self)
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


def _has_failed(future: PrefectFuture[Any]) -> bool:
    if isinstance(future, PrefectTaskRunFuture) and not future.done:
        return False
    state = future.state
    return not state.is_completed() and (state.is_final() or isinstance(future, PrefectTaskRunFuture))


def _raise_first_failure(futures: list[PrefectFuture[R]]) -> None:
    """Raise the exception of the first run in the list that has failed by now."""
    for future in futures:
        if _has_failed(future):
            future.result(raise_on_failure=True)


class DoneAndNotDoneFutures(NamedTuple, Generic[R]):
    """The result of `wait`."""

    done: set[PrefectFuture[R]]
    not_done: set[PrefectFuture[R]]


def wait(futures: list[PrefectFuture[R]], timeout: float | None = None) -> DoneAndNotDoneFutures[R]:
    """Wait for futures, together at most `timeout` seconds; failures do not raise."""
    check_timeout(timeout)
    done: set[PrefectFuture[R]] = set()
    deadline = None if timeout is None else time.monotonic() + timeout
    if _can_sleep_for(futures):
        _sleep_until_done(futures, timeout)
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        for future in as_completed(futures, left):
            done.add(future)
    except TimeoutError:
        return DoneAndNotDoneFutures(done, set(futures) - done)
    return DoneAndNotDoneFutures(done, set())


def waits_here(future: PrefectFuture[R]) -> TypeGuard[PrefectTaskRunFuture[R]]:
    """Return whether a future uses the `wait` of this package; futures of other task runners may override it."""
    return getattr(type(future), "wait", None) is PrefectTaskRunFuture.wait


def is_notified(future: PrefectFuture[Any]) -> bool:
    """Return whether a future is notified when its run ends, so that no thread has to wait for it.

    Futures of other task runners may replace only `wait` and `result`: then nobody resolves them before that.
    """
    kind = type(future)
    if kind.add_done_callback is not PrefectTaskRunFuture.add_done_callback:
        return True
    if waits_here(future) and kind.result is PrefectTaskRunFuture.result:
        return True
    return hasattr(getattr(future, "_wrapped_future", None), "add_done_callback")


def _call_when_one_is_done(future: PrefectFuture[R], then: Callable[[PrefectFuture[R]], Any]) -> None:
    if is_notified(future):
        future.add_done_callback(then)
        return

    def wait_and_call() -> None:
        with contextlib.suppress(Exception):  # the waiter gets the run's exception from the future
            future.wait()
        then(future)

    name = f"prefect-wait-{future.task_run_id}"
    threading.Thread(target=contextvars.copy_context().run, args=(wait_and_call,), name=name, daemon=True).start()


def call_when_done(futures: list[PrefectFuture[Any]], then: Callable[[], Any]) -> None:
    """Call `then` when all futures are done, in the thread that finishes the last one."""
    waiting = [future for future in futures if not getattr(future, "done", False)]
    if not waiting:
        then()
        return
    count = itertools.count(1)  # which threads may share

    def countdown(_: Any) -> None:
        if next(count) == len(waiting):
            then()

    for future in waiting:
        _call_when_one_is_done(future, countdown)


def _can_sleep_for(futures: list[PrefectFuture[R]]) -> bool:
    """Return whether this thread may sleep until all futures are done.

    A pool's thread may not: it has to free its slot, and may wait for the run that it executes.
    """
    return current_slot.get() is None and all(
        waits_here(future) for future in futures if not getattr(future, "done", False)
    )


def _wait_until_done(futures: list[PrefectFuture[R]], timeout: float | None, or_failed: bool) -> None:
    """Wait until all futures are done or, with `or_failed`, until one has not completed."""
    if _can_sleep_for(futures):
        _sleep_until_done(futures, timeout, or_failed)
        return
    if not or_failed:
        return  # the results are waited for one by one
    with contextlib.suppress(TimeoutError):
        for future in as_completed(futures, timeout):
            if _has_failed(future):
                return


def _sleep_until_done(futures: list[PrefectFuture[R]], timeout: float | None, or_failed: bool = False) -> None:
    """Sleep until all futures are done (or, with `or_failed`, one has not completed), and be woken once.

    Waiting for them one after the other would wake this thread for each, which costs more than a short task.
    """
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
    check_timeout(timeout)
    unique = set(futures)
    finished: queue.SimpleQueue[PrefectFuture[R]] = queue.SimpleQueue()
    for future in unique:
        _call_when_one_is_done(future, finished.put)
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
        with BlockedOn(unfinished, timeout is None):
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
        if isinstance(value, PrefectFutureList):
            return list(cast("list[Any]", value))
        return resolve(value) if isinstance(value, PrefectFuture) else value

    return visiting.visit_collection(expr, visit_fn=visit, return_data=True)
