"""A task runner of Dask clusters.

What the futures of Dask hold, the final states of the runs, stays on the cluster: a run that depends on another one
gets its value from worker to worker. Each worker announces the ends of runs under a topic of the scheduler; the values
of small results come along, others when somebody asks for them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import distributed
from dask.base import annotate, get_annotations
from distributed.deploy.cluster import Cluster

from prefect.exceptions import MissingResult
from prefect.states import State
from prefect.task_runners.clusters import ClusterTaskRunner, SubmittedRun
from prefect.task_runners.handover import HandedOverRun, Package, RunEnd
from prefect.utilities.importtools import from_qualified_name
from prefect.utilities.slugify import slugify
from prefect_dask import worker
from prefect_dask.client import PrefectDaskClient, PrefectDaskFuture, explain_loss, find_reference, is_lost

_Submitted = SubmittedRun[PrefectDaskFuture[Any]]


class DaskTaskRunner(ClusterTaskRunner[PrefectDaskFuture[Any]]):
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
        self._stack = ExitStack()

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

    def _make_future(self, run: HandedOverRun) -> PrefectDaskFuture[Any]:
        return PrefectDaskFuture(run.id, run_name=run.name)

    def _current_options(self) -> dict[str, Any]:
        return dict(get_annotations())

    def _find_reference(self, value: Any) -> distributed.Future | None:
        return find_reference(value, self._client)

    def _send_package(self, submitted: _Submitted, package: Package) -> None:
        run = submitted.run
        with annotate(**{**submitted.options, worker.ANNOTATION: str(run.id)}):
            sent = self.client.submit(
                worker.run_on_worker,
                package.common,
                package.run,
                self._topic,
                *package.references,
                key=f"{slugify(run.task_name) or 'task'}-{run.id.hex}{submitted.attempts:02x}",
                pure=False,
            )
        submitted.sent = submitted.future._wrapped_future = sent
        sent.add_done_callback(lambda done: self._inbox.put(lambda: self._end_lost_run(submitted, done)))

    # --- the end of runs ----------------------------------------------------------------------------------------------

    def _receive(self, event: tuple[float, bytes]) -> None:
        """Queue the event that a run has ended. Called by the event loop of the client, which must not be blocked."""
        self._inbox.put(lambda: self._handle_run_end(event[1]))

    def _handle_run_end(self, run_end: bytes) -> None:
        run_id, packed = worker.unpack_run_end(run_end)
        submitted = self._submitted.get(run_id)
        if submitted is not None:
            sent, name = submitted.sent, submitted.run.name
            self._adopt(submitted, packed, lambda: _fetch(sent, name))

    def _end_lost_run(self, submitted: _Submitted, done: distributed.Future) -> None:
        """End a run that no worker has announced, unless another one continues with it."""
        run = submitted.run
        if run.id not in self._submitted or done is not submitted.sent:
            return
        state = done.result() if done.status == "finished" else None
        if state is not None:  # the event was lost with a connection
            self._resolve(submitted, run.adopt(RunEnd(run.id, state, [])))
            return
        if self._cancelled:
            self._resolve(submitted, run.cancel())
            return
        if any(is_lost(reference) for reference, _ in submitted.references):
            self._send_when_ready(submitted)  # it has not started: an upstream was lost
            return
        self._retry_or_crash(submitted, explain_loss(done))

    # --- start and stop -----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self.performance_report_path and importlib.util.find_spec("bokeh") is None:
            raise ModuleNotFoundError("`performance_report_path` needs bokeh: pip install bokeh", name="bokeh")
        with ExitStack() as stack:
            target: Any = self.cluster or self.address
            if target is None:
                target = stack.enter_context((self.cluster_class or distributed.LocalCluster)(**self.cluster_kwargs))
            if self.adapt_kwargs:
                target.adapt(**self.adapt_kwargs)
            self._client = self._make_client(target)
            stack.callback(self._client.close)  # a `with` would have to end in the context in which it began
            self._client.register_plugin(worker.RunOnce())
            self._client.subscribe_topic(self._topic, self._receive)
            if self.performance_report_path:
                stack.enter_context(distributed.performance_report(self.performance_report_path))
            self._stack = stack.pop_all()

    def _make_client(self, target: Any) -> PrefectDaskClient:
        try:
            return PrefectDaskClient(target, **self.client_kwargs)
        except (OSError, TimeoutError) as error:
            raise ConnectionError(
                f"DaskTaskRunner cannot reach a Dask scheduler at {self.address or target!r}: {error}. "
                "Start one there, or leave out `address` for a temporary cluster."
            ) from None

    def _disconnect(self) -> None:
        _call_or_none(self.client.run, worker.finish, self._topic)
        _call_or_none(self.client.unsubscribe_topic, self._topic)
        self._stack.close()
        self._client = None

    def cancel_all(self) -> None:
        """Cancel the runs that have not started."""
        self._cancelled = True
        runs = {submitted.sent.key: submitted for submitted in list(self._submitted.values()) if submitted.sent}
        if not runs:
            return
        _call_or_none(self.client.run, worker.start_no_more, self._topic)
        unsent = [
            runs[key] for key in _call_or_none(self.client.run_on_scheduler, worker.list_unsent, list(runs)) or []
        ]
        _call_or_none(self.client.cancel, [submitted.sent for submitted in unsent])
        for submitted in unsent:
            self._resolve(submitted, submitted.run.cancel())


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


def _call_or_none(fn: Callable[..., Any], *args: Any) -> Any:
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
