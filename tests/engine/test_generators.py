"""Generators as tasks and flows: items are yielded as they are made; values and errors can be sent in."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.context import EngineContext, TaskRunContext
from tests.interrupts import list_python_calls
from tests.recorded import run, states

DECORATORS = {"task": task, "flow": flow}


@pytest.fixture(params=DECORATORS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def decorator(kind: str) -> Any:
    return DECORATORS[kind]


def run_kind(kind: str) -> str:
    return f"{kind}_run"


def test_items_are_yielded_as_they_are_made(decorator: Any):
    made: list[int] = []

    @decorator
    def numbers() -> Any:
        for number in range(3):
            made.append(number)
            yield number

    found = numbers()
    assert made == []
    assert next(found) == 0
    assert made == [0]
    assert list(found) == [1, 2]


def test_interrupt_at_the_end_of_a_generator_is_not_lost(decorator: Any):
    found = [decorator(lambda: (yield 1))()]
    assert list(found[0]) == [1]
    assert list_python_calls(found.clear) == []


def test_context_of_the_consumer_is_not_the_run(decorator: Any):
    @decorator
    def numbers() -> Any:
        for number in range(2):
            assert (TaskRunContext.get() or EngineContext.get()) is not None
            yield number

    for _ in numbers():
        assert TaskRunContext.get() is EngineContext.get() is None


def test_sent_values_arrive_and_return_value_is_returned(decorator: Any, kind: str, home: Path):
    @decorator
    def echo() -> Any:
        received = []
        while (item := (yield len(received))) is not None:
            received.append(item)
        return received

    def consume() -> Any:
        found = echo()
        assert (next(found), found.send("a"), found.send("b")) == (0, 1, 2)
        with pytest.raises(StopIteration) as stop:
            next(found)
        return stop.value.value

    assert consume() == ["a", "b"]
    assert states(home, run_kind(kind))[-1] == "Completed"


def test_thrown_error_arrives(decorator: Any, kind: str, home: Path):
    @decorator
    def patient() -> Any:
        try:
            yield 1
        except KeyError:
            yield 2

    found = patient()
    next(found)
    assert found.throw(KeyError("x")) == 2
    assert list(found) == []
    assert states(home, run_kind(kind))[-1] == "Completed"


def test_run_fails_when_thrown_error_is_not_caught(decorator: Any, kind: str, home: Path):
    @decorator
    def plain() -> Any:
        yield 1

    found = plain()
    next(found)
    with pytest.raises(KeyError):
        found.throw(KeyError("x"))
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Failed"]


def test_closed_generator_cleans_up_and_completes(decorator: Any, kind: str, home: Path):
    cleaned: list[str] = []

    @decorator
    def endless() -> Any:
        try:
            while True:
                yield 1
        finally:
            cleaned.append("done")

    found = endless()
    next(found)
    found.close()
    assert cleaned == ["done"]
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Completed"]


def test_run_fails_when_clean_up_raises(decorator: Any, kind: str, home: Path):
    @decorator
    def bad() -> Any:
        try:
            yield 1
        finally:
            raise KeyError("clean-up")

    found = bad()
    next(found)
    with pytest.raises(KeyError):
        found.close()
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Failed"]


def test_generator_that_is_never_iterated_records_no_run(decorator: Any, home: Path):
    @decorator
    def numbers() -> Any:
        yield 1

    numbers().close()
    assert not home.exists()


def test_generator_fails_between_items(decorator: Any, kind: str, home: Path):
    @decorator
    def numbers() -> Any:
        yield 1
        raise KeyError("x")

    found = numbers()
    assert next(found) == 1
    with pytest.raises(KeyError):
        next(found)
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Failed"]


def test_submitted_generator_returns_the_list_of_items():
    @task
    def numbers() -> Any:
        yield from range(3)

    @task
    async def anumbers() -> Any:
        for number in range(3):
            await asyncio.sleep(0)
            yield number

    @flow
    def program() -> Any:
        return [numbers.submit().result(), anumbers.submit().result()]

    assert program() == [[0, 1, 2], [0, 1, 2]]


def test_tasks_in_a_generator_flow_belong_to_its_run(home: Path):
    @task
    def step(number: int) -> int:
        return number

    @flow
    def numbers() -> Any:
        for number in range(2):
            yield step(number)
            yield step.submit(number).result()

    assert list(numbers()) == [0, 0, 1, 1]
    assert states(home, "task_run").count("Completed") == 4


# --- async ------------------------------------------------------------------------------------------------------------


async def test_async_items_are_yielded_as_they_are_made(decorator: Any):
    made: list[int] = []

    @decorator
    async def numbers() -> Any:
        for number in range(3):
            await asyncio.sleep(0)
            made.append(number)
            yield number

    found = numbers()
    assert await anext(found) == 0
    assert made == [0]
    assert [number async for number in found] == [1, 2]


async def test_closed_async_generator_cleans_up_before_it_returns(decorator: Any, kind: str, home: Path):
    cleaned: list[str] = []

    @decorator
    async def endless() -> Any:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append("done")

    found = endless()
    await anext(found)
    await found.aclose()
    assert cleaned == ["done"]
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Completed"]


async def test_async_sent_values_arrive(decorator: Any):
    received: list[Any] = []

    @decorator
    async def echo() -> Any:
        received.append((yield 1))
        received.append((yield 2))

    found = echo()
    await anext(found)
    await found.asend("a")
    assert received == ["a"]
    await found.aclose()


async def test_async_thrown_error_arrives(decorator: Any, kind: str, home: Path):
    @decorator
    async def patient() -> Any:
        try:
            yield 1
        except KeyError:
            yield 2

    found = patient()
    await anext(found)
    assert await found.athrow(KeyError("x")) == 2
    assert [item async for item in found] == []
    assert states(home, run_kind(kind))[-1] == "Completed"


async def test_async_run_fails_when_thrown_error_is_not_caught(decorator: Any, kind: str, home: Path):
    @decorator
    async def plain() -> Any:
        yield 1

    found = plain()
    await anext(found)
    with pytest.raises(KeyError):
        await found.athrow(KeyError("x"))
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Failed"]


UNFINISHED = """
    import asyncio, sys

    @{kind}
    async def items():
        try:
            for number in range(3):
                yield number
                await asyncio.sleep(0)
        finally:
            print("closed")

    held = []

    async def begin():
        held.append(items())
        return await anext(held[0])

    loop = asyncio.new_event_loop()
    print(loop.run_until_complete(begin()))
    {end}
"""


@pytest.mark.parametrize("end", ["loop.close()", "sys.exit(0)", "asyncio.run(begin())"])
def test_unfinished_async_generator_is_closed_at_exit(kind: str, end: str, home: Path):
    status, out, errors = run(UNFINISHED.format(kind=kind, end=end), PYTHONWARNINGS="ignore")
    assert (status, out.splitlines()[0], "closed" in out) == (0, "0", True), errors
    assert states(home, run_kind(kind))[-1] == "Completed"
