"""The default task runner: threads of this process."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from prefect._lazy import lazy
from prefect.engine import shells
from prefect.engine.task_run import TaskExecution
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.schemas.states import State, StateType
from prefect.task_runners.base import Dependencies, TaskRunner
from prefect.task_runners.pool import ThreadPool

if TYPE_CHECKING:
    import asyncio

    from prefect import settings
    from prefect.tasks import Task
else:
    asyncio = lazy("asyncio")
    settings = lazy("prefect.settings")

R = TypeVar("R")


class ThreadPoolTaskRunner(TaskRunner[PrefectConcurrentFuture[R]]):
    """Runs submitted tasks in threads.

    A run whose upstream is not done holds no thread, and a run that waits for one it submitted lends its place out.

    Args:
        max_workers: How many tasks run at once; `PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS` by default, which is
            no limit unless set.

    Raises:
        ValueError: `max_workers` is below 1.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        super().__init__()
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"`max_workers` must be at least 1, not {max_workers}.")
        self._max_workers = max_workers
        self._pool: ThreadPool | None = None

    def duplicate(self) -> ThreadPoolTaskRunner[R]:
        return ThreadPoolTaskRunner(self._max_workers)

    def submit(
        self,
        task: Task[..., Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: Dependencies | None = None,
    ) -> PrefectConcurrentFuture[R]:
        if not self._started or self._pool is None:
            raise RuntimeError("The task runner must be started before submitting work.")
        run = TaskExecution(task, parameters, wait_for, dependencies)
        future: PrefectConcurrentFuture[R] = PrefectConcurrentFuture(run.run.id)
        future.pending = lambda: run.state
        context = contextvars.copy_context()
        put = partial(self._pool.put, partial(context.run, _run_to_end, run, future))
        when_done([upstream for upstream in run.upstreams if upstream is not future], put)
        return future

    def cancel_all(self) -> None:
        """Take back the runs that have not started; their futures are never done."""
        if self._pool is not None:
            self._pool.cancel()

    def __enter__(self) -> ThreadPoolTaskRunner[R]:
        super().__enter__()
        limit = self._max_workers or settings.get_current_settings().tasks.runner.thread_pool_max_workers
        self._pool = ThreadPool(limit, "prefect-task")
        return self

    def __exit__(self, *error: Any) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            if error and error[0] is not None:
                pool.cancel()
            pool.close()
        super().__exit__(*error)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ThreadPoolTaskRunner) and self._max_workers == other._max_workers

    def __hash__(self) -> int:
        return hash((type(self), self._max_workers))


def when_done(futures: list[PrefectFuture[Any]], then: Any) -> None:
    """Call `then` once all futures are done, in whatever thread finishes the last one."""
    waiting = [future for future in futures if not getattr(future, "done", False)]
    if not waiting:
        then()
        return
    countdown = _Countdown(len(waiting), then)
    for future in waiting:
        future.add_done_callback(countdown)


class _Countdown:
    """Calls a function at the n-th call."""

    def __init__(self, count: int, then: Any) -> None:
        self._count = count
        self._then = then
        self._lock = threading.Lock()

    def __call__(self, _: Any) -> None:
        with self._lock:
            self._count -= 1
            last = self._count == 0
        if last:
            self._then()


def _run_to_end(run: TaskExecution, future: PrefectConcurrentFuture[Any]) -> None:
    """Run a submitted task in the present thread and resolve its future, whatever happens."""
    try:
        state = run_submitted(run)
    except BaseException as error:  # an interruption ends this run, not the pool
        state = run.state if run.state.is_final() else State.make(StateType.CRASHED, message=str(error), data=error)
    future.resolve(state)


def run_submitted(run: TaskExecution) -> Any:
    """Run a task whose caller is no longer there: generators are consumed, coroutines get this thread's event loop."""
    task = run.task
    if task.isasync:
        finish = shells.acollect if task.isgenerator else shells.afinish
        return _event_loop().run(finish(run), context=contextvars.copy_context())
    return shells.collect(run) if task.isgenerator else shells.finish(run)


class _Loops(threading.local):
    runner: asyncio.Runner | None = None


_loops = _Loops()


def _event_loop() -> asyncio.Runner:
    """This thread's event loop, kept from one async task to the next."""
    if _loops.runner is None:
        _loops.runner = asyncio.Runner()
    return _loops.runner
