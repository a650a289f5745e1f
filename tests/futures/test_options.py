"""Options of futures."""

import asyncio
from concurrent.futures import Future

import pytest

from prefect import flow, task
from prefect.futures import PrefectConcurrentFuture
from prefect.states import Completed
from prefect.types import new_id


@task
def fails() -> None:
    raise ValueError("on purpose")


def test_future_wraps_that_of_an_executor() -> None:
    inner: Future[object] = Future()
    future = PrefectConcurrentFuture(new_id(), wrapped_future=inner)

    inner.set_result(Completed(data=5))

    assert future.wrapped_future is inner
    assert future.result() == 5


def test_awaited_result_is_the_error_when_it_is_not_to_be_raised() -> None:
    found: list[object] = []

    @flow
    async def main() -> None:
        future = fails.submit()
        found.append(await future.result_async(raise_on_failure=False))
        with pytest.raises(ValueError, match="on purpose"):
            await future.result_async(raise_on_failure=True)

    asyncio.run(main())
    assert repr(found[0]) == "ValueError('on purpose')"
