"""Mocks and other callables as tasks and flows are called, as unit tests of programs do it."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from prefect import flow, task
from prefect.signatures.validation import get_validator


def add(a: int, b: int = 2) -> int:
    return a + b


async def aadd(a: int, b: int = 2) -> int:
    return a + b


SYNC_MOCKS: list[Callable[[], Any]] = [
    lambda: MagicMock(return_value=5),
    lambda: Mock(return_value=5),
    lambda: MagicMock(return_value=5, __name__="named"),
    lambda: create_autospec(add, return_value=5),
]


@pytest.mark.parametrize("decorate", [task, flow])
@pytest.mark.parametrize("make", SYNC_MOCKS)
def test_mock_is_called_with_the_arguments(decorate: Any, make: Callable[[], Any]) -> None:
    mock = make()
    wrapped = decorate(mock)
    assert (wrapped.isasync, wrapped.isgenerator) == (False, False)
    assert wrapped(1, b=3) == 5
    mock.assert_called_once_with(1, b=3)


@pytest.mark.parametrize("decorate", [task, flow])
@pytest.mark.parametrize("make", [AsyncMock, lambda **options: create_autospec(aadd, **options)])
def test_async_mock_is_awaited(decorate: Any, make: Callable[..., Any]) -> None:
    mock = make(return_value=7)
    wrapped = decorate(mock)
    assert wrapped.isasync
    assert asyncio.run(wrapped(1, b=3)) == 7
    mock.assert_awaited_once_with(1, b=3)


def test_submitted_and_mapped_mock_is_called() -> None:
    mock = create_autospec(add, side_effect=lambda a, b=2: a + 1)

    @flow
    def run() -> Any:
        return task(mock).submit(1).result(), task(mock).map([2, 3]).result()

    assert run() == (2, [3, 4])


@pytest.mark.parametrize("decorate", [task, flow])
def test_side_effect_of_mock_is_raised(decorate: Any) -> None:
    with pytest.raises(ValueError, match="broken"):
        decorate(MagicMock(side_effect=ValueError("broken")))()


@pytest.mark.parametrize("decorate", [task, flow])
def test_mock_of_a_task_is_no_task(decorate: Any) -> None:
    mock = MagicMock(spec=task(add), return_value=5)
    assert decorate(mock, name="wrapped")(1) == 5


@pytest.mark.parametrize("decorate", [task, flow])
def test_function_written_in_c_is_called(decorate: Any) -> None:
    assert decorate(operator.add)(1, 2) == 3


def test_mock_has_no_type_hints() -> None:
    assert get_validator(MagicMock())({"args": (1,), "kwargs": {}}) == {"args": (1,), "kwargs": {}}
