"""Futures of other task runners, which replace some of what futures do: everything that waits sees them."""

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest

from prefect import flow, task
from prefect.futures import (
    PrefectFuture,
    PrefectFutureList,
    PrefectTaskRunFuture,
    PrefectWrappedFuture,
    as_completed,
    resolve_futures_to_results,
    wait,
)
from prefect.schemas.states import Completed, Failed, InMemory, Pending
from prefect.types import new_id


def pending() -> PrefectTaskRunFuture[Any]:
    return PrefectTaskRunFuture(new_id())


def done(value: Any) -> PrefectTaskRunFuture[Any]:
    future = pending()
    future.resolve(Completed(data=InMemory(value)))
    return future


class OnlyWaits(PrefectWrappedFuture[Any, Any]):
    """A future of another task runner, as its documentation asks for: it has its own `wait` and `result`."""

    def wait(self, timeout: float | None = None) -> None:
        if self.wrapped_future.wait(timeout):
            self._final_state = Completed(data=InMemory("waited"))

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        self.wait(timeout)
        if self._final_state is None:
            raise TimeoutError
        return self._final_state.result()


class OnlyResult(PrefectWrappedFuture[Any, Any]):
    """A future of another task runner that never knows its state."""

    def wait(self, timeout: float | None = None) -> None:
        self.wrapped_future.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        self.wait(timeout)
        return "waited"


class FromScratch(PrefectFuture[Any]):
    """A future that is not one of ours at all."""

    def __init__(self, event: threading.Event, state: Any = None) -> None:
        super().__init__(new_id())
        self.event, self.outcome = event, state or Completed(data=InMemory("waited"))

    @property
    def state(self) -> Any:
        return self.outcome if self.event.is_set() else Pending()

    def wait(self, timeout: float | None = None) -> None:
        self.event.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        self.wait(timeout)
        if not self.event.is_set():
            raise TimeoutError
        return self.outcome.result(raise_on_failure=raise_on_failure)

    def add_done_callback(self, fn: Any) -> None:
        def wait_and_call() -> None:
            self.wait()
            fn(self)

        threading.Thread(target=wait_and_call).start()


FOREIGN = {
    "only waits": lambda event: OnlyWaits(new_id(), event),
    "only result": lambda event: OnlyResult(new_id(), event),
    "from scratch": FromScratch,
}


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest):
    """Makes futures of another task runner that are done a little later."""
    event = threading.Event()
    timer = threading.Timer(0.01, event.set)
    timer.start()
    yield lambda: FOREIGN[request.param](event)
    event.set()
    timer.join()


WAYS = {
    "list": lambda futures: PrefectFutureList(futures).result(),
    "list with time": lambda futures: PrefectFutureList(futures).result(timeout=60),
    "wait": lambda futures: [future.result() for future in futures if future in wait(futures).done],
    "wait with time": lambda futures: [future.result() for future in futures if future in wait(futures, 60).done],
    "as completed": lambda futures: [future.result() for future in as_completed(futures)],
    "resolve": resolve_futures_to_results,
}


@pytest.mark.parametrize("way", WAYS)
def test_futures_of_other_task_runners_are_waited_for(foreign: Any, way: str):
    assert sorted(map(str, WAYS[way]([foreign(), done(1), foreign()]))) == ["1", "waited", "waited"]


def test_wait_separates_unfinished_futures_of_other_task_runners():
    event = threading.Event()
    unfinished = OnlyWaits(new_id(), event)

    assert wait([unfinished], timeout=0.01).not_done == {unfinished}

    event.set()
    assert wait([unfinished]).done == {unfinished}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_tasks_take_futures_of_other_task_runners(foreign: Any, asynchronous: bool):
    @task
    def use(value: Any) -> Any:
        return value

    @flow
    def main() -> list[Any]:
        return [use(foreign()), use.submit(foreign()).result(), use.submit([1], wait_for=[foreign()]).result()]

    @task
    async def ause(value: Any) -> Any:
        return value

    @flow
    async def amain() -> list[Any]:
        return [await ause(foreign()), ause.submit(foreign()).result(), ause.submit([1], wait_for=[foreign()]).result()]

    if type(foreign()) is OnlyResult:
        pytest.skip("a future that has no state gives no value to a task")
    assert (asyncio.run(amain()) if asynchronous else main()) == ["waited", "waited", [1]]


def test_future_list_raises_a_failure_of_another_task_runner_immediately():
    event, never = threading.Event(), threading.Event()
    bad = FromScratch(event, Failed(data=KeyError("bad")))
    timer = threading.Timer(0.01, event.set)
    timer.start()

    with pytest.raises(KeyError, match="bad"):
        PrefectFutureList([pending(), OnlyWaits(new_id(), never), bad]).result()

    timer.join()
    never.set()


def test_final_state_that_a_subclass_sets_resolves_the_future():
    future: Any = PrefectWrappedFuture(new_id(), None)
    calls: list[Any] = []
    future.add_done_callback(calls.append)

    future._final_state = Completed(data=InMemory(1))

    assert (future.done, future.result(), future._final_state, calls) == (True, 1, future.state, [future])


def test_wrapped_future_takes_a_value_that_is_no_state():
    wrapped: concurrent.futures.Future[Any] = concurrent.futures.Future()
    future: Any = PrefectWrappedFuture(new_id(), wrapped)

    wrapped.set_result(5)

    assert future.result() == 5


def test_future_takes_attributes_of_a_user():
    future: Any = pending()
    future.label = "mine"
    assert future.label == "mine"
