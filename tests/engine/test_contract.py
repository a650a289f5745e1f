"""Behaviour shared by all shells: sync, async, generator and async generator, as a task and as a flow."""

import asyncio
import contextvars
import threading
from pathlib import Path
from typing import Any

import pytest

from prefect import runtime
from prefect.context import EngineContext, TaskRunContext, tags
from prefect.exceptions import ParameterBindError
from tests.engine.shells import SHELLS, Shell
from tests.recorded import records, states

TIMEOUT_SECONDS = 60.0


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return Shell(request.param)


@pytest.fixture(params=["task", "flow"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def decorate(shell: Shell, kind: str, **options: Any) -> Any:
    return getattr(shell, kind)(**options)


class Attempts:
    """A body that fails until it has been called often enough."""

    def __init__(self, failures: int) -> None:
        self.calls = 0
        self.failures = failures
        self.__name__ = self.__qualname__ = "attempts"

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise ValueError(f"attempt {self.calls}")
        return self.calls


def make_body(attempts: Attempts) -> Any:
    def body() -> int:
        return attempts()

    return body


def run_kind(kind: str) -> str:
    return f"{kind}_run"


def test_call_returns_value_and_is_recorded(shell: Shell, kind: str, home: Path):
    @decorate(shell, kind)
    def body(x: int, y: int = 2) -> int:
        return x + y

    assert shell.call(body, 1) == 3
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Completed"]


def test_exception_is_raised_and_recorded(shell: Shell, kind: str, home: Path):
    error = KeyError("mine")

    @decorate(shell, kind)
    def body() -> None:
        raise error

    with pytest.raises(KeyError) as raised:
        shell.call(body)
    assert raised.value is error
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Failed"]
    assert "KeyError" in records(home, "state")[-1]["message"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_interruption_is_raised_and_recorded_as_crash(
    shell: Shell, kind: str, home: Path, interruption: type[BaseException]
):
    @decorate(shell, kind)
    def body() -> None:
        raise interruption

    with pytest.raises(interruption):
        shell.call(body)
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Crashed"]


def test_failed_run_is_retried(shell: Shell, kind: str, home: Path):
    attempts = Attempts(failures=2)
    body = decorate(shell, kind, retries=2)(make_body(attempts))
    assert shell.call(body) == 3
    assert states(home, run_kind(kind))[-1] == "Completed"
    assert attempts.calls == 3


def test_run_fails_when_retries_are_exhausted(shell: Shell, kind: str, home: Path):
    attempts = Attempts(failures=5)
    body = decorate(shell, kind, retries=1)(make_body(attempts))
    with pytest.raises(ValueError, match="attempt 2"):
        shell.call(body)
    assert states(home, run_kind(kind))[-1] == "Failed"
    assert attempts.calls == 2


def test_interruption_is_not_retried(shell: Shell, kind: str):
    calls: list[int] = []

    @decorate(shell, kind, retries=3)
    def body() -> None:
        calls.append(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell.call(body)
    assert calls == [1]


def test_hooks_are_called_and_may_raise(shell: Shell, kind: str, home: Path):
    called: list[str] = []

    def bad(*_: Any) -> None:
        called.append("bad")
        raise RuntimeError("a hook")

    def good(owner: Any, run: Any, state: Any) -> None:
        called.append(f"{owner.name} {state.name}")

    async def later(owner: Any, run: Any, state: Any) -> None:
        await asyncio.sleep(0)
        called.append(f"async {state.name}")

    @decorate(shell, kind, on_completion=[bad, good, later], on_running=[bad, good], name="named")
    def body() -> int:
        return 1

    assert shell.call(body) == 1
    assert called == ["bad", "named Running", "bad", "named Completed", "async Completed"]
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Completed"]


def test_failure_hooks_are_called(shell: Shell, kind: str):
    called: list[str] = []

    @decorate(shell, kind, on_failure=[lambda owner, run, state: called.append(state.name)])
    def body() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        shell.call(body)
    assert called == ["Failed"]


def test_context_exists_only_inside_the_run(shell: Shell, kind: str):
    seen: list[Any] = []

    @decorate(shell, kind)
    def body(x: int) -> None:
        context: Any = TaskRunContext.get() if kind == "task" else EngineContext.get()
        seen.append(context.parameters)
        seen.append(runtime.task_run.id if kind == "task" else runtime.flow_run.id)

    with tags("outside"):
        shell.call(body, 5)
    assert seen[0] == {"x": 5}
    assert seen[1] is not None
    assert TaskRunContext.get() is EngineContext.get() is None


def test_context_variables_of_the_caller_are_visible(shell: Shell, kind: str):
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    @decorate(shell, kind, timeout_seconds=TIMEOUT_SECONDS)
    def body() -> int:
        return variable.get()

    variable.set(3)
    assert shell.call(body) == 3


def test_wrong_arguments_record_no_run(shell: Shell, kind: str, home: Path):
    @decorate(shell, kind)
    def body(x: int) -> None: ...

    with pytest.raises(ParameterBindError):
        shell.call(body)
    assert not home.exists()


@pytest.mark.stray_threads
def test_timeout_is_raised_while_the_function_still_runs(shell: Shell, kind: str, home: Path):
    release, over = threading.Event(), threading.Event()
    calls: list[int] = []

    @decorate(shell, kind, timeout_seconds=0.3, retries=1)
    def body() -> str:
        calls.append(1)
        body.timeout_seconds = TIMEOUT_SECONDS  # of the second attempt
        if len(calls) == 1 and not shell.awaits:
            try:
                release.wait(TIMEOUT_SECONDS)
            finally:
                over.set()
        elif len(calls) == 1:
            over.set()
            raise TimeoutError("stands for a coroutine that is cancelled")
        return "second"

    assert shell.call(body) == "second"
    assert not over.is_set() or shell.awaits, "nobody waited for it"
    release.set()
    assert over.wait(TIMEOUT_SECONDS)
    assert states(home, run_kind(kind))[-1] == "Completed"


def test_run_fails_when_its_last_attempt_times_out(shell: Shell, kind: str, home: Path):
    release = threading.Event()

    @decorate(shell, kind, timeout_seconds=0.05)
    def body() -> None:
        release.wait(TIMEOUT_SECONDS)

    if shell.awaits:
        pytest.skip("a coroutine that blocks its loop cannot be left")
    with pytest.raises(TimeoutError):
        shell.call(body)
    release.set()
    assert states(home, run_kind(kind)) == ["Pending", "Running", "TimedOut"]


def test_nested_runs_are_recorded_with_their_parents(shell: Shell, kind: str, home: Path):
    """A run of this kind inside a flow, called from plain code."""
    from prefect import flow

    @decorate(shell, kind)
    def body(x: int) -> int:
        return x + 1

    @flow
    def outer() -> int:
        return shell.call(body, shell.call(body, 1))

    assert outer() == 3
    assert states(home, "flow_run")[-1] == "Completed"
    assert len([run for run in records(home, "task_run") if run["flow_run_id"]]) == 2


# --- async and sync together ------------------------------------------------------------------------------------------


def test_all_kinds_of_methods_run(kind: str, home: Path):
    from prefect import flow, task

    decorator: Any = {"flow": flow, "task": task}[kind]

    class Thing:
        factor = 10

        def __init__(self) -> None:
            self.own = 2

        @decorator
        def method(self, x: int) -> int:
            return self.own * x

        @decorator
        @classmethod
        def class_method(cls, x: int) -> int:
            return cls.factor * x

        @decorator
        @staticmethod
        def static_method(x: int) -> int:
            return x

    thing = Thing()
    assert (
        thing.method(3),
        thing.class_method(3),
        Thing.class_method(4),
        thing.static_method(5),
        Thing.static_method(6),
    ) == (
        6,
        30,
        40,
        5,
        6,
    )
    assert states(home, run_kind(kind)).count("Completed") == 5


def test_callable_objects_run(kind: str):
    from functools import partial

    from prefect import flow, task

    decorator: Any = {"flow": flow, "task": task}[kind]

    class Doubles:
        def __call__(self, x: int) -> int:
            return x * 2

    assert decorator(Doubles())(4) == 8
    assert decorator(partial(lambda x, y: x + y, 1), name="partial")(2) == 3


def test_sync_flow_and_task_may_call_asyncio_run(kind: str):
    from prefect import flow, task

    decorator: Any = {"flow": flow, "task": task}[kind]

    async def coroutine() -> int:
        await asyncio.sleep(0)
        return 7

    @decorator
    def body() -> int:
        return asyncio.run(coroutine())

    assert body() == 7


async def test_sync_flow_runs_inside_a_running_loop(kind: str):
    from prefect import flow, task

    decorator: Any = {"flow": flow, "task": task}[kind]

    async def hook(*_: Any) -> None:
        await asyncio.sleep(0)
        called.append(1)

    called: list[int] = []

    @decorator(on_completion=[hook])
    def body(x: int) -> int:
        return x

    assert body(3) == 3
    assert called == [1]


async def test_async_runs_are_concurrent(kind: str, home: Path):
    from prefect import flow, task

    decorator: Any = {"flow": flow, "task": task}[kind]
    both = asyncio.Barrier(3)

    @decorator
    async def body(x: int) -> tuple[int, str | None]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await both.wait()
        return x, runtime.task_run.id or runtime.flow_run.id

    found = await asyncio.gather(*(body(number) for number in range(3)))
    assert [number for number, _ in found] == [0, 1, 2]
    assert len({run_id for _, run_id in found}) == 3


async def test_cancelled_coroutine_is_recorded_as_crash(kind: str, home: Path):
    from prefect import flow, task

    decorator: Any = {"flow": flow, "task": task}[kind]
    running = asyncio.Event()

    @decorator
    async def body() -> None:
        running.set()
        await asyncio.Event().wait()

    job = asyncio.ensure_future(body())
    await running.wait()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert states(home, run_kind(kind)) == ["Pending", "Running", "Crashed"]


async def test_coroutine_is_cancelled_at_its_timeout(kind: str, home: Path):
    from prefect import flow, task

    decorator: Any = {"flow": flow, "task": task}[kind]
    cancelled: list[int] = []
    calls: list[int] = []

    @decorator(timeout_seconds=0.02, retries=1)
    async def body() -> str:
        calls.append(1)
        if len(calls) == 2:
            return "second"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise
        return ""

    assert await body() == "second"
    assert cancelled == [1]
