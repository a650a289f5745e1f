"""Each primitive blocks when driven and awaits when not, and a coroutine that truly suspends is an error."""

import asyncio
import concurrent.futures
import contextvars
import threading

import pytest

from prefect import _io

VALUE: contextvars.ContextVar[int] = contextvars.ContextVar("value", default=0)


async def read(x: int) -> int:
    await _io.sleep(0)
    return await _io.blocking(lambda: x + 1)


class Store:
    async def aread(self, x: int) -> int:
        return await read(x)

    read = _io.twin(aread)


def test_driving_runs_to_the_end_without_a_loop():
    assert _io.drive(read(1)) == 2
    assert not _io.is_driven()


def test_a_true_suspension_is_an_error_and_not_a_hang():
    async def bypass() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="bypass suspended while driven"):
        _io.drive(bypass())
    assert not _io.is_driven()


def test_an_exception_ends_the_driving():
    async def fail() -> None:
        assert _io.is_driven()
        raise KeyError("x")

    with pytest.raises(KeyError):
        _io.drive(fail())
    assert not _io.is_driven()


def test_a_twin_drives_from_plain_code():
    assert Store().read(1) == 2


async def test_a_twin_is_awaitable_in_a_coroutine():
    assert await Store().read(1) == 2
    assert await Store().read.aio(2) == 3


async def test_a_twin_drives_from_a_plain_function_under_a_loop():
    def plain() -> int:
        return Store().read(1)

    assert plain() == 2


async def test_a_twin_drives_inside_a_drive_under_a_loop():
    async def inside() -> int:
        return Store().read(3)

    assert _io.drive(inside()) == 4


@pytest.mark.parametrize("driven", [True, False])
def test_waiting_for_a_future(driven: bool):
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_result(5)
    assert (_io.drive(_io.wait(future)) if driven else asyncio.run(_io.wait(future))) == 5


@pytest.mark.parametrize("driven", [True, False])
def test_waiting_gives_up_and_leaves_the_future_alone(driven: bool):
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    with pytest.raises(TimeoutError):
        if driven:
            _io.drive(_io.wait(future, 0.01))
        else:
            asyncio.run(_io.wait(future, 0.01))
    assert not future.cancelled()


def test_blocking_is_in_place_when_driven_and_in_a_thread_when_not():
    here = threading.current_thread()
    assert _io.drive(_io.blocking(threading.current_thread)) is here
    assert asyncio.run(_io.blocking(threading.current_thread)) is not here


async def _sees_loop() -> int:
    asyncio.get_running_loop()
    await asyncio.sleep(0)
    assert not _io.is_driven()
    return VALUE.get()


def test_an_async_user_function_gets_a_loop_when_driven():
    VALUE.set(7)
    assert _io.drive(_io.call_user(_sees_loop)) == 7


async def test_an_async_user_function_gets_a_loop_of_its_own_where_one_runs_already():
    VALUE.set(8)
    assert _io.drive(_io.call_user(_sees_loop)) == 8
    assert await _io.call_user(_sees_loop) == 8


def test_a_sync_user_function_is_not_inside_the_drive():
    def user() -> int:
        assert not _io.is_driven()
        return Store().read(1)

    assert _io.drive(_io.call_user(user)) == 2


def test_a_thread_has_the_context_and_gives_back_the_error():
    VALUE.set(9)
    assert _io.in_thread(VALUE.get) == 9
    with pytest.raises(KeyError):
        _io.in_thread(lambda: dict[str, int]()["x"])


def test_no_loop_runs_here():
    assert _io.running_loop() is None


async def test_whether_the_caller_is_async():
    def plain() -> bool:
        return _io.caller_is_async(1)

    assert _io.caller_is_async(1)
    assert not plain()
