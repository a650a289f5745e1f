"""A task worker: takes the runs of its tasks and runs them."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._io import running_loop
from prefect._lazy import lazy
from prefect.context import TagsContext
from prefect.engine import shells
from prefect.engine.tasks.task_run import TaskRunEngine
from prefect.logging.loggers import get_logger
from prefect.results import deferred
from prefect.schemas.states import StateType
from prefect.task_worker.queue import LEASE_SECONDS, TaskQueue, open_queue
from prefect.tasks import Task
from prefect.types import now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.schemas.runs import TaskRun
    from prefect.task_runners import threads
else:
    threads = lazy("prefect.task_runners.threads")

logger = get_logger("task_worker")

RENEWALS_PER_LEASE = 3
"""How often a claim on a run is renewed while it lasts."""

LEFTOVER_INTERVAL_SECONDS = 3600.0
"""Interval of looking for parameters of runs that have ended without a worker."""

MAX_THREADS = 250
"""Threads of a worker without a limit."""


class StopTaskWorker(Exception):
    """Raised to stop a task worker."""


class TaskWorker:
    """Runs the background runs of some tasks.

    Args:
        tasks: The tasks.
        limit: How many runs at the same time; any number if None.

    Raises:
        ValueError: There are no tasks, or the limit is below 1.
        TypeError: One of the objects is not a task.
    """

    def __init__(self, *tasks: Task[..., Any], limit: int | None = 10) -> None:
        self.tasks: list[Task[..., Any]] = list(_check_tasks(tasks))
        if limit is not None and limit < 1:
            raise ValueError(f"The limit of a task worker must be at least 1, not {limit}.")
        self.task_keys: set[str] = {task.task_key for task in self.tasks}
        self.stopping = False
        self.in_flight_task_runs: dict[str, dict[UUID, datetime]] = {key: {} for key in self.task_keys}
        self.finished_task_runs: dict[str, int] = dict.fromkeys(self.task_keys, 0)
        self._by_key = {task.task_key: task for task in self.tasks}
        self._client_id = f"{socket.gethostname()}-{os.getpid()}"
        self._limit = limit
        self._started_at: datetime | None = None
        self._free = asyncio.Semaphore(limit) if limit is not None else None
        self._running: set[asyncio.Task[None]] = set()
        self._taking: asyncio.Task[None] | None = None
        self._queue: TaskQueue | None = None
        self._threads: ThreadPoolExecutor | None = None

    # --- what the status server shows -----------------------------------------------------------------------------

    @property
    def client_id(self) -> str:
        """The name of the worker: the host name and the process id."""
        return self._client_id

    @property
    def started_at(self) -> datetime | None:
        """The time at which the worker was started; None before."""
        return self._started_at

    @property
    def started(self) -> bool:
        """Whether the worker has been started."""
        return self._started_at is not None

    @property
    def limit(self) -> int | None:
        """The maximum number of concurrent runs; None without a limit."""
        return self._limit

    @property
    def current_tasks(self) -> int | None:
        """The number of current runs; None without a limit."""
        return len(self._running) if self._limit is not None else None

    @property
    def available_tasks(self) -> int | None:
        """The number of runs that could start now; None without a limit."""
        return self._limit - len(self._running) if self._limit is not None else None

    # --- starting and stopping --------------------------------------------------------------------------------------

    def start(self, timeout: float | None = None) -> Any:
        """Claim and execute task runs until the worker is stopped; awaitable where an event loop runs.

        Args:
            timeout: Stop after so many seconds.
        """
        coroutine = self.astart(timeout)
        return coroutine if running_loop() is not None else asyncio.run(coroutine)

    async def astart(self, timeout: float | None = None) -> None:
        """Claim and execute task runs until the worker is stopped."""
        with _on_sigterm(self.handle_sigterm):
            async with self:
                names = ", ".join(sorted(task.name for task in self.tasks))
                logger.info("The task worker %s runs the tasks %s", self.client_id, names)
                self._taking = asyncio.create_task(self._take_runs())
                upkeep = [asyncio.create_task(work()) for work in (self._renew_claims, self._delete_leftovers)]
                try:
                    await asyncio.wait({self._taking}, timeout=timeout)
                    if self._taking.done() and not self._taking.cancelled():
                        self._taking.result()
                finally:
                    self.stopping = True
                    self._taking.cancel()
                    await asyncio.gather(self._taking, return_exceptions=True)
                    await self._finish_running()
                    for work in upkeep:
                        work.cancel()
                    await asyncio.gather(*upkeep, return_exceptions=True)

    def stop(self) -> Any:
        """Stop claiming runs; awaitable where an event loop runs."""
        self._stop()
        return _done() if running_loop() is not None else None

    async def astop(self) -> None:
        """Stop claiming runs, and finish those that have begun."""
        self._stop()

    def _stop(self) -> None:
        if not self.started:
            raise RuntimeError("The task worker has not been started.")
        self.stopping = True
        if self._taking is not None:
            self._taking.get_loop().call_soon_threadsafe(self._taking.cancel)

    def handle_sigterm(self, signum: int, frame: object) -> None:
        """Stop the worker when its process is to end."""
        logger.info("SIGTERM received: no more task runs are taken, and those that have begun are finished.")
        if self._taking is not None:
            self._stop()

    async def __aenter__(self) -> TaskWorker:
        self._threads = ThreadPoolExecutor(self._limit or MAX_THREADS, "prefect-task-worker")
        self._queue = open_queue(sorted(self.task_keys), self.client_id)
        self._started_at = now()
        self.stopping = False
        return self

    async def __aexit__(self, *error: Any) -> None:
        if self._queue is not None:
            await self._queue.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
        self._queue = self._threads = None

    async def _finish_running(self) -> None:
        if self._running:
            logger.info("Waiting for %s task run(s) that have begun", len(self._running))
        while self._running:
            await asyncio.wait(set(self._running))

    # --- runs -------------------------------------------------------------------------------------------------------

    async def _take_runs(self) -> None:
        assert self._queue is not None
        while not self.stopping:
            if self._free is not None:
                await self._free.acquire()
            try:
                run = await self._queue.take()
            except BaseException:
                self._release()
                raise
            job = asyncio.create_task(self._run_and_release(run))
            self._running.add(job)
            job.add_done_callback(self._running.discard)

    async def _run_and_release(self, run: TaskRun) -> None:
        try:
            await self.execute_task_run(run)
        except Exception:
            logger.exception("The task run %r could not be run.", run.name)
        finally:
            self._release()
        if self._queue is not None and await self._queue.finish(run.id):
            await self._delete_parameters(run)

    async def _delete_parameters(self, run: TaskRun) -> None:
        """Delete the parameters of a run whose end is known to the API: it is not delivered again."""
        task = self._by_key.get(run.task_key)
        if task is None or not should_try_to_read_parameters(task, run):
            return
        assert run.state is not None and run.state.state_details.task_parameters_id is not None
        try:
            store = await deferred.open_store(task)
            await deferred.delete_parameters(store, run.state.state_details.task_parameters_id)
        except Exception as error:
            logger.debug("The parameters of task run %r could not be deleted: %s", run.name, error)

    async def _delete_leftovers(self) -> None:
        """Delete, now and then, the parameters of runs that have ended without a worker."""
        while self._queue is not None:
            for task in self.tasks:
                try:
                    await deferred.delete_leftovers(await deferred.open_store(task), self._queue.find_ended)
                except Exception as error:
                    logger.debug("The parameters of runs of %r could not be looked through: %s", task.name, error)
            await asyncio.sleep(LEFTOVER_INTERVAL_SECONDS)

    def _release(self) -> None:
        if self._free is not None:
            self._free.release()

    async def _renew_claims(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / RENEWALS_PER_LEASE)
            mine = [id_ for runs in self.in_flight_task_runs.values() for id_ in runs]
            if not mine or self._queue is None:
                continue
            for id_ in await self._queue.renew(mine):
                logger.warning(
                    "The claim on task run %s was lost, because it was not renewed in time: another worker may run it, "
                    "too.",
                    id_,
                )

    async def execute_task_run(self, task_run: TaskRun) -> None:
        """Run a task run of one of the worker's tasks to its end.

        Args:
            task_run: The run.
        """
        task = self._by_key.get(task_run.task_key)
        if task is None:
            logger.warning("Task run %r is of none of the tasks that this worker runs.", task_run.name)
            return
        logger.info("Received task run: %s - %s", task_run.id, task_run.name)
        in_flight = self.in_flight_task_runs[task.task_key]
        in_flight[task_run.id] = now()
        try:
            await self._execute(task, task_run)
        finally:
            in_flight.pop(task_run.id, None)
            self.finished_task_runs[task.task_key] += 1

    async def _execute(self, task: Task[..., Any], run: TaskRun) -> None:
        if task.persist_result is None:  # who submitted it is in another process
            task = task.with_options(persist_result=True)
        try:
            stored = await _read_call(task, run)
        except Exception as error:
            message = f"The parameters of the task run cannot be read: {type(error).__name__}: {error}"
            logger.exception("The parameters of task run %r cannot be read.", run.name)
            TaskRunEngine.from_recorded_run(task, {}, run).end(StateType.CRASHED, message, error)
            return
        with _entered_tags(stored.get("context")):
            engine = TaskRunEngine.from_recorded_run(task, stored["parameters"], run)
            if task.isasync:
                await (shells.acollect(engine) if task.isgenerator else shells.arun_to_final_state(engine))
                return
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, lambda: context.run(threads.run_submitted, engine))


async def _read_call(task: Task[..., Any], run: TaskRun) -> dict[str, Any]:
    """Return what was stored when a run was submitted."""
    if not should_try_to_read_parameters(task, run):
        return {"parameters": {}}
    assert run.state is not None and run.state.state_details.task_parameters_id is not None
    store = await deferred.open_store(task)
    stored = await deferred.read_parameters(store, run.state.state_details.task_parameters_id)
    parameters = {**task.spec.defaults, **(stored.get("parameters") or {})}
    return {**stored, "parameters": parameters}


def should_try_to_read_parameters(task: Task[..., Any], task_run: TaskRun) -> bool:
    """Return whether parameters were stored for a run."""
    return task_run.state is not None and task_run.state.state_details.task_parameters_id is not None


def _check_tasks(tasks: Iterable[Any]) -> Iterable[Task[..., Any]]:
    found = list(tasks)
    if not found:
        raise ValueError("A task worker needs at least one task.")
    for task in found:
        if not isinstance(task, Task):
            raise TypeError(f"{task!r} is not a task: decorate the function with `@task`.")
        yield task


@contextmanager
def _entered_tags(context: Any) -> Iterator[None]:
    """Enter the tags of the place where a run was submitted."""
    values = (context or {}).get("tags_context")
    if not values:
        yield
        return
    with TagsContext(**values):
        yield


@contextmanager
def _on_sigterm(handle: Any) -> Iterator[None]:
    """Call a function at SIGTERM, where that is possible: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        with suppress(TypeError):  # the previous handler was not made by Python
            signal.signal(signal.SIGTERM, previous)


async def _done() -> None:
    pass
