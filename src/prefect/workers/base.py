"""The base of all workers: what they poll, claim and report; a subclass only starts and stops its infrastructure."""

from __future__ import annotations

import abc
import datetime
import logging
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID, uuid4

import anyio
import anyio.abc

from prefect import outbox
from prefect._lazy import lazy
from prefect.client import orchestration
from prefect.events.utilities import emit_event
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.logging.loggers import get_worker_logger
from prefect.logging.worker_log import WorkerLog
from prefect.runner.claims import Claims
from prefect.runner.poller import Poller
from prefect.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.settings import get_current_settings
from prefect.types import now
from prefect.workers import facts
from prefect.workers.channel import Subscriber, WorkPoolChannel, build_url
from prefect.workers.job_configuration import BaseJobConfiguration, BaseVariables
from prefect.workers.leftovers.cleanup import WorkerCleanupExecutor, WorkerCleanupHandlerRegistry
from prefect.workers.leftovers.teardown import build_cleanup_handler_registry
from prefect.workers.polling import PollingLoop
from prefect.workers.result import BaseWorkerResult
from prefect.workers.runs.bundled_runs import BundledRuns
from prefect.workers.runs.cancellation import CHECK_INTERVAL_SECONDS, CancellationWatch
from prefect.workers.runs.submission import R
from prefect.workers.worker_type import C, V, WorkerType

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.work import WorkPool
    from prefect.schemas.worker_channel import CleanupKind, Frame, WorkerFacts
    from prefect.workers import server
else:
    server = lazy("prefect.workers.server")

__all__ = ["BaseJobConfiguration", "BaseVariables", "BaseWorker", "BaseWorkerResult"]

DEFAULT_CLEANUP_CONCURRENCY = 4

MISSED_POLLS = 30
"""After how many intervals without an answered poll a worker counts as not polling."""


class BaseWorker(WorkerType[C, V], BundledRuns[C, V, R]):
    """A worker of one type. A subclass sets `type` and `job_configuration`, and implements `run`.

    Args:
        work_pool_name: The pool to poll.
        work_queues: The names of its queues to poll; all if None.
        name: The worker's name; made of its class and a random part if None.
        prefetch_seconds: How many seconds before its time a run is submitted; the setting of this name if None.
        create_pool_if_not_found: Whether to create the pool if there is none of this name.
        limit: How many runs at most it runs at the same time; any number if None.
        heartbeat_interval_seconds: Seconds between its heartbeats; the setting of this name if None.
        base_job_template: The job template of a pool that it creates; the worker type's own if None.
    """

    owns_runs: ClassVar[bool] = False
    """Whether what it starts is part of it: a run that it was starting is lost with the worker."""

    cancels_runs: ClassVar[bool] = False
    """Whether it stops runs that are being cancelled, whatever the setting `worker.enable_cancellation` says."""

    is_for_one_run = False
    """Whether it was made for one bundled run, and prepares nothing for others."""

    def __init__(
        self,
        work_pool_name: str,
        work_queues: list[str] | None = None,
        name: str | None = None,
        prefetch_seconds: float | None = None,
        create_pool_if_not_found: bool = True,
        limit: int | None = None,
        heartbeat_interval_seconds: int | None = None,
        *,
        base_job_template: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if name and ("/" in name or "%" in name):
            raise ValueError(f"The name of a worker must not contain '/' or '%': {name!r} does.")
        settings = get_current_settings().worker
        self.name = name or f"{type(self).__name__} {uuid4()}"
        self.backend_id = None
        self.is_setup = False
        self.heartbeat_interval_seconds: float = heartbeat_interval_seconds or settings.heartbeat_seconds
        self._settings = settings
        self._work_pool_name = work_pool_name
        self._work_queues: set[str] = set(work_queues) if work_queues else set()
        self._prefetch_seconds = settings.prefetch_seconds if prefetch_seconds is None else prefetch_seconds
        self._create_pool_if_not_found = create_pool_if_not_found
        self._base_job_template = base_job_template
        self._limit = limit
        self._work_pool: WorkPool | None = None
        self._client: PrefectClient | None = None
        self._exit_stack = AsyncExitStack()
        self._runs_task_group: TaskGroup | None = None
        self._slots: anyio.Semaphore | None = None
        self._limiter: anyio.CapacityLimiter | None = None
        self._last_polled_time = now()
        self._claims = Claims(self.name, is_renewed=self.owns_runs)
        self._poller: Poller | None = None
        self._polling: PollingLoop | None = None
        self._channel: WorkPoolChannel | None = None
        self._cleanups: WorkerCleanupExecutor | None = None
        can_stop = type(self).kill_infrastructure is not BaseWorker.kill_infrastructure
        self._cleanup_handler_registry = build_cleanup_handler_registry(self, self.cleanup_handlers, can_stop)
        self._cancellations = CancellationWatch(
            lambda: self.client,
            self._active_runs,
            self._cancel_run,
            settings.cancellation_poll_seconds
            if "cancellation_poll_seconds" in settings.model_fields_set
            else CHECK_INTERVAL_SECONDS,
        )
        self._started_event: Any = None
        self._sent_facts: WorkerFacts | None = None
        self._loops: TaskGroup | None = None
        self._is_stopping = False
        self._logger = get_worker_logger(self)
        self._log = WorkerLog()
        if settings.debug_mode:
            self._logger.setLevel(logging.DEBUG)

    # --- what it is made of -------------------------------------------------------------------------------------------

    @property
    def client(self) -> PrefectClient:
        """The client of the API, from when the worker is set up."""
        if self._client is None:
            raise RuntimeError("The worker is not set up: use it in an `async with` block.")
        return self._client

    @property
    def work_pool(self) -> WorkPool:
        """The pool, once it has been read."""
        if self._work_pool is None:
            raise RuntimeError(f"The work pool {self._work_pool_name!r} has not been read yet.")
        return self._work_pool

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        """The limit of concurrent runs."""
        if self._limiter is None:
            raise RuntimeError("The worker is not set up: use it in an `async with` block.")
        return self._limiter

    @property
    def cleanup_handler_registry(self) -> WorkerCleanupHandlerRegistry:
        """The handlers of clean-up jobs: the handlers of the class, else one that calls `kill_infrastructure`."""
        return self._cleanup_handler_registry

    @property
    def handled_cleanup_kinds(self) -> tuple[CleanupKind, ...]:
        """The kinds of clean-up jobs that the worker executes."""
        return self._cleanup_handler_registry.handled_cleanup_kinds

    @property
    def max_cleanup_concurrency(self) -> int:
        """The maximum number of concurrent clean-up jobs."""
        if not self.handled_cleanup_kinds:
            return 0
        return self.cleanup_max_concurrency or DEFAULT_CLEANUP_CONCURRENCY

    # --- its life -----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._logger.debug("Entering worker context...")
        await self.setup()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.teardown(*exc_info)

    def __repr__(self) -> str:
        return f"Worker(pool={self._work_pool_name!r}, name={self.name!r})"

    async def setup(self) -> None:
        """Prepare the worker to find and run flow runs. The server may be unavailable."""
        self._limiter = anyio.CapacityLimiter(self._limit if self._limit is not None else 250)
        self._slots = anyio.Semaphore(self._limit) if self._limit is not None else None
        self._client = orchestration.get_client()
        await self._exit_stack.__aenter__()
        await self._exit_stack.enter_async_context(self._client)
        self._runs_task_group = await self._exit_stack.enter_async_context(anyio.create_task_group())
        self._poller = Poller(self.get_and_submit_flow_runs, self._client.api_healthcheck, self._logger, "worker")
        self._polling = PollingLoop(self._poller, self._settings)
        if (url := build_url(str(self._client.api_url), self._work_pool_name)) is not None:
            self._channel = WorkPoolChannel(url, self._describe(), self)
            self._cleanups = WorkerCleanupExecutor(
                self.cleanup_handler_registry, self._channel.send, self.max_cleanup_concurrency
            )
        self.is_setup = True

    async def teardown(self, *exc_info: Any) -> None:
        """End the worker; runs that it still has are cancelled if it ends with an error."""
        self.is_setup = False
        if self._runs_task_group is not None and exc_info and exc_info[0] is not None:
            self._runs_task_group.cancel_scope.cancel()
        await self._exit_stack.__aexit__(*(exc_info or (None, None, None)))
        if self._started_event is not None:
            emit_event(
                "prefect.worker.stopped",
                self._event_resource(),
                related=self._event_related_resources(),
                follows=self._started_event,
            )
        self._runs_task_group = self._client = None

    async def start(
        self, run_once: bool = False, with_healthcheck: bool = False, printer: Callable[..., None] = print
    ) -> None:
        """Find and run flow runs until the task is cancelled.

        Args:
            run_once: Poll for runs once, run those, and return.
            with_healthcheck: Serve the worker's health over HTTP.
            printer: Prints what people should see.
        """
        outbox.use_journal()  # for the log
        with self._log.record_lines():
            await self._work_until_stopped(run_once, with_healthcheck, printer)
        self.announce(f"Worker {self.name!r} stopped!", printer)

    def announce(self, text: str, printer: Callable[..., None]) -> None:
        """Print what people should see, and put it into the worker's log."""
        printer(text)
        self._log.add_announcement(text)

    async def _work_until_stopped(self, run_once: bool, with_healthcheck: bool, printer: Callable[..., None]) -> None:
        health = None
        try:
            async with self as worker:
                await worker._sync_if_reachable()
                worker.announce(f"Worker {worker.name!r} started!", printer)
                if worker._limit is not None:
                    worker.announce(f"It runs at most {worker._limit} flow runs at a time.", printer)
                worker._emit_worker_started()
                if with_healthcheck:
                    health = server.build_healthcheck_server(worker, worker._settings.query_seconds)
                    threading.Thread(name="prefect-healthcheck", target=health.run, daemon=True).start()
                await worker._run_loops(run_once)
                await worker._end_runs()
        finally:
            if health is not None:
                health.should_exit = True

    async def _run_loops(self, run_once: bool) -> None:
        assert self._polling is not None
        async with anyio.create_task_group() as loops:
            self._loops = loops
            if self._is_stopping:
                return
            loops.start_soon(self._send_heartbeats)
            loops.start_soon(self._claims.keep_renewed, self.client)
            if self.cancels_runs or self._settings.enable_cancellation:
                loops.start_soon(self._cancellations.run)
            if run_once:
                await self._run_once()
                loops.cancel_scope.cancel()
                return
            if self._channel is not None:
                loops.start_soon(self._channel.run)
            loops.start_soon(self._polling.run)

    def stop(self) -> None:
        """End the worker: it takes no more runs, and ends those that it has in the way of its type."""
        self._is_stopping = True
        if self._loops is not None:
            self._loops.cancel_scope.cancel()

    def kill(self) -> None:
        """End immediately what would outlive this process, before it exits."""

    async def _end_runs(self) -> None:
        """End the runs that are left when the worker is stopped: their infrastructure continues without it."""
        if self._is_stopping and self._runs_task_group is not None:
            self._runs_task_group.cancel_scope.cancel()

    async def _run_once(self) -> None:
        assert self._poller is not None
        await self._poller.poll_once()
        while self._submitting_flow_run_ids:
            await anyio.sleep(0.05)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Poll for flow runs that are due, and start to claim and run them; return those that are submitted."""
        if self._work_pool is None:
            await self.sync_with_backend()
        if not self._has_free_slot() and not self._must_show_presence():
            return []
        before = now() + datetime.timedelta(seconds=self._prefetch_seconds)
        found = await self.client.get_scheduled_flow_runs_for_work_pool(
            self._work_pool_name, sorted(self._work_queues) or None, before
        )
        self._last_polled_time = now()
        if not self.is_setup:
            return []
        return self._submit_scheduled_runs([answer.flow_run for answer in found])

    def _must_show_presence(self) -> bool:
        """Return whether to poll without a free slot, so that the server does not mark the queues as not ready."""
        half_interval = datetime.timedelta(seconds=self._settings.query_seconds / 2)
        return now() - self._last_polled_time >= half_interval

    def _wake(self) -> None:
        if self._polling is not None:
            self._polling.wake()

    # --- the server ---------------------------------------------------------------------------------------------------

    async def sync_with_backend(self) -> None:
        """Read the pool, create it if there is none, and send a heartbeat."""
        await self._update_local_work_pool_info()
        current = self._get_metadata()
        if self._channel is not None and self._channel.is_open:
            await self._channel.send_heartbeat()
            if current == self._sent_facts:  # a heartbeat of the channel has no place for them
                return
        worker_id = await self.client.send_worker_heartbeat(
            self._work_pool_name, self.name, self.heartbeat_interval_seconds, self.backend_id is None, current
        )
        self._sent_facts = current
        self._identify(worker_id)

    def _identify(self, worker_id: UUID | None) -> None:
        """Note the worker's id on the server; None if the server has not said one."""
        self.backend_id = worker_id or self.backend_id
        self._log.identify(self.backend_id)

    async def _sync_if_reachable(self) -> None:
        try:
            with anyio.fail_after(5):
                await self.sync_with_backend()
        except ObjectNotFound:
            raise
        except Exception as error:
            self._logger.warning("The API cannot be reached yet (%s). The worker starts when it answers.", error)

    async def _update_local_work_pool_info(self) -> None:
        template = self._base_job_template or self.get_default_base_job_template()
        try:
            pool = await self.client.read_work_pool(self._work_pool_name)
        except ObjectNotFound:
            if not self._create_pool_if_not_found:
                raise
            new = WorkPoolCreate(name=self._work_pool_name, type=self.type, base_job_template=template)
            try:
                pool = await self.client.create_work_pool(new)
                self._logger.info("Work pool %r created.", self._work_pool_name)
            except ObjectAlreadyExists:
                pool = await self.client.read_work_pool(self._work_pool_name)
        if not pool.base_job_template:
            await self.client.update_work_pool(pool.name, WorkPoolUpdate(base_job_template=template))
            pool.base_job_template = template
        if self._work_pool is None and pool.type != self.type:
            self._logger.warning(
                "The work pool %r is of the type %r, and this worker of the type %r: its job template may not fit.",
                pool.name,
                pool.type,
                self.type,
            )
        self._work_pool = pool

    async def _send_heartbeats(self) -> None:
        while True:
            await anyio.sleep(self.heartbeat_interval_seconds)
            await self._try("send its heartbeat", self.sync_with_backend)

    def _describe(self) -> Subscriber:
        return Subscriber(
            name=self.name,
            type=self.type,
            heartbeat_interval_seconds=max(1, round(self.heartbeat_interval_seconds)),
            work_queue_names=sorted(self._work_queues),
            read_metadata=lambda: self._get_metadata().model_dump(mode="json"),
            cleanup_kinds=self.handled_cleanup_kinds,
            max_cleanup_concurrency=self.max_cleanup_concurrency,
        )

    def handle_ready(self, worker_id: UUID | None, notifies_of_runs: bool) -> None:
        """Poll less often while the server sends notices of runs."""
        self._identify(worker_id)
        if self._polling is not None:
            self._polling.is_notified = notifies_of_runs
            self._polling.wake()

    def handle_closed(self) -> None:
        """Poll more often while the server sends no notices of runs."""
        if self._polling is not None:
            self._polling.is_notified = False
            self._polling.wake()

    def handle_pool(self, pool: WorkPool) -> None:
        """Use the job template that the pool has now."""
        self._work_pool = pool

    def handle_ready_runs(self) -> None:
        """Poll for runs immediately."""
        self._wake()

    def handle_cancelling_runs(self) -> None:
        """Poll for runs to cancel immediately."""
        self._cancellations.wake()

    def handle_cleanup(self, frame: Frame) -> None:
        """Start to execute a clean-up job."""
        if self._cleanups is not None and self._runs_task_group is not None:
            self._cleanups.submit(frame, self._runs_task_group)

    def handle_cleanup_result(self, frame: Frame) -> None:
        """Go on with a clean-up job as the server answers."""
        if self._cleanups is not None:
            self._cleanups.handle_result(frame)

    async def _try(self, what: str, call: Callable[[], Any]) -> None:
        try:
            with anyio.fail_after(5):
                await call()
        except Exception as error:
            self._logger.debug("The worker could not %s: %s", what, error)

    def _get_metadata(self) -> WorkerFacts:
        own = facts.build_facts(self._limit, self._event_resource()["prefect.resource.id"])
        return own.model_copy(update={"last_failure": self._last_failure})

    # --- its health ---------------------------------------------------------------------------------------------------

    def get_status(self) -> dict[str, Any]:
        """Return the worker's name, pool, settings and whether it is set up."""
        return {
            "name": self.name,
            "work_pool": self._work_pool.model_dump(mode="json") if self._work_pool is not None else None,
            "settings": {"prefetch_seconds": self._prefetch_seconds},
        }

    def is_worker_still_polling(self, query_interval_seconds: float) -> bool:
        """Return whether the worker has polled for runs in the last thirty intervals."""
        allowed = datetime.timedelta(seconds=query_interval_seconds * MISSED_POLLS)
        is_polling = now() - self._last_polled_time <= allowed
        if not is_polling:
            self._logger.error("The worker has not polled for flow runs since %s.", self._last_polled_time)
        return is_polling

    def _emit_worker_started(self) -> None:
        self._started_event = emit_event(
            "prefect.worker.started", self._event_resource(), related=self._event_related_resources()
        )

    # --- what subclasses do -------------------------------------------------------------------------------------------

    @abc.abstractmethod
    async def run(self, flow_run: FlowRun, configuration: C, task_status: anyio.abc.TaskStatus[Any] | None = None) -> R:
        """Run a flow run on this worker's infrastructure, and return how that ended.

        Args:
            flow_run: The run.
            configuration: What to start for it.
            task_status: Receives the identifier of the infrastructure, with `started`, once it exists.
        """
        raise NotImplementedError

    async def kill_infrastructure(self, infrastructure_pid: str, configuration: C, grace_seconds: int = 30) -> None:
        """Stop the infrastructure of a flow run.

        Args:
            infrastructure_pid: Its identifier.
            configuration: The configuration that it was started with.
            grace_seconds: How many seconds it has to end by itself.

        Raises:
            InfrastructureNotFound: There is none of this identifier any more.
            InfrastructureNotAvailable: This worker cannot stop it.
        """
        raise NotImplementedError(f"Workers of type {self.type!r} cannot stop infrastructure.")
