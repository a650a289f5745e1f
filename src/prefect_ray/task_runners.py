"""A task runner of Ray clusters.

Each run gives two objects: its final state with the value, which stays in the cluster's store and goes from node to
node to the runs that depend on it; and the news of its end, which the flow's process reads, with
the value if it is small.
"""

from __future__ import annotations

import importlib
import queue
import threading
import weakref
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from prefect.exceptions import CrashedRun, MissingResult
from prefect.futures import PrefectFuture, PrefectWrappedFuture
from prefect.states import State
from prefect.task_runners import TaskRunner, handover
from prefect.task_runners.handover import Ending, HandedOverRun, RemoteValue, UpstreamTaskError, call_when_done
from prefect_ray.context import RemoteOptionsContext

if TYPE_CHECKING:
    from typing import Self

R = TypeVar("R")

MAX_INLINE_BYTES = 8192
"""Values up to this size are sent to the flow's process with the news that the run has ended."""
FLUSH_TIMEOUT_SECONDS = 10.0
"""How long a node waits for its records to be written."""


@cache
def _import_ray() -> Any:
    """Return the module `ray`, which is heavy.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"prefect_ray needs Ray ({error}): pip install 'pluperfect[ray]'", name=error.name
        ) from None


def execute_on_node(common: bytes, run: bytes, *values: Any) -> tuple[State[Any], bytes]:
    """Execute a task run on a node, and return its final state and the news of its end."""
    ending = handover.execute(common, run, values)
    handover.flush(FLUSH_TIMEOUT_SECONDS, forward=False)  # Ray may kill this process at once
    return ending.state, ending.pack(MAX_INLINE_BYTES)


class PrefectRayFuture(PrefectWrappedFuture[R, Any]):
    """A future of a task run on a Ray cluster.

    Attributes:
        run_name: The name of the run, for messages.
    """

    __slots__ = ("run_name",)

    def __init__(self, task_run_id: UUID, wrapped_future: Any = None, run_name: str = "") -> None:
        super().__init__(task_run_id)
        self._wrapped_future = wrapped_future
        self.run_name = run_name


class _Job:
    """A submitted run.

    Attributes:
        run: The run.
        future: Its future.
        options: Ray's options where it was submitted.
        references: The objects of Ray that it was sent with, and the futures that they are of.
        news: The object with the news of its end.
    """

    __slots__ = ("future", "news", "options", "references", "run")

    def __init__(self, run: HandedOverRun, future: PrefectRayFuture[Any]) -> None:
        self.run = run
        self.future = future
        self.options = dict(RemoteOptionsContext.get().current_remote_options)
        self.references: list[tuple[Any, Any]] = []
        self.news: Any = None


class RayTaskRunner(TaskRunner[PrefectRayFuture[Any]]):
    """Runs submitted tasks on a Ray cluster: on a local one by default, which lasts as long as the flow run.

    Args:
        address: The address of a running cluster, for instance `ray://host:10001` or `auto`.
        init_kwargs: Further arguments of `ray.init`.
    """

    def __init__(self, address: str | None = None, init_kwargs: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.address = address
        self.init_kwargs = dict(init_kwargs or {})
        self._jobs: dict[UUID, _Job] = {}
        self._remote_values: weakref.WeakSet[RemoteValue] = weakref.WeakSet()
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._has_started_ray = False
        self._cancelled = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RayTaskRunner) and (self.address, self.init_kwargs) == (
            other.address,
            other.init_kwargs,
        )

    def __hash__(self) -> int:
        return hash((type(self), self.address))

    def __reduce__(self) -> Any:
        """Pickle the options: the flow of a run travels to the nodes."""
        return RayTaskRunner, (self.address, self.init_kwargs)

    def duplicate(self) -> RayTaskRunner:
        return RayTaskRunner(self.address, self.init_kwargs)

    # --- submission ---------------------------------------------------------------------------------------------------

    def submit(
        self,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: Any = None,
    ) -> PrefectRayFuture[Any]:
        if not self._started:
            raise RuntimeError("The task runner must be started before submitting work.")
        run = HandedOverRun(task, parameters, wait_for, dependencies)
        future: PrefectRayFuture[Any] = PrefectRayFuture(run.id, run_name=run.name)
        future.pending = lambda: run.state
        job = self._jobs[run.id] = _Job(run, future)
        self._send_when_ready(job)
        return future

    def _send_when_ready(self, job: _Job) -> None:
        """Send a run to the cluster once every run that it waits for is there or is done."""
        elsewhere = [upstream for upstream in job.run.upstreams if self._find_object(upstream) is None]
        call_when_done(elsewhere, lambda: self._send(job))

    def _find_object(self, value: Any) -> Any:
        """Return the object of Ray that stands for a value, if there is one."""
        if isinstance(value, _import_ray().ObjectRef):
            return value
        return value.wrapped_future if isinstance(value, PrefectRayFuture) else None

    def _send(self, job: _Job) -> None:
        if self._cancelled:
            self._resolve(job, job.run.cancel())
            return
        job.references = []
        options = {"name": job.run.name, "max_retries": 0, **job.options, "num_returns": 2}
        try:
            package = job.run.pack(lambda value: self._refer(job, value))
            remote = _import_ray().remote(execute_on_node).options(**options)
            state, job.news = remote.remote(package.common, package.run, *package.references)
        except (UpstreamTaskError, MissingResult):  # it ends at once, with that reason
            self._resolve(job, job.run.run_here())
            return
        except Exception as error:  # pickling a user's object may raise anything
            self._resolve(job, job.run.crash(f"The task run could not be sent to the Ray cluster: {error!r}", error))
            return
        job.future._wrapped_future = state
        job.news.future().add_done_callback(lambda done: self._inbox.put(lambda: self._receive(job, done)))

    def _refer(self, job: _Job, value: Any) -> Any:
        found = self._find_object(value)
        if found is not None and isinstance(value, PrefectRayFuture):
            job.references.append((found, value))
        return found

    # --- the end of runs ----------------------------------------------------------------------------------------------

    def _work_off_inbox(self) -> None:
        while (item := self._inbox.get()) is not None:
            try:
                item()
            except Exception:
                self.logger.exception("The end of a task run could not be processed.")

    def _receive(self, job: _Job, done: Any) -> None:
        """Take the news of a run, or find out why there are none."""
        try:
            packed = done.result()
        except BaseException as error:  # Ray's own errors, and a cancellation
            reason = error
            call_when_done([upstream for _, upstream in job.references], lambda: self._end_without_news(job, reason))
            return
        ending, has_value = Ending.unpack(packed)
        if not has_value:
            state, name = job.future.wrapped_future, job.run.name
            ending = ending.with_remote_value(lambda: _fetch(state, name))
            self._remote_values.add(ending.state.data)
        self._resolve(job, job.run.adopt(ending))

    def _end_without_news(self, job: _Job, error: BaseException) -> None:
        """End a run that gave no news, or send it again if that was because of a run that it depends on."""
        if self._cancelled:
            self._end(job, job.run.cancel())
            return
        if any(upstream.wrapped_future is not sent for sent, upstream in job.references):
            self._send_when_ready(job)  # it has not started: an upstream was lost
            return
        message = f"Ray has lost the task run: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
        delay = job.run.retry_elsewhere(message, CrashedRun(message))
        if delay is None:
            self._end(job, job.run.crash(message))
            return
        timer = threading.Timer(delay, self._inbox.put, [lambda: self._send(job)])
        timer.daemon = True
        timer.start()

    def _end(self, job: _Job, state: State[Any]) -> None:
        """End a run that left no object in the cluster."""
        job.future._wrapped_future = None
        self._resolve(job, state)

    def _resolve(self, job: _Job, state: State[Any]) -> None:
        self._jobs.pop(job.run.id, None)
        job.future.resolve(state)

    # --- start and stop -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        super().__enter__()
        ray = _import_ray()
        if not ray.is_initialized():
            self._start_ray(ray)
        threading.Thread(target=self._work_off_inbox, name="prefect-ray", daemon=True).start()
        return self

    def _start_ray(self, ray: Any) -> None:
        try:
            ray.init(**({"address": self.address} if self.address else {}), **self.init_kwargs)
        except ConnectionError as error:
            reason = str(error).strip().splitlines()[0]
            raise ConnectionError(
                f"RayTaskRunner cannot reach a Ray cluster at {self.address!r}: {reason} "
                "Start one there, or leave out `address` for a local one."
            ) from None
        self._has_started_ray = True

    def __exit__(self, *error: Any) -> None:
        if error and error[0] is not None:
            self.cancel_all()
        self._announce_waiting(error[1] if len(error) > 1 else None, len(self._jobs))
        while self._jobs:
            for job in list(self._jobs.values()):
                job.future.wait()
        for value in list(self._remote_values):  # somebody still has the state: the cluster may go now
            try:
                value.fetch()
            except MissingResult:
                continue
        self._inbox.put(None)
        if self._has_started_ray:
            _import_ray().shutdown()
            self._has_started_ray = False
        super().__exit__(*error)

    def cancel_all(self) -> None:
        """Cancel the runs that have not started, and interrupt those under way."""
        self._cancelled = True
        for job in list(self._jobs.values()):
            if job.news is not None:
                _import_ray().cancel(job.news, recursive=False)


def _fetch(state: Any, name: str) -> Any:
    """Return the value of a run from the cluster.

    Raises:
        MissingResult: The node that had it is gone.
    """
    try:
        return _import_ray().get(state).data.value
    except Exception as error:  # Ray's own errors
        raise MissingResult(
            f"The result of task run {name!r} is lost: {type(error).__name__}. "
            "Persist the results of tasks that must outlive their node."
        ) from None


__all__ = ["PrefectRayFuture", "RayTaskRunner"]
