"""A task runner of processes, for CPU-bound tasks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from prefect import journal
from prefect._lazy import lazy, lazy_modules
from prefect.exceptions import UpstreamTaskError
from prefect.futures import PrefectConcurrentFuture, call_when_done
from prefect.task_runners.base import Links, TaskRunner, Upstreams
from prefect.task_runners.handover import HandedOverRun, RunEnd, execute_to_bytes

if TYPE_CHECKING:
    import multiprocessing
    from concurrent import futures as pools

    import cloudpickle

    from prefect import settings
    from prefect.engine.protocols import RunnableTask
else:
    cloudpickle, multiprocessing, pools = lazy_modules("cloudpickle", "multiprocessing", "concurrent.futures")
    settings = lazy("prefect.settings")


class ProcessPoolTaskRunner(TaskRunner[PrefectConcurrentFuture[Any]]):
    """Runs submitted tasks in processes of this machine.

    The task, its parameters and its result travel between the processes with cloudpickle. A run whose upstream is not
    done holds no process.

    Args:
        max_workers: How many processes; as many as there are CPUs by default.
        subprocess_message_processor_factories: Not in this release.
        initializer: Called in each process before its first task.
        initargs: Its arguments.

    Raises:
        ValueError: `max_workers` is below 1.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        subprocess_message_processor_factories: Iterable[Any] | None = None,
        initializer: Callable[..., None] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        super().__init__()
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"`max_workers` must be at least 1, not {max_workers}.")
        if subprocess_message_processor_factories:
            raise NotImplementedError("`subprocess_message_processor_factories` cannot be used yet: leave it out.")
        self._max_workers = max_workers
        self._initializer = initializer
        self._initargs = initargs
        self._executor: Any = None
        self._open: set[PrefectConcurrentFuture[Any]] = set()
        self._cancelled = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProcessPoolTaskRunner) and self._options == other._options

    def __hash__(self) -> int:
        return hash((type(self), self._max_workers))

    @property
    def _options(self) -> tuple[Any, ...]:
        return self._max_workers, self._initializer, self._initargs

    def duplicate(self) -> ProcessPoolTaskRunner:
        return ProcessPoolTaskRunner(self._max_workers, initializer=self._initializer, initargs=self._initargs)

    def submit(
        self, task: RunnableTask, parameters: dict[str, Any], wait_for: Upstreams = None, dependencies: Links = None
    ) -> PrefectConcurrentFuture[Any]:
        if not self._started or self._executor is None:
            raise RuntimeError("The task runner must be started before submitting work.")
        run = HandedOverRun(task, parameters, wait_for, dependencies)
        future: PrefectConcurrentFuture[Any] = PrefectConcurrentFuture(run.id)
        future.pending = lambda: run.state
        self._open.add(future)
        future.add_done_callback(lambda done: self._open.discard(done))  # pyright: ignore[reportArgumentType]
        call_when_done(run.upstreams, lambda: self._send(run, future))
        return future

    def _send(self, run: HandedOverRun, future: PrefectConcurrentFuture[Any]) -> None:
        """Send a run whose dependencies are done to a process; if it cannot be pickled, the run crashes."""
        if self._cancelled:
            future.resolve(run.cancel())
            return
        try:
            package = run.pack()
            sent = self._executor.submit(execute_to_bytes, package.common, package.run)
        except UpstreamTaskError:
            future.resolve(run.run_here())
            return
        except Exception as error:  # pickling a user's object may raise anything
            future.resolve(run.crash(f"The task run could not be sent to a process: {error!r}", error))
            return
        sent.add_done_callback(lambda done: self._receive(run, future, done))

    def _receive(self, run: HandedOverRun, future: PrefectConcurrentFuture[Any], done: Any) -> None:
        if done.cancelled():
            future.resolve(run.cancel())
            return
        try:
            run_end, _ = RunEnd.unpack(done.result())
        except BaseException as error:  # the process died, or what it returned cannot be read
            state = run.crash(f"The process of the task run failed: {error!r}", error)
        else:
            state = run.adopt(run_end)
        future.resolve(state)

    def cancel_all(self) -> None:
        """Cancel the runs that have not started."""
        self._cancelled = True
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> ProcessPoolTaskRunner:
        super().__enter__()
        limit = self._max_workers or settings.get_current_settings().tasks.runner.process_pool_max_workers
        journal.flush()
        self._executor = pools.ProcessPoolExecutor(
            max_workers=limit or os.cpu_count(),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_initialize_process,
            initargs=(cloudpickle.dumps((self._initializer, self._initargs)), list(sys.path)),
        )
        return self

    def __exit__(self, *error: Any) -> None:
        if error and error[0] is not None:
            self.cancel_all()
        self._announce_waiting(error[1] if len(error) > 1 else None, len(self._open))
        while self._open:  # a run that waits for another is sent when that one is done, and needs the processes then
            for future in list(self._open):
                future.wait()
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True)
        super().__exit__(*error)


def _initialize_process(pickled: bytes, path: list[str]) -> None:
    sys.path[:] = path
    initializer, arguments = cloudpickle.loads(pickled)
    if initializer is not None:
        initializer(*arguments)
