"""I/O primitives block when driven and await otherwise; a suspending coroutine raises an error."""

import asyncio
import concurrent.futures
import contextvars
import inspect
import threading

import pytest

from prefect import _io, flow

VALUE: contextvars.ContextVar[int] = contextvars.ContextVar("value", default=0)


async def read(x: int) -> int:
    await _io.sleep(0)
    return await _io.blocking(lambda: x + 1)


class Store:
    async def aread(self, x: int) -> int:
        return await read(x)

    read = _io.twin(aread)

    @classmethod
    async def aname(cls, text: str) -> str:
        return f"{cls.__name__} {text}"

    name = _io.class_twin(aname)


def test_drive_completes_without_event_loop():
    assert _io.drive(read(1)) == 2
    assert not _io.is_driven()


def test_drive_raises_when_coroutine_suspends():
    async def bypass() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="bypass suspended while driven"):
        _io.drive(bypass())
    assert not _io.is_driven()


def test_drive_ends_when_coroutine_raises():
    async def fail() -> None:
        assert _io.is_driven()
        raise KeyError("x")

    with pytest.raises(KeyError):
        _io.drive(fail())
    assert not _io.is_driven()


def test_twin_drives_in_sync_code():
    assert Store().read(1) == 2


async def test_twin_is_awaitable_in_coroutine():
    assert await Store().read(1) == 2
    assert await Store().read.aio(2) == 3


async def test_twin_is_awaitable_wherever_it_is_called_under_event_loop():
    assert await asyncio.gather(*[Store().read(x) for x in range(2)]) == [1, 2]
    assert [await each for each in map(Store().read, range(2))] == [1, 2]
    assert await (lambda: Store().read(1))() == 2


async def test_twin_drives_in_thread_without_event_loop():
    assert await asyncio.to_thread(Store().read, 1) == 2


async def test_twin_decides_by_sync_argument():
    assert Store().read(1, _sync=True) == 2  # pyright: ignore[reportCallIssue]
    assert await asyncio.to_thread(lambda: asyncio.run(Store().read(1, _sync=False))) == 2  # pyright: ignore


def test_twin_decides_by_run_and_not_by_loop_inside_of_a_run():
    async def ask() -> bool:
        return inspect.iscoroutine(answer := Store().read(1)) and (answer.close() or True)

    @flow
    def sync_flow() -> bool:
        return asyncio.run(ask())

    @flow
    async def async_flow() -> bool:
        return await ask()

    assert (sync_flow(), asyncio.run(async_flow())) == (False, True)


def test_bound_twin_has_its_async_original_and_signature():
    store = Store()
    assert asyncio.run(store.read.aio(1)) == 2  # pyright: ignore[reportFunctionMemberAccess]
    assert asyncio.run(store.read.aio(store, 1)) == 2  # pyright: ignore[reportFunctionMemberAccess]
    assert asyncio.run(Store.read.aio(store, 1)) == 2
    assert str(inspect.signature(store.read)) == "(x: int) -> int"


def test_class_twin_binds_the_class():
    class Special(Store): ...

    assert (Store.name("a"), Special.name("a"), Special().name("a")) == ("Store a", "Special a", "Special a")
    assert asyncio.run(Special.name.aio("a")) == "Special a"  # pyright: ignore[reportFunctionMemberAccess]
    assert str(inspect.signature(Store.name)) == "(text: str) -> str"


async def test_twin_drives_in_driven_coroutine_under_event_loop():
    async def inside() -> int:
        return Store().read(3)

    assert _io.drive(inside()) == 4


@pytest.mark.parametrize("driven", [True, False])
def test_wait_returns_result_of_future(driven: bool):
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_result(5)
    assert (_io.drive(_io.wait(future)) if driven else asyncio.run(_io.wait(future))) == 5


@pytest.mark.parametrize("driven", [True, False])
def test_wait_does_not_cancel_future_on_timeout(driven: bool):
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    with pytest.raises(TimeoutError):
        if driven:
            _io.drive(_io.wait(future, 0.01))
        else:
            asyncio.run(_io.wait(future, 0.01))
    assert not future.cancelled()


def test_blocking_uses_thread_only_when_not_driven():
    here = threading.current_thread()
    assert _io.drive(_io.blocking(threading.current_thread)) is here
    assert asyncio.run(_io.blocking(threading.current_thread)) is not here


async def _sees_loop() -> int:
    asyncio.get_running_loop()
    await asyncio.sleep(0)
    assert not _io.is_driven()
    return VALUE.get()


def test_call_user_runs_async_function_on_new_loop_when_driven():
    VALUE.set(7)
    assert _io.drive(_io.call_user(_sees_loop)) == 7


async def test_call_user_runs_async_function_under_running_loop():
    VALUE.set(8)
    assert _io.drive(_io.call_user(_sees_loop)) == 8
    assert await _io.call_user(_sees_loop) == 8


def test_call_user_runs_sync_function_undriven():
    def user() -> int:
        assert not _io.is_driven()
        return Store().read(1)

    assert _io.drive(_io.call_user(user)) == 2


def test_in_thread_copies_context_and_raises_error():
    VALUE.set(9)
    assert _io.in_thread(VALUE.get) == 9
    with pytest.raises(KeyError):
        _io.in_thread(lambda: dict[str, int]()["x"])


def test_running_loop_is_none_without_event_loop():
    assert _io.running_loop() is None
