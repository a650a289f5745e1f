"""Calling async code from sync code and the reverse."""

import asyncio
import contextvars
import functools
import threading

import pytest

from prefect import flow
from prefect.utilities import asyncutils
from prefect.utilities.asyncutils import (
    GatherIncomplete,
    LazySemaphore,
    create_gather_task_group,
    gather,
    run_coro_as_sync,
    run_sync_in_worker_thread,
    sync,
    sync_compatible,
)

variable = contextvars.ContextVar("variable", default=0)


async def give(value=1):
    await asyncio.sleep(0)
    return value


async def fail():
    raise ValueError("no")


async def stream():
    yield 1


class Things:
    @sync_compatible
    async def plus_one(self, x):
        await asyncio.sleep(0)
        return x + 1


# The event loop of these tools runs for as long as the process, in a daemon thread of its own.
pytestmark = pytest.mark.stray_threads


def test_is_async_fn_and_is_async_gen_fn_recognize_functions():
    assert asyncutils.is_async_fn(give) and asyncutils.is_async_fn(functools.wraps(give)(lambda: 0))
    assert not asyncutils.is_async_fn(stream) and not asyncutils.is_async_fn(print)
    assert asyncutils.is_async_gen_fn(stream) and not asyncutils.is_async_gen_fn(give)


@pytest.mark.parametrize("force_new_thread", [False, True])
def test_run_coro_as_sync_uses_the_context_of_the_caller(force_new_thread):
    async def read():
        await asyncio.sleep(0)
        return variable.get()

    def body():
        variable.set(4)
        return run_coro_as_sync(read(), force_new_thread=force_new_thread)

    assert contextvars.copy_context().run(body) == 4


def test_run_coro_as_sync_raises_the_error_of_the_coroutine():
    with pytest.raises(ValueError, match="no"):
        run_coro_as_sync(fail())
    with pytest.raises(TypeError, match="coroutine"):
        run_coro_as_sync(5)


def test_run_coro_as_sync_shares_one_loop_and_can_be_nested():
    async def loop():
        return id(asyncio.get_running_loop())

    async def nested():
        return run_coro_as_sync(give(7))

    assert run_coro_as_sync(loop()) == run_coro_as_sync(loop())
    assert run_coro_as_sync(nested()) == 7


def test_run_coro_as_sync_returns_immediately_without_waiting():
    done = threading.Event()

    async def finish():
        done.set()

    assert run_coro_as_sync(finish(), wait_for_result=False) is None
    assert done.wait(10)


async def test_run_coro_as_sync_works_inside_a_running_loop():
    assert run_coro_as_sync(give(3)) == 3
    assert asyncutils.in_async_main_thread() and not asyncutils.in_async_worker_thread()
    with pytest.raises(RuntimeError, match="await"):
        sync(give)


async def test_worker_thread_runs_coroutines_in_its_loop():
    def body(a, *, b):
        assert asyncutils.in_async_worker_thread() and not asyncutils.in_async_main_thread()
        return sync(give, a) + asyncutils.run_async_from_worker_thread(give, b)

    assert await run_sync_in_worker_thread(body, 1, b=2) == 3


def test_sync_uses_a_new_loop_when_none_is_running():
    assert sync(give, 5) == asyncutils.run_async_in_new_loop(give, 5) == 5


def test_dual_method_returns_a_value_in_sync_code():
    assert Things().plus_one(1) == 2
    assert asyncio.run(Things.plus_one.aio(Things(), 1)) == 2


async def test_dual_method_is_awaited_in_async_code():
    assert await Things().plus_one(1) == 2
    assert Things().plus_one(1, _sync=True) == 2
    assert await run_sync_in_worker_thread(Things().plus_one, 1) == 2


async def test_gather_keeps_the_order_and_raises_errors():
    assert await gather(*[functools.partial(give, i) for i in range(3)]) == [0, 1, 2]
    with pytest.raises(ExceptionGroup) as caught:
        await gather(fail, give)
    assert isinstance(caught.value.exceptions[0], ValueError)


async def test_gather_task_group_has_results_when_it_has_ended():
    async with create_gather_task_group() as group:
        key = group.start_soon(give, 3)
        with pytest.raises(GatherIncomplete):
            group.get_result(key)
    assert group.get_result(key) == 3


async def test_create_task_keeps_a_reference_until_the_task_is_done():
    task = asyncutils.create_task(give(3))
    assert task in asyncutils.BACKGROUND_TASKS
    assert await task == 3
    await asyncio.sleep(0)
    assert task not in asyncutils.BACKGROUND_TASKS


async def test_lazy_semaphore_reads_its_value_at_first_use():
    reads = []
    semaphore = LazySemaphore(lambda: reads.append(1) or 2)
    assert not reads
    async with semaphore, semaphore:
        assert reads == [1]


def test_shutdown_callback_runs_when_the_loop_ends():
    done = []

    async def main():
        async def callback():
            done.append(1)

        await asyncutils.add_event_loop_shutdown_callback(callback)
        assert not done

    asyncio.run(main())
    assert done == [1]
    assert not asyncutils.EVENT_LOOP_GC_REFS


async def test_asyncnullcontext_returns_its_value():
    async with asyncutils.asyncnullcontext(3) as value:
        assert value == 3


def test_sync_compatible_decides_by_the_run_inside_of_a_run():
    async def ask():
        outcome = Things().plus_one(1)
        if asyncio.iscoroutine(outcome):
            outcome.close()
            return "coroutine"
        return outcome

    sync_flow = flow(lambda: asyncio.run(ask()), name="sync")
    async_flow = flow(ask, name="async")
    assert (asyncio.run(ask()), sync_flow(), asyncio.run(async_flow())) == ("coroutine", 2, "coroutine")
