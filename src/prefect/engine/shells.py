"""Four shells that run user code: call, await, iterate, iterate asynchronously.

A shell calls the body between the steps of a `RunEngine` and passes the outcome on. It must know nothing of states,
retries or records. The body runs in the caller's thread, without an event loop of this package.
"""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from prefect import _io
from prefect._io import drive
from prefect._lazy import lazy
from prefect.engine import failures
from prefect.engine.core import NextStep, Outcome, RunEngine
from prefect.engine.interruption import deadline
from prefect.engine.interruption.termination import outermost_run
from prefect.exceptions import Pause

if TYPE_CHECKING:
    import asyncio

    from prefect.schemas.states import State
else:
    asyncio = lazy("asyncio")

MakeEngine = Callable[[], RunEngine]
"""Makes the engine of a run. It is called when the run starts, not when a coroutine for it is made."""


def start(make: MakeEngine, body: Any, return_state: bool = False) -> Any:
    """Run a task or flow in the shell for its kind of function.

    Args:
        make: Makes the engine of the run.
        body: The task or flow; its `isasync` and `isgenerator` select the shell.
        return_state: Whether to return the final state instead of the value.

    Returns:
        The value or state; for an async function a coroutine, for a generator function a generator.

    Raises:
        ValueError: The state of a generator is requested.
    """
    if body.isgenerator:
        if return_state:
            raise ValueError(f"The generator {body.name!r} has no state to return: iterate over it instead.")
        items = aiterate(make) if body.isasync else iterate(make)
        # A callback in C: the exception of a signal that comes in one of Python's is lost.
        _unfinished.add(weakref.ref(items, _unfinished.discard))
        return items
    if body.isasync:
        return await_(make, return_state)
    return call(make, return_state)


def call(make: MakeEngine, return_state: bool = False) -> Any:
    """Run a sync function; return its value or its final state."""
    run = make()
    if not run.is_outermost:
        return _call_inside(run, return_state)
    with outermost_run():
        return _call_inside(run, return_state)


def _call_inside(run: RunEngine, return_state: bool) -> Any:
    state = run_to_final_state(run)
    if return_state:
        return state
    if isinstance(run.error, StopIteration):
        raise run.error  # which a coroutine cannot
    return drive(run.unwrap())


def run_to_final_state(run: RunEngine) -> State[Any]:
    """Run a sync function and return its final state; raise only what interrupts the process."""
    try:
        verdict = drive(run.prepare_attempt())
        while not verdict.is_finished:
            verdict = drive(run.finish_attempt(_attempt(run)))
            if not verdict.is_finished:
                drive(_io.sleep(verdict.delay_seconds))
                verdict = drive(run.prepare_attempt())
    except BaseException as error:
        if not isinstance(error, Pause):
            drive(run.crash(error))
        raise
    if run.error is not None and failures.is_crash(run.error):
        raise run.error
    return run.state


def _attempt(run: RunEngine) -> Outcome:
    args, kwargs = run.body_arguments()
    try:
        with run:
            if run.timeout_seconds is None:
                return Outcome(value=run.fn(*args, **kwargs))
            return Outcome(
                value=deadline.call_with_timeout(
                    lambda: run.fn(*args, **kwargs), run.timeout_seconds, run.timeout_error
                )
            )
    except BaseException as error:
        return Outcome(error=error)


def collect(run: RunEngine) -> State[Any]:
    """Run a generator function and return its final state; its result is the list of items."""
    for _ in iterate(lambda: run, gather=True):
        pass
    return run.state


async def acollect(run: RunEngine) -> State[Any]:
    """Run an async generator function and return its final state; its result is the list of items."""
    async for _ in aiterate(lambda: run, gather=True):
        pass
    return run.state


async def await_(make: MakeEngine, return_state: bool = False) -> Any:
    """Run an async function; return its value or its final state."""
    run = make()
    with outermost_run() if run.is_outermost else nullcontext():
        state = await arun_to_final_state(run)
        if return_state:
            return state
        return await run.unwrap()


async def arun_to_final_state(run: RunEngine) -> State[Any]:
    """Run an async function and return its final state; raise only what interrupts the process or the asyncio task."""
    try:
        verdict = await run.prepare_attempt()
        while not verdict.is_finished:
            verdict = await _finish(run, await _aattempt(run))
            if not verdict.is_finished:
                await _io.sleep(verdict.delay_seconds)
                verdict = await run.prepare_attempt()
    except BaseException as error:
        if not isinstance(error, Pause):
            await _io.shield(run.crash(error))
        raise
    if run.error is not None and failures.is_crash(run.error):
        raise run.error
    return run.state


async def _finish(run: RunEngine, outcome: Outcome) -> NextStep:
    """Finish an attempt. The end of a run that was cancelled is recorded although its task is cancelled further."""
    finishing = run.finish_attempt(outcome)
    if outcome.error is not None and failures.is_crash(outcome.error):
        return await _io.shield(finishing)
    return await finishing


async def _aattempt(run: RunEngine) -> Outcome:
    args, kwargs = run.body_arguments()
    try:
        with run:
            if run.timeout_seconds is None:
                return Outcome(value=await run.fn(*args, **kwargs))
            return Outcome(
                value=await deadline.await_with_timeout(run.fn(*args, **kwargs), run.timeout_seconds, run.timeout_error)
            )
    except BaseException as error:
        return Outcome(error=error)


def iterate(make: MakeEngine, gather: bool = False) -> Generator[Any, Any, Any]:
    """Run a generator function and yield its items; with `gather` they are also the run's result."""
    run = make()
    _close_generators_at_exit()
    try:
        verdict = drive(run.prepare_attempt())
        while not verdict.is_finished:
            verdict = drive(run.finish_attempt((yield from _items(run, gather))))
            if not verdict.is_finished:
                drive(_io.sleep(verdict.delay_seconds))
                verdict = drive(run.prepare_attempt())
    except BaseException as error:
        if not isinstance(error, (GeneratorExit, Pause)):
            drive(run.crash(error))
        raise
    return None if gather else drive(run.unwrap())


_unfinished: set[weakref.ref[Generator[Any, Any, Any] | AsyncGenerator[Any, Any]]] = set()


@cache
def _close_generators_at_exit() -> None:
    """Register, once, that unfinished generators are closed at exit, while the journal can still be written."""
    atexit.register(_close_unfinished)


def _close_unfinished() -> None:
    _io.call_in_place()
    for reference in list(_unfinished):
        items = reference()
        try:
            if isinstance(items, Generator):
                items.close()
            elif items is not None:  # its event loop was left open, or closed without it
                asyncio.run(_as_coroutine(items.aclose()))
        except Exception:  # raised by the user's clean-up; the run has recorded it
            continue


def _items(run: RunEngine, gather: bool) -> Generator[Any, Any, Outcome]:
    """Make one attempt. Each step enters the run's context; between the steps the consumer's context is current."""
    args, kwargs = run.body_arguments()
    step = _GeneratorStep(run)
    items: list[Any] = []
    try:
        generator = run.fn(*args, **kwargs)
        advance, sent = generator.send, None
        while True:
            item = step(advance, sent)
            if gather:
                items.append(item)
            try:
                advance, sent = generator.send, (yield item)
            except GeneratorExit:
                drive(run.finish_closed_generator(_close(run, generator)))
                raise
            except BaseException as error:
                advance, sent = generator.throw, error
    except StopIteration as stop:
        return Outcome(value=items if gather else stop.value)
    except BaseException as error:
        if run.is_closing:
            raise
        return Outcome(error=error)


def _close(run: RunEngine, generator: Generator[Any]) -> Outcome:
    """Close the generator of the body when the consumer has closed the outer one."""
    try:
        with run:
            generator.close()
    except BaseException as error:
        return Outcome(error=error)
    return Outcome()


class _GeneratorStep:
    """Calls the steps of a generator in the run's context, within the time that is left of its timeout."""

    def __init__(self, run: RunEngine) -> None:
        self._run = run
        self._end = None if run.timeout_seconds is None else time.monotonic() + run.timeout_seconds

    def _seconds_left(self, end: float) -> float:
        return max(0.0, end - time.monotonic())

    def __call__(self, advance: Callable[[Any], Any], sent: Any) -> Any:
        with self._run:
            if self._end is None:
                return advance(sent)
            return deadline.call_with_timeout(
                lambda: advance(sent), self._seconds_left(self._end), self._run.timeout_error
            )

    async def call_async(self, advance: Callable[[Any], Awaitable[Any]], sent: Any) -> Any:
        with self._run:
            if self._end is None:
                return await advance(sent)
            return await deadline.await_with_timeout(
                _as_coroutine(advance(sent)), self._seconds_left(self._end), self._run.timeout_error
            )


async def _as_coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def aiterate(make: MakeEngine, gather: bool = False) -> AsyncGenerator[Any, Any]:
    """Run an async generator function and yield its items; see `iterate`."""
    run = make()
    _close_generators_at_exit()
    try:
        verdict = await run.prepare_attempt()
        while not verdict.is_finished:
            attempt = _AsyncItems(run, gather)
            while (item := await attempt.next_item()) is not _END:
                try:
                    attempt.send((yield item))
                except GeneratorExit:
                    await _io.shield(run.finish_closed_generator(await attempt.close()))
                    raise
                except BaseException as error:
                    attempt.throw(error)
            verdict = await _finish(run, attempt.outcome)
            if not verdict.is_finished:
                await _io.sleep(verdict.delay_seconds)
                verdict = await run.prepare_attempt()
    except BaseException as error:
        if not isinstance(error, (GeneratorExit, Pause)):
            await _io.shield(run.crash(error))
        raise
    if not gather:
        await run.unwrap()


_END: Any = object()


class _AsyncItems:
    """One attempt of an async generator, step by step as in `_items`; async generators have no `yield from`."""

    def __init__(self, run: RunEngine, gather: bool) -> None:
        self._run = run
        self._gathered: list[Any] | None = [] if gather else None
        self._step = _GeneratorStep(run)
        self._generator: Any = None
        self._advance: Callable[[Any], Awaitable[Any]] | None = None
        self._sent: Any = None
        self.outcome = Outcome()

    async def next_item(self) -> Any:
        """Return the next item, or `_END` after the last one."""
        try:
            item = await self._step.call_async(self._advance or self._begin(), self._sent)
        except StopAsyncIteration:
            self.outcome = Outcome(value=self._gathered)
            return _END
        except BaseException as error:
            self.outcome = Outcome(error=error)
            return _END
        if self._gathered is not None:
            self._gathered.append(item)
        return item

    def _begin(self) -> Callable[[Any], Awaitable[Any]]:
        args, kwargs = self._run.body_arguments()
        self._generator = self._run.fn(*args, **kwargs)
        return self._generator.asend

    def send(self, value: Any) -> None:
        """Pass a value to the next step."""
        self._advance, self._sent = self._generator.asend, value

    def throw(self, error: BaseException) -> None:
        """Raise an error in the generator at the next step."""
        self._advance, self._sent = self._generator.athrow, error

    async def close(self) -> Outcome:
        """Close the generator of the body when the consumer has closed the outer one."""
        try:
            with self._run:
                await self._generator.aclose()
        except BaseException as error:
            return Outcome(error=error)
        return Outcome()
