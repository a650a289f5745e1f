"""A task runner of Ray clusters.

Each run gives two objects: its final state with the value, which stays in the cluster's store and goes from node to
node to the runs that depend on it; and its packed end, which the process of the flow
reads, with the value if it is small.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, TypeVar

from prefect.exceptions import MissingResult
from prefect.futures import PrefectFuture
from prefect.states import State
from prefect.task_runners import handover
from prefect.task_runners.clusters import MAX_INLINE_BYTES, ClusterFuture, ClusterTaskRunner, SubmittedRun
from prefect.task_runners.handover import HandedOverRun, Package, call_when_done
from prefect_ray.context import RemoteOptionsContext

R = TypeVar("R")

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
    """Execute a task run on a node, and return its final state and its packed end."""
    run_end = handover.execute(common, run, values)
    handover.flush(FLUSH_TIMEOUT_SECONDS, forward=False)  # Ray may kill this process immediately
    return run_end.state, run_end.pack(MAX_INLINE_BYTES)


@cache
def _remote_function() -> Any:
    """Return the function of Ray, which is exported to the cluster once."""
    return _import_ray().remote(execute_on_node)


class PrefectRayFuture(ClusterFuture[R, Any]):
    """A future of a task run on a Ray cluster."""

    __slots__ = ()


_Submitted = SubmittedRun[PrefectRayFuture[Any]]


class RayTaskRunner(ClusterTaskRunner[PrefectRayFuture[Any]]):
    """Runs submitted tasks on a Ray cluster: on a local one by default, which lasts as long as the flow run.

    Args:
        address: The address of a running cluster, for instance `ray://host:10001` or `auto`.
        init_kwargs: Further arguments of `ray.init`.
    """

    def __init__(self, address: str | None = None, init_kwargs: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.address = address
        self.init_kwargs = dict(init_kwargs or {})
        self._has_started_ray = False

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

    def _make_future(self, run: HandedOverRun) -> PrefectRayFuture[Any]:
        return PrefectRayFuture(run.id, run_name=run.name)

    def _current_options(self) -> dict[str, Any]:
        return dict(RemoteOptionsContext.get().current_remote_options)

    def _find_reference(self, value: Any) -> Any:
        if isinstance(value, _import_ray().ObjectRef):
            return value
        return value.wrapped_future if isinstance(value, PrefectRayFuture) else None

    def _send_package(self, submitted: _Submitted, package: Package) -> None:
        options = {"name": submitted.run.name, "max_retries": 0, **submitted.options, "num_returns": 2}
        remote = _remote_function().options(**options)
        state, submitted.sent = remote.remote(package.common, package.run, *package.references)
        submitted.future._wrapped_future = state
        submitted.sent.future().add_done_callback(lambda done: self._inbox.put(lambda: self._receive(submitted, done)))

    # --- the end of runs ----------------------------------------------------------------------------------------------

    def _receive(self, submitted: _Submitted, done: Any) -> None:
        """Handle the end of a run, or the error that Ray has in its place."""
        try:
            packed = done.result()
        except BaseException as error:  # Ray's own errors, and a cancellation
            reason = error
            upstreams: list[PrefectFuture[Any]] = [
                value for _, value in submitted.references if isinstance(value, PrefectRayFuture)
            ]
            call_when_done(upstreams, lambda: self._end_lost_run(submitted, reason))
            return
        state, name = submitted.future.wrapped_future, submitted.run.name
        self._adopt(submitted, packed, lambda: _fetch(state, name))

    def _end_lost_run(self, submitted: _Submitted, error: BaseException) -> None:
        """End a run that Ray has lost, or send it again if an upstream run was lost."""
        if self._cancelled:
            self._end_without_value(submitted, submitted.run.cancel())
            return
        if any(
            isinstance(value, PrefectRayFuture) and value.wrapped_future is not reference
            for reference, value in submitted.references
        ):
            self._send_when_ready(submitted)  # it has not started: an upstream was lost
            return
        message = f"Ray has lost the task run: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
        self._retry_or_crash(submitted, message)

    # --- start and stop -----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        ray = _import_ray()
        if ray.is_initialized():
            return
        try:
            ray.init(**({"address": self.address} if self.address else {}), **self.init_kwargs)
        except ConnectionError as error:
            reason = str(error).strip().splitlines()[0]
            raise ConnectionError(
                f"RayTaskRunner cannot reach a Ray cluster at {self.address!r}: {reason} "
                "Start one there, or leave out `address` for a local one."
            ) from None
        self._has_started_ray = True

    def _disconnect(self) -> None:
        if self._has_started_ray:
            _import_ray().shutdown()
            self._has_started_ray = False

    def cancel_all(self) -> None:
        """Cancel the runs that have not started, and interrupt those under way."""
        self._cancelled = True
        for submitted in list(self._submitted.values()):
            if submitted.sent is not None:
                _import_ray().cancel(submitted.sent, recursive=False)


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
