"""The default task runner: threads of this process."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import _forks
from prefect._lazy import lazy_modules
from prefect.engine import shells
from prefect.engine.tasks.task_run import TaskRunEngine
from prefect.futures import PrefectConcurrentFuture, call_when_done, current_slot
from prefect.schemas.states import State, StateType
from prefect.task_runners.base import Links, TaskRunner, Upstreams
from prefect.task_runners.pool import PoolSlot, ThreadPool

if TYPE_CHECKING:
    import asyncio

    from prefect import settings
    from prefect.engine.protocols import RunnableTask
else:
    asyncio, settings = lazy_modules("asyncio", "prefect.settings")

R = TypeVar("R")

_making_pool = _forks.create_lock()


class ThreadPoolTaskRunner(TaskRunner[PrefectConcurrentFuture[R]]):
    """Runs submitted tasks in threads.

    A run whose upstream is not done holds no thread, and a run that waits for one it submitted frees its slot.

    Args:
        max_workers: How many tasks run at the same time; `PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS` by default,
            which is no limit unless set.

    Raises:
        ValueError: `max_workers` is below 1.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        super().__init__()
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"`max_workers` must be at least 1, not {max_workers}.")
        self._max_workers = max_workers
        self._limit: int | None = None
        self._pool: ThreadPool | None = None
        self._waiting: set[_SubmittedRun] = set()
        self._cancelled = False

    def duplicate(self) -> ThreadPoolTaskRunner[R]:
        return ThreadPoolTaskRunner(self._max_workers)

    def submit(
        self, task: RunnableTask, parameters: dict[str, Any], wait_for: Upstreams = None, dependencies: Links = None
    ) -> PrefectConcurrentFuture[R]:
        if not self._started:
            raise RuntimeError("The task runner must be started before submitting work.")
        pool = self._pool or self._make_pool()
        run = TaskRunEngine(task, parameters, wait_for, dependencies)
        future: PrefectConcurrentFuture[R] = PrefectConcurrentFuture(run.fields["id"])
        future.pending = lambda: run.state
        job = _SubmittedRun(run, future)
        if self._cancelled:
            job.cancel()
            return future
        upstreams = [upstream for upstream in run.upstreams if not getattr(upstream, "done", False)]
        if not upstreams:
            pool.submit(job)
            return future
        pool.reserve_job()
        future.blockers = tuple(upstreams)
        self._waiting.add(job)
        call_when_done(upstreams, lambda: self._put_ready_run(pool, job))
        return future

    def _put_ready_run(self, pool: ThreadPool, job: _SubmittedRun) -> None:
        """Queue a run whose dependencies are done."""
        try:
            self._waiting.remove(job)
        except KeyError:
            return  # it was cancelled
        job.future.blockers = ()
        pool.put(job)
        if self._cancelled:
            self.cancel_all()

    def cancel_all(self) -> None:
        """Cancel the runs that have not started."""
        self._cancelled = True
        pool = self._pool
        if pool is None:
            return
        jobs: list[Any] = pool.take_pending_jobs()
        while self._waiting:
            try:
                jobs.append(self._waiting.pop())
            except KeyError:  # another thread took it
                break
        for job in jobs:
            job.cancel()
            pool.cancel_reservation()

    def __enter__(self) -> ThreadPoolTaskRunner[R]:
        super().__enter__()
        self._limit = self._max_workers or settings.get_current_settings().tasks.runner.thread_pool_max_workers
        return self

    def _make_pool(self) -> ThreadPool:
        """Make the pool, at the first submitted run: most flow runs have none."""
        with _making_pool:
            if self._pool is None:
                self._pool = ThreadPool(self._limit, "prefect-task", at_end=_close_event_loop)
            return self._pool

    def __exit__(self, *error: Any) -> None:
        if error and error[0] is not None:
            self.cancel_all()
        pool = self._pool
        if pool is not None:
            self._announce_waiting(error[1] if len(error) > 1 else None, pool.count_unfinished())
            pool.close()
        super().__exit__(*error)
        self._pool = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ThreadPoolTaskRunner) and self._max_workers == other._max_workers

    def __hash__(self) -> int:
        return hash((type(self), self._max_workers))


class _SubmittedRun:
    """A submitted run as a job of the pool: it runs in the context of its submission and resolves its future."""

    __slots__ = ("_context", "_run", "future")

    def __init__(self, run: TaskRunEngine, future: PrefectConcurrentFuture[Any]) -> None:
        self._run = run
        self._context = contextvars.copy_context()
        self.future = future

    def __call__(self, slot: PoolSlot) -> None:
        self._context.run(self._run_to_end, slot)

    def _run_to_end(self, slot: PoolSlot) -> None:
        """Run the task in this thread and resolve its future, also when the run is interrupted."""
        current_slot.set(slot)
        slot.future = self.future
        run = self._run
        try:
            state = run_submitted(run)
        except BaseException as error:  # an interruption ends this run, not the pool
            message = f"Execution was interrupted: {type(error).__name__}: {error}"
            state = run.end(StateType.CRASHED, message, error)
        self.future.resolve(state)

    def cancel(self) -> None:
        """Cancel the run before it starts."""
        self.future.resolve(cancel_run(self._run))


def cancel_run(run: TaskRunEngine) -> State[Any]:
    """Cancel a run before it starts, and return its state."""
    return run.end(StateType.CANCELLED, "The flow run ended before this task run could start.")


def run_submitted(run: TaskRunEngine) -> Any:
    """Run a submitted task to its end: generators are consumed, coroutines run on this thread's event loop."""
    task = run.task
    if task.isasync:
        finish = shells.acollect if task.isgenerator else shells.arun_to_final_state
        return _get_event_loop().run(finish(run), context=contextvars.copy_context())
    return shells.collect(run) if task.isgenerator else shells.run_to_final_state(run)


class _ThreadLoop(threading.local):
    runner: asyncio.Runner | None = None


_thread_loop = _ThreadLoop()


def _get_event_loop() -> asyncio.Runner:
    """Return this thread's event loop, which async tasks share."""
    if _thread_loop.runner is None:
        _thread_loop.runner = asyncio.Runner()
    return _thread_loop.runner


def _close_event_loop() -> None:
    runner, _thread_loop.runner = _thread_loop.runner, None
    if runner is not None:
        runner.close()
