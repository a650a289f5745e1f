"""Futures: waiting, results, callbacks, and errors when a run waits for itself."""

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest

from prefect import flow, task
from prefect.futures import (
    PrefectConcurrentFuture,
    PrefectFutureList,
    PrefectTaskRunFuture,
    PrefectWrappedFuture,
    as_completed,
    current_slot,
    resolve_futures_to_results,
    resolve_futures_to_states,
    wait,
)
from prefect.schemas.states import Completed, Failed, InMemory
from prefect.types import new_id

Future = PrefectTaskRunFuture[Any]


def pending() -> Future:
    return PrefectTaskRunFuture(new_id())


def done(value: Any) -> Future:
    future = pending()
    future.resolve(Completed(data=InMemory(value)))
    return future


def failed(error: Exception) -> Future:
    future = pending()
    future.resolve(Failed(data=error))
    return future


class FakeSlot:
    """A slot of a pool that counts how often it was released."""

    def __init__(self, future: Future | None = None) -> None:
        self.future = future
        self.released = 0
        self.times = 0

    def release(self) -> None:
        self.released += 1
        self.times += 1

    def reacquire(self) -> None:
        self.released -= 1


@pytest.fixture
def slot():
    slot = FakeSlot(pending())
    token = current_slot.set(slot)
    yield slot
    current_slot.reset(token)
    assert slot.released == 0


def test_result_returns_the_value_or_raises():
    assert done(1).result() == 1
    with pytest.raises(KeyError):
        failed(KeyError("x")).result()
    assert isinstance(failed(KeyError("x")).result(raise_on_failure=False), KeyError)


def test_pending_future_times_out():
    future = pending()
    assert future.state.is_pending()
    assert not future.done
    future.wait(timeout=0.01)
    with pytest.raises(TimeoutError, match="did not complete"):
        future.result(timeout=0.01)
    assert future._callbacks == [], "who gave up waiting leaves nothing behind"


async def test_pending_future_can_be_awaited():
    future = pending()
    await future.wait_async(timeout=0.01)
    with pytest.raises(TimeoutError, match="did not complete"):
        await future.result_async(timeout=0.01)
    assert future._callbacks == []
    asyncio.get_running_loop().call_soon(future.resolve, Completed(data=InMemory(3)))
    assert await future.result_async() == 3


def test_resolve_keeps_the_first_value():
    future = done(1)
    future.resolve(Failed())
    assert future.result() == 1


def test_callback_is_called_once_with_the_future():
    future, called = pending(), list[Any]()
    future.add_done_callback(called.append)
    future.resolve(Completed())
    future.add_done_callback(called.append)
    assert called == [future, future]


def test_failing_callback_is_logged_and_does_not_stop_others(caplog: pytest.LogCaptureFixture):
    future, called = pending(), list[Any]()
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(called.append)
    future.resolve(Completed())
    assert called == [future]


def test_waiting_thread_is_notified():
    future, results = pending(), list[Any]()
    thread = threading.Thread(target=lambda: results.append(future.result()))
    thread.start()
    future.resolve(Completed(data=InMemory(5)))
    thread.join()
    assert results == [5]


async def test_closed_event_loop_is_not_notified():
    future = pending()

    def use_another_loop() -> None:
        async def begin() -> None:
            asyncio.get_running_loop().call_later(0.01, task.cancel)
            await task

        loop = asyncio.new_event_loop()
        task = loop.create_task(future.wait_async())
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(begin())
        loop.close()

    await asyncio.to_thread(use_another_loop)
    future.resolve(Completed())


def test_as_completed_yields_each_once_in_the_order_they_finish():
    first, second = pending(), pending()
    second.resolve(Completed())
    found = as_completed([first, second, first])
    assert next(found) is second
    first.resolve(Completed())
    assert list(found) == [first]


def test_as_completed_times_out():
    futures = [done(1), pending(), pending()]
    with pytest.raises(TimeoutError, match=r"2 \(of 3\) futures unfinished"):
        list(as_completed(futures, timeout=0.01))
    assert futures[1]._callbacks == []


def test_as_completed_removes_callbacks_when_left_early():
    future = pending()
    found = as_completed([done(1), future])
    next(found)
    found.close()
    assert future._callbacks == []


def test_wait_separates_done_from_not_done():
    one, two, three = done(1), pending(), failed(KeyError("x"))
    assert wait([one, two, three], timeout=0.01) == ({one, three}, {two})
    two.resolve(Completed())
    assert wait([one, two, three]).not_done == set()


def test_future_list_returns_results_in_order():
    futures = PrefectFutureList([done(1), done(2)])
    futures.wait()
    assert futures.result() == [1, 2]


def test_future_list_raises_the_first_failure_immediately():
    unfinished = pending()

    with pytest.raises(KeyError):
        PrefectFutureList([unfinished, done(1), failed(KeyError("x"))]).result()
    late = pending()
    unfinished.add_done_callback(lambda _: None)
    timer = threading.Timer(0, late.resolve, [Failed(data=KeyError("late"))])
    timer.start()
    with pytest.raises(KeyError, match="late"):
        PrefectFutureList([unfinished, late, pending()]).result()
    timer.join()


def test_future_list_raises_the_first_of_several_failures_in_the_order_of_arguments():
    futures = PrefectFutureList([done(0), failed(KeyError("first")), pending(), failed(KeyError("second"))])

    with pytest.raises(KeyError, match="first"):
        futures.result()


def test_future_list_in_a_slot_raises_the_first_failure_immediately(slot: FakeSlot):
    late = pending()
    timer = threading.Timer(0.01, late.resolve, [Failed(data=KeyError("late"))])
    timer.start()

    with pytest.raises(KeyError, match="late"):
        PrefectFutureList([pending(), late]).result()

    timer.join()
    assert slot.times >= 1


def test_future_list_waits_for_all_when_failures_do_not_raise():
    late = pending()
    timer = threading.Timer(0.01, late.resolve, [Completed(data=InMemory(2))])
    timer.start()

    results = PrefectFutureList([failed(KeyError("x")), late]).result(raise_on_failure=False)

    timer.join()
    assert isinstance(results[0], KeyError) and results[1] == 2


def test_future_list_times_out():
    with pytest.raises(TimeoutError, match="1 of 2 done"):
        PrefectFutureList([done(1), pending()]).result(timeout=0.01)


def test_timeout_error_of_the_run_is_raised_unchanged():
    with pytest.raises(TimeoutError, match="mine"):
        PrefectFutureList([failed(TimeoutError("mine"))]).result(timeout=1)


def test_resolve_replaces_futures_inside_values():
    value = {"a": [done(1), 2], "b": (done(3),)}
    assert resolve_futures_to_results(value) == {"a": [1, 2], "b": (3,)}
    states = resolve_futures_to_states(value)
    assert states["a"][0].is_completed()
    with pytest.raises(KeyError):
        resolve_futures_to_results([failed(KeyError("x"))])


def test_waiting_releases_the_slot(slot: FakeSlot):
    future = pending()
    future.wait(timeout=0.01)
    list(as_completed([done(1)]))
    assert slot.times == 1
    wait([future], timeout=0.01)
    assert slot.times == 2


async def test_awaiting_releases_the_slot(slot: FakeSlot):
    await pending().wait_async(timeout=0.01)
    assert slot.times == 1


def test_waiting_for_own_future_raises(slot: FakeSlot):
    assert slot.future is not None
    for waiting in (slot.future.wait, slot.future.result, lambda: wait([slot.future])):
        with pytest.raises(ValueError, match="waits for itself, which is a deadlock"):
            waiting()
    slot.future.wait(timeout=0.01)


async def test_awaiting_own_future_raises(slot: FakeSlot):
    assert slot.future is not None
    with pytest.raises(ValueError, match="waits for itself, which is a deadlock"):
        await slot.future.wait_async()


def test_circular_waiting_raises(slot: FakeSlot):
    assert slot.future is not None
    other, third = pending(), pending()
    other.blockers = (third, done(1))
    third.blockers = (slot.future, other)
    with pytest.raises(ValueError, match="waits for itself, which is a deadlock"):
        other.wait()
    with pytest.raises(ValueError, match="waits for itself, which is a deadlock"):
        wait([other, third])
    free = pending()
    threading.Timer(0.01, free.resolve, [Completed()]).start()
    assert next(as_completed([other, free])) is free


def test_waiting_run_blocks_its_dependents(slot: FakeSlot):
    assert slot.future is not None
    other = pending()
    seen = list[Any]()

    def look(_: Any) -> None:
        seen.extend(slot.future.blockers)  # type: ignore[union-attr]

    other.add_done_callback(look)
    threading.Timer(0.01, other.resolve, [Completed()]).start()
    other.wait()
    assert slot.future.blockers == ()


def test_wrapped_future_follows_the_run():
    future: PrefectConcurrentFuture[Any] = PrefectConcurrentFuture(new_id())
    wrapped = future.wrapped_future
    assert wrapped is future.wrapped_future
    assert not wrapped.done()
    future.resolve(Completed())
    assert wrapped.result(1).is_completed()


def test_future_follows_a_wrapped_future():

    wrapped: concurrent.futures.Future[Any] = concurrent.futures.Future()
    future: PrefectWrappedFuture[Any, Any] = PrefectWrappedFuture(new_id(), wrapped)
    wrapped.set_exception(KeyError("x"))
    assert future.state.is_crashed()
    assert future.wrapped_future is wrapped


# --- the first failure, with real runs --------------------------------------------------------------------------------


def _fail_next_to_a_waiting_run(blocked: threading.Event) -> str:
    @task
    def slow() -> None:
        blocked.wait()

    @task
    async def aslow() -> None:
        await asyncio.to_thread(blocked.wait)

    @task
    def bad(text: str) -> None:
        raise KeyError(text)

    futures: list[Any] = [slow.submit(), aslow.submit(), bad.submit("bad")]
    try:
        PrefectFutureList(futures).result()
    except KeyError as error:
        return str(error)
    finally:
        blocked.set()
    return "no failure"


def test_future_list_raises_immediately_in_a_flow():
    assert flow(_fail_next_to_a_waiting_run)(threading.Event()) == "'bad'"


def test_future_list_raises_immediately_in_a_submitted_task():
    @flow
    def main() -> Any:
        return task(_fail_next_to_a_waiting_run).submit(threading.Event()).result()

    assert main() == "'bad'"


def test_future_list_raises_immediately_in_an_async_flow():
    @flow
    async def main() -> Any:
        return _fail_next_to_a_waiting_run(threading.Event())

    assert asyncio.run(main()) == "'bad'"


@pytest.mark.parametrize(
    "use",
    [
        lambda future: future.wait(-1),
        lambda future: future.result(timeout=-0.5),
        lambda future: asyncio.run(future.wait_async(-1)),
        lambda future: asyncio.run(future.result_async(-1)),
        lambda future: PrefectFutureList([future]).result(timeout=-1),
        lambda future: PrefectFutureList([future]).wait(-1),
        lambda future: wait([future], -1),
        lambda future: list(as_completed([future], -1)),
    ],
)
@pytest.mark.parametrize("make", [pending, lambda: done(1)], ids=["pending", "done"])
def test_negative_timeout_raises(make: Any, use: Any):
    with pytest.raises(ValueError, match=r"`timeout` must be .* not -"):
        use(make())


def test_flow_that_returns_mapped_futures_gives_lists():
    @task
    def same(number: int) -> int:
        return number

    @flow
    def main() -> Any:
        return {"mapped": same.map([1, 2])}

    @flow
    def plain() -> Any:
        return same.map([1, 2])

    assert type(plain()) is list and type(main()["mapped"]) is list
    assert [state.result() for state in plain()] == [1, 2]
