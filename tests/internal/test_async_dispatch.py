"""`async_dispatch` picks the sync or the async implementation of a function; tests/compat has the table of callers."""

import asyncio
from typing import Any

import pytest

from prefect._internal.compatibility.async_dispatch import async_dispatch, is_in_async_context


async def aread(x: int) -> str:
    return f"async {x}"


@async_dispatch(aread)
def read(x: int) -> str:
    """Read."""
    return f"sync {x}"


class Store:
    async def aread(self, x: int) -> str:
        return f"async {x}"

    @async_dispatch(aread)
    def read(self, x: int) -> str:
        return f"sync {x}"

    @classmethod
    async def aload(cls, x: int) -> str:
        return f"async {cls.__name__} {x}"

    @classmethod
    @async_dispatch(aload)
    def load(cls, x: int) -> str:
        return f"sync {cls.__name__} {x}"


def test_sync_implementation_is_called_without_loop():
    assert (read(1), Store().read(2), Store.load(3)) == ("sync 1", "sync 2", "sync Store 3")
    assert not is_in_async_context()


async def test_async_implementation_is_called_under_loop():
    calls: Any = [read(1), Store().read(2), Store.load(3)]
    assert [await call for call in calls] == ["async 1", "async 2", "async Store 3"]
    assert is_in_async_context()


async def test_sync_argument_decides_under_loop():
    chosen: Any = read
    assert chosen(1, _sync=True) == "sync 1"
    assert await chosen(1, _sync=False) == "async 1"


def test_sync_argument_decides_without_loop():
    chosen: Any = read
    assert asyncio.run(chosen(1, _sync=False)) == "async 1"


def test_function_keeps_its_name_and_has_the_async_implementation():
    function: Any = read
    assert (function.__name__, function.__doc__, function.aio) == ("read", "Read.", aread)


def test_implementation_that_is_not_async_is_refused():
    with pytest.raises(TypeError, match="must be an async function"):
        async_dispatch(lambda x: x)  # pyright: ignore[reportArgumentType]


def test_async_task_is_an_async_implementation():
    from prefect import task

    @task
    async def implementation() -> int:
        return 2

    @async_dispatch(implementation)
    def twice() -> int:
        return 1

    assert twice() == 1
    assert twice.aio is implementation
