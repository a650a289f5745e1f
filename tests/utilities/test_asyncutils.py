"""Crossing between sync and async code."""

import asyncio
import contextvars
import functools
import threading

import pytest

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


def test_is_async_fn_and_is_async_gen_fn():
    assert asyncutils.is_async_fn(give) and asyncutils.is_async_fn(functools.wraps(give)(lambda: 0))
    assert not asyncutils.is_async_fn(stream) and not asyncutils.is_async_fn(print)
    assert asyncutils.is_async_gen_fn(stream) and not asyncutils.is_async_gen_fn(give)


@pytest.mark.parametrize("force_new_thread", [False, True])
def test_a_coroutine_runs_to_its_end_with_the_context_of_the_caller(force_new_thread):
    async def read():
        await asyncio.sleep(0)
        return variable.get()

    def body():
        variable.set(4)
        return run_coro_as_sync(read(), force_new_thread=force_new_thread)

    assert contextvars.copy_context().run(body) == 4


def test_a_coroutine_that_raises_raises():
    with pytest.raises(ValueError, match="no"):
        run_coro_as_sync(fail())
    with pytest.raises(TypeError, match="coroutine"):
        run_coro_as_sync(5)


def test_coroutines_share_one_loop_and_may_nest():
    async def loop():
        return id(asyncio.get_running_loop())

    async def nested():
        return run_coro_as_sync(give(7))

    assert run_coro_as_sync(loop()) == run_coro_as_sync(loop())
    assert run_coro_as_sync(nested()) == 7


def test_a_coroutine_can_be_left_running():
    done = threading.Event()

    async def finish():
        done.set()

    assert run_coro_as_sync(finish(), wait_for_result=False) is None
    assert done.wait(10)


async def test_a_running_loop_is_no_obstacle():
    assert run_coro_as_sync(give(3)) == 3
    assert asyncutils.in_async_main_thread() and not asyncutils.in_async_worker_thread()
    with pytest.raises(RuntimeError, match="await"):
        sync(give)


async def test_a_worker_thread_can_go_back_to_its_loop():
    def body(a, *, b):
        assert asyncutils.in_async_worker_thread() and not asyncutils.in_async_main_thread()
        return sync(give, a) + asyncutils.run_async_from_worker_thread(give, b)

    assert await run_sync_in_worker_thread(body, 1, b=2) == 3


def test_sync_uses_a_new_loop_where_there_is_none():
    assert sync(give, 5) == asyncutils.run_async_in_new_loop(give, 5) == 5


def test_a_dual_method_called_from_plain_code():
    assert Things().plus_one(1) == 2
    assert asyncio.run(Things.plus_one.aio(Things(), 1)) == 2


async def test_a_dual_method_called_from_async_code():
    assert await Things().plus_one(1) == 2
    assert Things().plus_one(1, _sync=True) == 2
    assert await run_sync_in_worker_thread(Things().plus_one, 1) == 2


async def test_gathering_keeps_the_order_and_the_errors():
    assert await gather(*[functools.partial(give, i) for i in range(3)]) == [0, 1, 2]
    with pytest.raises(ExceptionGroup) as caught:
        await gather(fail, give)
    assert isinstance(caught.value.exceptions[0], ValueError)


async def test_a_result_exists_when_the_group_has_ended():
    async with create_gather_task_group() as group:
        key = group.start_soon(give, 3)
        with pytest.raises(GatherIncomplete):
            group.get_result(key)
    assert group.get_result(key) == 3


async def test_a_task_is_kept_until_it_is_done():
    task = asyncutils.create_task(give(3))
    assert task in asyncutils.BACKGROUND_TASKS
    assert await task == 3
    await asyncio.sleep(0)
    assert task not in asyncutils.BACKGROUND_TASKS


async def test_lazy_semaphore_reads_its_value_at_the_first_use():
    asked = []
    semaphore = LazySemaphore(lambda: asked.append(1) or 2)
    assert not asked
    async with semaphore, semaphore:
        assert asked == [1]


def test_a_callback_runs_when_the_loop_ends():
    done = []

    async def main():
        async def callback():
            done.append(1)

        await asyncutils.add_event_loop_shutdown_callback(callback)
        assert not done

    asyncio.run(main())
    assert done == [1]
    assert not asyncutils.EVENT_LOOP_GC_REFS


async def test_a_context_that_does_nothing():
    async with asyncutils.asyncnullcontext(3) as value:
        assert value == 3
