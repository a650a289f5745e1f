"""A task runner of Dask clusters.

What the futures of Dask hold, the final states of the runs, stays on the cluster: a run that depends on another one
gets its value from worker to worker. Each worker announces the ends of runs under a topic of the scheduler; the values
of small results come along, others when somebody asks for them.
"""

from __future__ import annotations

import importlib.util
import queue
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid4

import distributed
from dask.base import annotate, get_annotations
from distributed.deploy.cluster import Cluster
from distributed.scheduler import KilledWorker

from prefect.exceptions import CrashedRun, MissingResult
from prefect.futures import PrefectFuture, PrefectWrappedFuture
from prefect.states import State
from prefect.task_runners import TaskRunner
from prefect.task_runners.handover import Ending, HandedOverRun, RemoteValue, UpstreamTaskError, call_when_done
from prefect.utilities.importtools import from_qualified_name
from prefect.utilities.slugify import slugify
from prefect_dask import worker
from prefect_dask.client import PrefectDaskClient

if TYPE_CHECKING:
    from typing import Self

R = TypeVar("R")

_ALIVE = ("pending", "finished")
"""The statuses of a future of Dask that dependents may be computed from."""


class PrefectDaskFuture(PrefectWrappedFuture[R, distributed.Future]):
    """A future of a task run on a Dask cluster.

    Attributes:
        run_name: The name of the run, for messages.
    """

    __slots__ = ("run_name",)

    def __init__(self, task_run_id: UUID, wrapped_future: distributed.Future | None = None, run_name: str = "") -> None:
        super().__init__(task_run_id)
        self._wrapped_future = wrapped_future
        self.run_name = run_name

    def is_on(self, client: distributed.Client | None) -> bool:
        """Return whether the run has been submitted with a client, and its end is or will be on that cluster."""
        future = self._wrapped_future
        return future is not None and future.client is client and future.status in _ALIVE


class _Job:
    """A submitted run.

    Attributes:
        run: The run.
        future: Its future.
        annotations: Dask's annotations where it was submitted.
        attempts: How often it has been sent to the cluster.
        references: The futures of Dask that it was sent with.
    """

    __slots__ = ("annotations", "attempts", "future", "references", "run", "task")

    def __init__(self, task: Any, run: HandedOverRun, future: PrefectDaskFuture[Any]) -> None:
        self.task = task
        self.run = run
        self.future = future
        self.annotations: dict[str, Any] = dict(get_annotations())
        self.attempts = 0
        self.references: list[distributed.Future] = []


class DaskTaskRunner(TaskRunner[PrefectDaskFuture[Any]]):
    """Runs submitted tasks on a Dask cluster: on a temporary one by default, which lasts as long as the flow run.

    Programs that make a temporary cluster call their flows under `if __name__ == "__main__":`.

    Args:
        cluster: A running cluster.
        address: The address of a running scheduler.
        cluster_class: The class of a temporary cluster, or its import path; `distributed.LocalCluster` by default.
        cluster_kwargs: Arguments of the class.
        adapt_kwargs: Arguments of the cluster's `adapt`, which lets its size follow the load.
        client_kwargs: Arguments of `distributed.Client`.
        performance_report_path: A file that gets Dask's performance report.

    Raises:
        ValueError: Arguments exclude each other.
    """

    def __init__(
        self,
        cluster: Cluster | None = None,
        address: str | None = None,
        cluster_class: str | Callable[..., Cluster] | None = None,
        cluster_kwargs: dict[str, Any] | None = None,
        adapt_kwargs: dict[str, Any] | None = None,
        client_kwargs: dict[str, Any] | None = None,
        performance_report_path: str | None = None,
    ) -> None:
        super().__init__()
        _reject_contradictions(cluster, address, cluster_class, cluster_kwargs, adapt_kwargs, client_kwargs)
        self.cluster = cluster
        self.address = address
        self.cluster_class = from_qualified_name(cluster_class) if isinstance(cluster_class, str) else cluster_class
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = dict(adapt_kwargs or {})
        self.client_kwargs = dict(client_kwargs or {})
        self.performance_report_path = performance_report_path
        self._client: PrefectDaskClient | None = None
        self._topic = f"prefect-{uuid4()}"
        self._jobs: dict[UUID, _Job] = {}
        self._remote_values: weakref.WeakSet[RemoteValue] = weakref.WeakSet()
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._stack = ExitStack()
        self._cancelled = False

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster,
            "address": self.address,
            "cluster_class": self.cluster_class,
            "cluster_kwargs": self.cluster_kwargs,
            "adapt_kwargs": self.adapt_kwargs,
            "client_kwargs": self.client_kwargs,
            "performance_report_path": self.performance_report_path,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DaskTaskRunner) and self._options == other._options

    def __hash__(self) -> int:
        return hash((type(self), self.address, self.performance_report_path))

    def __reduce__(self) -> Any:
        """Pickle the options: the flow of a run travels to the workers. A cluster does not; its address does."""
        options = self._options
        if self.cluster is not None:
            options |= {"cluster": None, "address": self.cluster.scheduler_address, "adapt_kwargs": {}}
        return _make, (options,)

    def duplicate(self) -> DaskTaskRunner:
        return DaskTaskRunner(**self._options)

    @property
    def client(self) -> PrefectDaskClient:
        """The client of the cluster, while the runner is started.

        Raises:
            RuntimeError: It is not started.
        """
        if self._client is None:
            raise RuntimeError("The task runner must be started before its Dask client can be used.")
        return self._client

    @property
    def scheduler_address(self) -> str | None:
        """The address of the scheduler, while the runner is started."""
        return str(self._client.scheduler.address) if self._client is not None and self._client.scheduler else None

    # --- submission ---------------------------------------------------------------------------------------------------

    def submit(
        self,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: Any = None,
    ) -> PrefectDaskFuture[Any]:
        if not self._started or self._client is None:
            raise RuntimeError("The task runner must be started before submitting work.")
        run = HandedOverRun(task, parameters, wait_for, dependencies)
        future: PrefectDaskFuture[Any] = PrefectDaskFuture(run.id, run_name=run.name)
        future.pending = lambda: run.state
        job = self._jobs[run.id] = _Job(task, run, future)
        self._send_when_ready(job)
        return future

    def _send_when_ready(self, job: _Job) -> None:
        """Send a run to the cluster once every run that it waits for is there or is done."""
        elsewhere = [upstream for upstream in job.run.upstreams if not self._is_on_cluster(upstream)]
        call_when_done(elsewhere, lambda: self._send(job))

    def _is_on_cluster(self, future: Any) -> bool:
        return isinstance(future, PrefectDaskFuture) and future.is_on(self._client)

    def _send(self, job: _Job) -> None:
        if self._cancelled:
            self._resolve(job, job.run.cancel())
            return
        try:
            package = job.run.pack(self._refer)
            job.attempts += 1
            job.references = package.references
            with annotate(**{**job.annotations, worker.ANNOTATION: str(job.run.id)}):
                sent = self.client.submit(
                    worker.run_on_worker,
                    package.common,
                    package.run,
                    self._topic,
                    *package.references,
                    key=f"{slugify(job.task.name) or 'task'}-{job.run.id.hex}{job.attempts:02x}",
                    pure=False,
                )
        except (UpstreamTaskError, MissingResult):  # it ends at once, with that reason
            self._resolve(job, job.run.run_here())
            return
        except Exception as error:  # pickling a user's object may raise anything
            self._resolve(job, job.run.crash(f"The task run could not be sent to the Dask cluster: {error!r}", error))
            return
        job.future._wrapped_future = sent
        sent.add_done_callback(lambda done: self._inbox.put(lambda: self._end_without_news(job, done)))

    def _refer(self, value: Any) -> distributed.Future | None:
        """Return the future of Dask that stands for a value, if there is one."""
        if isinstance(value, distributed.Future):
            return value
        return value.wrapped_future if self._is_on_cluster(value) else None

    # --- the end of runs ----------------------------------------------------------------------------------------------

    def _receive(self, event: tuple[float, bytes]) -> None:
        """Queue the news of a worker. Called by the client's event loop, which must not be held up."""
        self._inbox.put(lambda: self._adopt(event[1]))

    def _work_off_inbox(self) -> None:
        while (item := self._inbox.get()) is not None:
            try:
                item()
            except Exception:
                self.logger.exception("The end of a task run could not be processed.")

    def _adopt(self, packed: bytes) -> None:
        ending, has_value = Ending.unpack(packed)
        job = self._jobs.get(ending.run_id)
        if job is None:
            return
        if not has_value:
            sent, name = job.future.wrapped_future, job.run.name
            ending = ending.with_remote_value(lambda: _fetch(sent, name))
            self._remote_values.add(ending.state.data)
        self._resolve(job, job.run.adopt(ending))

    def _end_without_news(self, job: _Job, done: distributed.Future) -> None:
        """End a run that no worker has announced, unless another one goes on with it."""
        if job.run.id not in self._jobs or done is not job.future.wrapped_future:
            return
        state = done.result() if done.status == "finished" else None
        if state is not None:  # the news was lost with a connection
            self._resolve(job, job.run.adopt(Ending(job.run.id, state, [])))
            return
        if self._cancelled:
            self._resolve(job, job.run.cancel())
            return
        if any(reference.status not in _ALIVE for reference in job.references):
            self._send_when_ready(job)  # it has not started: an upstream was lost
            return
        error = done.exception() if done.status == "error" else None
        if isinstance(error, KilledWorker):
            message = f"The Dask worker {error.last_worker.address!r} died while it had the task run."
        elif error is not None:
            message = f"Dask could not execute the task run: {error!r}"
        else:
            message = "Dask has lost the task run."
        self._retry_or_crash(job, message)

    def _retry_or_crash(self, job: _Job, message: str) -> None:
        delay = job.run.retry_elsewhere(message, CrashedRun(message))
        if delay is None:
            self._resolve(job, job.run.crash(message))
        elif delay:
            timer = threading.Timer(delay, self._inbox.put, [lambda: self._send(job)])
            timer.daemon = True
            timer.start()
        else:
            self._send(job)

    def _resolve(self, job: _Job, state: State[Any]) -> None:
        self._jobs.pop(job.run.id, None)
        job.future.resolve(state)

    # --- start and stop -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        super().__enter__()
        if self.performance_report_path and importlib.util.find_spec("bokeh") is None:
            raise ModuleNotFoundError("`performance_report_path` needs bokeh: pip install bokeh", name="bokeh")
        with ExitStack() as stack:
            target: Any = self.cluster or self.address
            if target is None:
                target = stack.enter_context((self.cluster_class or distributed.LocalCluster)(**self.cluster_kwargs))
            if self.adapt_kwargs:
                target.adapt(**self.adapt_kwargs)
            self._client = stack.enter_context(self._connect(target))
            self._client.register_plugin(worker.RunOnce())
            self._client.subscribe_topic(self._topic, self._receive)
            if self.performance_report_path:
                stack.enter_context(distributed.performance_report(self.performance_report_path))
            threading.Thread(target=self._work_off_inbox, name="prefect-dask", daemon=True).start()
            self._stack = stack.pop_all()
        return self

    def _connect(self, target: Any) -> PrefectDaskClient:
        try:
            return PrefectDaskClient(target, **self.client_kwargs)
        except (OSError, TimeoutError) as error:
            raise ConnectionError(
                f"DaskTaskRunner cannot reach a Dask scheduler at {self.address or target!r}: {error}. "
                "Start one there, or leave out `address` for a temporary cluster."
            ) from None

    def __exit__(self, *error: Any) -> None:
        if error and error[0] is not None:
            self.cancel_all()
        self._announce_waiting(error[1] if len(error) > 1 else None, len(self._jobs))
        while self._jobs:
            for job in list(self._jobs.values()):
                job.future.wait()
        for value in list(self._remote_values):  # somebody still has the state: the cluster may go now
            _try(value.fetch)
        _try(self.client.run, worker.finish, self._topic)
        _try(self.client.unsubscribe_topic, self._topic)
        self._inbox.put(None)
        self._stack.close()
        self._client = None
        super().__exit__(*error)

    def cancel_all(self) -> None:
        """Cancel the runs that have not started."""
        self._cancelled = True
        jobs = {job.future.wrapped_future.key: job for job in list(self._jobs.values()) if job.future.wrapped_future}
        if not jobs:
            return
        _try(self.client.run, worker.start_no_more, self._topic)
        unsent = [jobs[key] for key in _try(self.client.run_on_scheduler, worker.list_unsent, list(jobs)) or []]
        _try(self.client.cancel, [job.future.wrapped_future for job in unsent])
        for job in unsent:
            self._resolve(job, job.run.cancel())


def _make(options: dict[str, Any]) -> DaskTaskRunner:
    return DaskTaskRunner(**options)


def _fetch(sent: distributed.Future, name: str) -> Any:
    """Return the value of a run from the cluster.

    Raises:
        MissingResult: The worker that had it is gone, or it cannot be sent.
    """
    try:
        state: State[Any] = sent.result()
    except Exception as error:
        if sent.status == "finished":
            message = f"The result of task run {name!r} cannot be sent back from its Dask worker: {error!r}"
        else:
            message = (
                f"The result of task run {name!r} is lost: it was in the memory of a Dask worker that is gone. "
                "Persist the results of tasks that must outlive their worker."
            )
        raise MissingResult(message) from None
    return state.data.value


def _try(fn: Callable[..., Any], *args: Any) -> Any:
    """Call a function of a cluster that may be gone; return None then."""
    try:
        return fn(*args)
    except Exception:
        return None


def _reject_contradictions(
    cluster: Cluster | None,
    address: str | None,
    cluster_class: Any,
    cluster_kwargs: dict[str, Any] | None,
    adapt_kwargs: dict[str, Any] | None,
    client_kwargs: dict[str, Any] | None,
) -> None:
    if address and (cluster or cluster_class or cluster_kwargs or adapt_kwargs):
        raise ValueError(
            "`address` names a running scheduler: leave out `cluster`, `cluster_class`, `cluster_kwargs` and "
            "`adapt_kwargs`."
        )
    if cluster and (cluster_class or cluster_kwargs):
        raise ValueError("`cluster` is a running cluster: leave out `cluster_class` and `cluster_kwargs`.")
    for name, kwargs in (("client_kwargs", client_kwargs), ("cluster_kwargs", cluster_kwargs)):
        if kwargs and "asynchronous" in kwargs:
            raise ValueError(f"`{name}` cannot set `asynchronous`: the task runner is not.")
    if client_kwargs and "address" in client_kwargs:
        raise ValueError("`client_kwargs` cannot set `address`: use the `address` of the task runner.")


__all__ = ["DaskTaskRunner", "PrefectDaskFuture"]
