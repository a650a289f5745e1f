"""The base class of the task runners of Dask and Ray clusters.

A submitted run is sent once every run that it waits for is done, or its end is or will be on the cluster. The threads
of a cluster's library, which tell that runs have ended, are not held up: they put what is to be done into an inbox,
which one thread of the runner works off. This module must not know any cluster.
"""

from __future__ import annotations

import abc
import queue
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from prefect.exceptions import CrashedRun, MissingResult, UpstreamTaskError
from prefect.futures import PrefectWrappedFuture, call_when_done
from prefect.schemas.states import State
from prefect.task_runners.base import Links, TaskRunner, Upstreams
from prefect.task_runners.handover import HandedOverRun, Package, RemoteValue, RunEnd

if TYPE_CHECKING:
    from typing import Self

    from prefect.engine.protocols import RunnableTask

__all__ = ["MAX_INLINE_BYTES", "ClusterFuture", "ClusterTaskRunner", "SubmittedRun"]

R = TypeVar("R")
W = TypeVar("W")

MAX_INLINE_BYTES = 8192
"""Values up to this size are sent to the flow's process with the news that the run has ended."""


class ClusterFuture(PrefectWrappedFuture[R, W]):
    """A future of a task run on a cluster.

    Attributes:
        run_name: The name of the run, for messages.
    """

    __slots__ = ("run_name",)

    def __init__(self, task_run_id: UUID, wrapped_future: W | None = None, run_name: str = "") -> None:
        super().__init__(task_run_id)
        self._wrapped_future = wrapped_future  # its result says nothing of a retry: the runner resolves this future
        self.run_name = run_name


F = TypeVar("F", bound=ClusterFuture[Any, Any])


class SubmittedRun(Generic[F]):
    """A run that was submitted and has not ended.

    Attributes:
        run: The run.
        future: Its future.
        options: The cluster's options where it was submitted.
        references: What it was sent with instead of values: the cluster's references, and what they stand for.
        sent: The cluster's future of the run, once it has been sent.
        attempts: How often it has been sent.
    """

    __slots__ = ("attempts", "future", "options", "references", "run", "sent")

    def __init__(self, run: HandedOverRun, future: F, options: dict[str, Any]) -> None:
        self.run = run
        self.future = future
        self.options = options
        self.references: list[tuple[Any, Any]] = []
        self.sent: Any = None
        self.attempts = 0


class ClusterTaskRunner(TaskRunner[F]):
    """Runs submitted tasks on a cluster. Subclasses send runs and report their ends."""

    def __init__(self) -> None:
        super().__init__()
        self._submitted: dict[UUID, SubmittedRun[F]] = {}
        self._remote_values: weakref.WeakSet[RemoteValue] = weakref.WeakSet()
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._cancelled = False

    # --- what subclasses say ------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _make_future(self, run: HandedOverRun) -> F:
        """Return the future of a run."""

    @abc.abstractmethod
    def _current_options(self) -> dict[str, Any]:
        """Return the cluster's options for runs that are submitted here."""

    @abc.abstractmethod
    def _find_reference(self, value: Any) -> Any:
        """Return what stands for a value on the cluster, where the cluster has it or will have it; else None."""

    @abc.abstractmethod
    def _send_package(self, submitted: SubmittedRun[F], package: Package) -> None:
        """Send a run to the cluster, and see to it that its end gets into the inbox."""

    # --- submission ---------------------------------------------------------------------------------------------------

    def submit(
        self, task: RunnableTask, parameters: dict[str, Any], wait_for: Upstreams = None, dependencies: Links = None
    ) -> F:
        if not self._started:
            raise RuntimeError("The task runner must be started before submitting work.")
        run = HandedOverRun(task, parameters, wait_for, dependencies)
        future = self._make_future(run)
        future.pending = lambda: run.state
        submitted = self._submitted[run.id] = SubmittedRun(run, future, self._current_options())
        self._send_when_ready(submitted)
        return future

    def _send_when_ready(self, submitted: SubmittedRun[F]) -> None:
        """Send a run to the cluster once every run that it waits for is there or is done."""
        elsewhere = [upstream for upstream in submitted.run.upstreams if self._find_reference(upstream) is None]
        call_when_done(elsewhere, lambda: self._send(submitted))

    def _send(self, submitted: SubmittedRun[F]) -> None:
        run = submitted.run
        if self._cancelled:
            self._resolve(submitted, run.cancel())
            return
        submitted.references = []
        submitted.attempts += 1
        try:
            self._send_package(submitted, run.pack(lambda value: self._create_reference(submitted, value)))
        except (UpstreamTaskError, MissingResult):  # it ends immediately, with that reason
            self._resolve(submitted, run.run_here())
        except Exception as error:  # pickling a user's object may raise anything
            message = f"The task run could not be sent to the {self.name.capitalize()} cluster: {error!r}"
            self._resolve(submitted, run.crash(message, error))

    def _create_reference(self, submitted: SubmittedRun[F], value: Any) -> Any:
        reference = self._find_reference(value)
        if reference is not None:
            submitted.references.append((reference, value))
        return reference

    # --- the end of runs ----------------------------------------------------------------------------------------------

    def _process_inbox(self) -> None:
        while (item := self._inbox.get()) is not None:
            try:
                item()
            except Exception:
                self.logger.exception("The end of a task run could not be processed.")

    def _adopt(self, submitted: SubmittedRun[F], packed: bytes, fetch: Callable[[], Any]) -> None:
        """Take over the end of a run.

        Args:
            submitted: The run.
            packed: Its packed run_end.
            fetch: Returns its value from the cluster, if the run_end does not have it.
        """
        run_end, has_value = RunEnd.unpack(packed)
        if not has_value:
            run_end = run_end.with_remote_value(fetch)
            self._remote_values.add(run_end.state.data)
        self._resolve(submitted, submitted.run.adopt(run_end))

    def _retry_or_crash(self, submitted: SubmittedRun[F], message: str) -> None:
        """Send a run again that the cluster has lost, if its task has retries left; else end it as crashed."""
        delay = submitted.run.retry_elsewhere(message, CrashedRun(message))
        if delay is None:
            self._end_without_value(submitted, submitted.run.crash(message))
        elif delay:
            timer = threading.Timer(delay, self._inbox.put, [lambda: self._send(submitted)])
            timer.daemon = True
            timer.start()
        else:
            self._send(submitted)

    def _end_without_value(self, submitted: SubmittedRun[F], state: State[Any]) -> None:
        """End a run that has left no state on the cluster."""
        submitted.future._wrapped_future = None
        self._resolve(submitted, state)

    def _resolve(self, submitted: SubmittedRun[F], state: State[Any]) -> None:
        self._submitted.pop(submitted.run.id, None)
        submitted.future.resolve(state)

    # --- start and stop -----------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _connect(self) -> None:
        """Connect to the cluster, or start one."""

    @abc.abstractmethod
    def _disconnect(self) -> None:
        """Leave the cluster, and end it if `_connect` has started it."""

    @abc.abstractmethod
    def cancel_all(self) -> None:
        """Cancel the runs that have not started."""

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._connect()
        except BaseException:
            self._started = False
            raise
        threading.Thread(target=self._process_inbox, name=f"prefect-{self.name}", daemon=True).start()
        return self

    def __exit__(self, *error: Any) -> None:
        if error and error[0] is not None:
            self.cancel_all()
        self._announce_waiting(error[1] if len(error) > 1 else None, len(self._submitted))
        while self._submitted:
            for submitted in list(self._submitted.values()):
                submitted.future.wait()
        for value in list(self._remote_values):  # somebody still has the state: the cluster may go now
            try:
                value.fetch()
            except MissingResult:
                continue
        self._inbox.put(None)
        self._disconnect()
        super().__exit__(*error)
