"""A Dask client that takes tasks as well as functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID, uuid4

import distributed
from dask.base import annotate
from distributed.scheduler import KilledWorker

from prefect import Task
from prefect.exceptions import MissingResult
from prefect.task_runners.clusters import ClusterFuture
from prefect.task_runners.handover import HandedOverRun, Package, RunEnd, UpstreamTaskError
from prefect.utilities.slugify import slugify
from prefect_dask import worker

R = TypeVar("R")

OPTIONS = ("workers", "resources", "priority", "fifo_timeout", "allow_other_workers", "pure")
"""The arguments of `submit` and `map` that are Dask's when a task is submitted; others are the task's."""

_ALIVE = ("pending", "finished")
"""The statuses of a future of Dask that dependents may be computed from."""


class PrefectDaskFuture(ClusterFuture[R, distributed.Future]):
    """A future of a task run on a Dask cluster."""

    __slots__ = ()

    def is_on(self, client: distributed.Client | None) -> bool:
        """Return whether the run has been submitted with a client, and its end is or will be on that cluster."""
        future = self._wrapped_future
        return future is not None and future.client is client and future.status in _ALIVE


def find_reference(value: Any, client: distributed.Client | None) -> distributed.Future | None:
    """Return the future of Dask that stands for a value on a client's cluster, if there is one."""
    if isinstance(value, distributed.Future):
        return value
    if isinstance(value, PrefectDaskFuture) and value.is_on(client):
        return value.wrapped_future
    return None


def is_lost(reference: distributed.Future) -> bool:
    """Return whether what a future stands for is gone, and with it what was to be computed from it."""
    return reference.status not in _ALIVE


def explain_loss(future: distributed.Future) -> str:
    """Return why a future of a task run has neither a value nor an error of the task."""
    error = future.exception() if future.status == "error" else None
    if isinstance(error, KilledWorker):
        return f"The Dask worker {error.last_worker.address!r} died while it had the task run."
    if error is not None:
        return f"Dask could not execute the task run: {error!r}"
    return "Dask has lost the task run."


class PrefectDaskClient(distributed.Client):
    """A Dask client whose `submit` and `map` take tasks as well: each call is then a task run on a worker.

    The future of a task run gives what the task returns, or raises what it raised. The run belongs to the flow run or
    task run that has submitted it. It is tried again as its task says when its code fails, and crashes when its worker
    dies.
    """

    def submit(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Submit a function or a task; see `distributed.Client.submit`.

        Raises:
            UpstreamTaskError: A run among the arguments did not complete.
        """
        if not isinstance(func, Task):
            return super().submit(func, *args, **kwargs)
        _reject_retries(func, kwargs)
        key = kwargs.pop("key", None)
        options: dict[str, Any] = {name: kwargs.pop(name) for name in OPTIONS if name in kwargs} | {"pure": False}
        run = HandedOverRun(func, func.bind_arguments(args, kwargs))

        def send(package: Package) -> distributed.Future:
            name = key or f"{slugify(func.name) or 'task'}-{run.id.hex}"
            arguments = (package.common, package.run, self._task_runs.topic, *package.references)
            with annotate(**{worker.ANNOTATION: str(run.id)}):
                return super(PrefectDaskClient, self).submit(worker.call_task, *arguments, key=name, **options)

        return self._task_runs.submit(run, send)

    def map(self, func: Any, *iterables: Any, **kwargs: Any) -> Any:
        """Map a function or a task over iterables; see `distributed.Client.map`."""
        if not isinstance(func, Task):
            return super().map(func, *iterables, **kwargs)
        kwargs.pop("batch_size", None)
        key = kwargs.pop("key", None)
        keys = iter(key) if isinstance(key, list) else (f"{key}-{uuid4()}" if key else None for _ in iter(int, 1))
        return [
            self.submit(func, *call, key=each, **kwargs)
            for call, each in zip(zip(*iterables, strict=False), keys, strict=False)
        ]

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the client. Dask forgets what has not ended, so task runs that have not are cancelled."""
        self.end_task_runs()
        return super().close(*args, **kwargs)

    def end_task_runs(self) -> None:
        """Cancel the task runs that have not ended."""
        if "_task_runs" in vars(self):
            self._task_runs.end()

    @cached_property
    def _task_runs(self) -> _TaskRuns:
        return _TaskRuns(self)


class _TaskRuns:
    """The task runs that a client has submitted and that have not ended.

    Attributes:
        topic: Under which workers announce the ends of runs.
    """

    def __init__(self, client: PrefectDaskClient) -> None:
        self._client = client
        self.topic = f"prefect-{uuid4()}"
        # A future that nobody holds is forgotten by Dask, whether it has been computed or not.
        self._open: dict[UUID, tuple[HandedOverRun, distributed.Future]] = {}
        if not client.asynchronous:  # else `get_async_dask_client` has done so
            client.register_plugin(worker.RunOnce())
        client.subscribe_topic(self.topic, self._receive)

    def submit(self, run: HandedOverRun, send: Callable[[Package], distributed.Future]) -> distributed.Future:
        """Send a run to the cluster, once the runs that it waits for are done or on the cluster."""
        for upstream in run.upstreams:
            if find_reference(upstream, self._client) is None:
                upstream.wait()
        try:
            future = send(run.pack(lambda value: find_reference(value, self._client)))
        except (UpstreamTaskError, MissingResult):
            run.run_here()  # it ends immediately, with that reason
            raise
        except Exception as error:  # pickling a user's object may raise anything
            run.crash(f"The task run could not be sent to the Dask cluster: {error!r}", error)
            raise
        self._open[run.id] = (run, future)
        future.add_done_callback(lambda _: self._end_lost_run(run.id))
        return future

    def _receive(self, event: tuple[float, bytes]) -> None:
        """Handle the event of a worker that a run has ended, which arrives before the value of the run."""
        run_id, packed = worker.unpack_run_end(event[1])
        run, future = self._open.pop(run_id, (None, None))
        if run is None or future is None:
            return
        run_end, has_value = RunEnd.unpack(packed)
        run.adopt(run_end if has_value else run_end.with_remote_value(future.result))

    def _end_lost_run(self, run_id: UUID) -> None:
        """End a run that no worker has announced."""
        run, future = self._open.pop(run_id, (None, None))
        if run is None or future is None:
            return
        if future.status in ("error", "lost"):
            run.crash(explain_loss(future))
        elif future.status != "finished":  # else its worker has recorded it
            run.cancel()

    def end(self) -> None:
        """End the runs that are left, because Dask forgets them now."""
        for run_id in list(self._open):
            self._end_lost_run(run_id)


def _reject_retries(task: Task[..., Any], kwargs: dict[str, Any]) -> None:
    if kwargs.get("retries") and "retries" not in task.spec.names:
        raise ValueError(
            f"Dask's `retries` would run task {task.name!r} again behind its back: "
            f"use `{task.fn.__name__}.with_options(retries={kwargs['retries']})`."
        )
