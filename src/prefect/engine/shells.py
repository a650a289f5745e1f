"""Four short shells around user code: call, await, iterate, iterate asynchronously.

A shell asks the execution what to do, does the one thing only it can do (call the body), and reports the outcome. It
knows nothing of states, retries or records. The body runs in the caller's thread, with no event loop of ours.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from prefect import _io
from prefect._io import drive
from prefect.engine import core, deadline
from prefect.engine.core import Execution, Outcome
from prefect.engine.termination import watched

if TYPE_CHECKING:
    from prefect.schemas.states import State

Make = Callable[[], Execution]
"""Makes the execution: called when the run really starts, not when a coroutine for it is made."""


def start(make: Make, body: Any, return_state: bool = False) -> Any:
    """Run a task or flow in the shell that its function needs.

    Args:
        make: Makes the execution.
        body: What is run; its `isasync` and `isgenerator` choose the shell.
        return_state: Give the caller the final state in place of the value.

    Returns:
        The value (or state), or what a caller of such a function expects: a coroutine, a generator.
    """
    if body.isgenerator:
        if return_state:
            raise ValueError(f"The generator {body.name!r} has no state to return: iterate over it instead.")
        return aiterate(make) if body.isasync else iterate(make)
    if body.isasync:
        return await_(make, return_state)
    return call(make, return_state)


def call(make: Make, return_state: bool = False) -> Any:
    """Run a sync function to its end."""
    run = make()
    with watched() if run.outermost else nullcontext():
        state = finish(run)
        if return_state:
            return state
        return drive(run.conclude())


def finish(run: Execution) -> State[Any]:
    """Run a sync function to its final state, raising only what interrupts the process."""
    try:
        verdict = drive(run.before())
        while not verdict.done:
            verdict = drive(run.after(_attempt(run)))
            if not verdict.done:
                drive(_io.sleep(verdict.delay))
                verdict = drive(run.before())
    except BaseException as error:
        if core.is_crash(error):
            drive(run.crash(error))
        raise
    if run.error is not None and core.is_crash(run.error):
        raise run.error
    return run.state


def _attempt(run: Execution) -> Outcome:
    args, kwargs = run.arguments()
    try:
        with run:
            if run.time_limit is None:
                return Outcome(value=run.fn(*args, **kwargs))
            return Outcome(value=deadline.call(lambda: run.fn(*args, **kwargs), run.time_limit, run.late))
    except BaseException as error:
        return Outcome(error=error)


def collect(run: Execution) -> State[Any]:
    """Run a generator function to its final state; its result is the list of its items."""
    for _ in iterate(lambda: run, gather=True):
        pass
    return run.state


async def acollect(run: Execution) -> State[Any]:
    """Run an async generator function to its final state; its result is the list of its items."""
    async for _ in aiterate(lambda: run, gather=True):
        pass
    return run.state


async def await_(make: Make, return_state: bool = False) -> Any:
    """Run an async function to its end."""
    run = make()
    with watched() if run.outermost else nullcontext():
        state = await afinish(run)
        if return_state:
            return state
        return await run.conclude()


async def afinish(run: Execution) -> State[Any]:
    """Run an async function to its final state, raising only what interrupts the process or the event loop's task."""
    try:
        verdict = await run.before()
        while not verdict.done:
            verdict = await run.after(await _aattempt(run))
            if not verdict.done:
                await _io.sleep(verdict.delay)
                verdict = await run.before()
    except BaseException as error:
        if core.is_crash(error):
            await run.crash(error)
        raise
    if run.error is not None and core.is_crash(run.error):
        raise run.error
    return run.state


async def _aattempt(run: Execution) -> Outcome:
    args, kwargs = run.arguments()
    try:
        with run:
            if run.time_limit is None:
                return Outcome(value=await run.fn(*args, **kwargs))
            return Outcome(value=await deadline.wait(run.fn(*args, **kwargs), run.time_limit, run.late))
    except BaseException as error:
        return Outcome(error=error)


def iterate(make: Make, gather: bool = False) -> Generator[Any, Any, Any]:
    """Run a generator function, handing its items on as they come; with `gather` they are also the run's result."""
    run = make()
    items: list[Any] = []
    try:
        verdict = drive(run.before())
        while not verdict.done:
            items.clear()
            outcome = yield from _items(run, items.append if gather else None)
            verdict = drive(run.after(Outcome(items, outcome.error) if gather else outcome))
            if not verdict.done:
                drive(_io.sleep(verdict.delay))
                verdict = drive(run.before())
    except BaseException as error:
        if core.is_crash(error) and not isinstance(error, GeneratorExit):
            drive(run.crash(error))
        raise
    return None if gather else drive(run.conclude())


def _items(run: Execution, keep: Callable[[Any], None] | None) -> Generator[Any, Any, Outcome]:
    """One attempt. The run's context is entered for each step, because between them the consumer's own holds."""
    args, kwargs = run.arguments()
    step = _Step(run)
    try:
        generator = run.fn(*args, **kwargs)
        advance, given = generator.send, None
        while True:
            item = step(advance, given)
            if keep is not None:
                keep(item)
            try:
                advance, given = generator.send, (yield item)
            except GeneratorExit:
                generator.close()
                drive(run.after(Outcome()))
                raise
            except BaseException as error:
                advance, given = generator.throw, error
    except StopIteration as stop:
        return Outcome(value=stop.value)
    except GeneratorExit:
        raise
    except BaseException as error:
        return Outcome(error=error)


class _Step:
    """Calls one step of a generator in the run's context, within what is left of its time."""

    def __init__(self, run: Execution) -> None:
        self._run = run
        self._end = None if run.time_limit is None else time.monotonic() + run.time_limit

    def __call__(self, advance: Callable[[Any], Any], given: Any) -> Any:
        with self._run:
            if self._end is None:
                return advance(given)
            left = max(0.0, self._end - time.monotonic())
            return deadline.call(lambda: advance(given), left, self._run.late)


async def aiterate(make: Make, gather: bool = False) -> AsyncGenerator[Any, Any]:
    """As `iterate`, for an async generator function."""
    run = make()
    items: list[Any] = []
    try:
        verdict = await run.before()
        while not verdict.done:
            items.clear()
            attempt = _AsyncAttempt(run)
            async for item in attempt.items():
                if gather:
                    items.append(item)
                yield item
            error = attempt.error
            verdict = await run.after(Outcome(items if gather else None, error))
            if not verdict.done:
                await _io.sleep(verdict.delay)
                verdict = await run.before()
    except GeneratorExit:
        await run.after(Outcome())
        raise
    except BaseException as error:
        if core.is_crash(error):
            await run.crash(error)
        raise
    if not gather:
        await run.conclude()


class _AsyncAttempt:
    """One attempt at an async generator; its outcome is known when the items have ended."""

    def __init__(self, run: Execution) -> None:
        self._run = run
        self._end = None if run.time_limit is None else time.monotonic() + run.time_limit
        self.error: BaseException | None = None

    async def items(self) -> AsyncGenerator[Any]:
        args, kwargs = self._run.arguments()
        generator = None
        try:
            generator = self._run.fn(*args, **kwargs)
            while True:
                yield await self._step(generator)
        except StopAsyncIteration:
            return
        except GeneratorExit:
            if generator is not None:
                await generator.aclose()
            raise
        except BaseException as error:
            self.error = error

    async def _step(self, generator: AsyncGenerator[Any]) -> Any:
        with self._run:
            if self._end is None:
                return await generator.__anext__()
            left = max(0.0, self._end - time.monotonic())
            return await deadline.wait(_anext(generator), left, self._run.late)


async def _anext(generator: AsyncGenerator[Any]) -> Any:
    return await generator.__anext__()
