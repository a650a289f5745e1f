"""The runner serves deployments and runs each flow run in a child process.

A runner follows the server's events about runs that are due or cancelled; it polls only as a fallback. It must never
run user code in its own process.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

from prefect import outbox, settings
from prefect._io import twin
from prefect._lazy import lazy_from
from prefect.outbox import leftovers
from prefect.runner import fork_launcher, local_server, notices, poller, run_events
from prefect.runner.claims import Claims
from prefect.runner.execution import RunExecution
from prefect.runner.launch import Launch, Launcher, SubprocessLauncher
from prefect.runner.local_server import RunnerApi
from prefect.runner.supervise import StopReason
from prefect.types import now
from prefect.values.annotations import NotSet

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.runner import server
    from prefect.runner.servable import ServableDeployment
    from prefect.schemas import filters, states
    from prefect.schemas.runs import FlowRun
else:
    filters, states = lazy_from("prefect.schemas", "filters", "states")
    orchestration, server = lazy_from("prefect", "client.orchestration", "runner.server")

__all__ = ["Runner"]

logger = logging.getLogger("prefect.runner")

CANCEL_GRACE_SECONDS = 30.0
"""How long a cancelled flow run may take to end before it is killed."""

SHUTDOWN_GRACE_SECONDS, KILL_TIMEOUT_SECONDS = 4.5, 0.5
"""How long flow runs may take to end when the runner stops, which is to be over within ten seconds; after SIGKILL."""

SHUTDOWN_REQUEST_SECONDS = 1.5
"""How long the runner waits, when it stops, for an API that does not answer."""

FOLLOWER_STOP_TIMEOUT_SECONDS = 0.5


class Runner:
    """Serves deployments of this machine's code.

    Args:
        name: A name for people; made up if None.
        query_seconds: Seconds between two polls for runs; of the setting `runner.poll_frequency` if None.
        prefetch_seconds: How many seconds before a run is due it is fetched from the API.
        heartbeat_seconds: Deprecated: runs send heartbeats as `flows.heartbeat_frequency` says.
        limit: How many flow runs run at the same time; without a limit if None, and of the setting
            `runner.process_limit` by default.
        pause_on_shutdown: Whether to pause the deployments when the runner stops.
        webserver: Whether to serve the runner's health over HTTP.

    Attributes:
        started: Whether it runs.
        stopping: Whether it has been asked to stop.
    """

    def __init__(
        self,
        name: str | None = None,
        query_seconds: float | None = None,
        prefetch_seconds: float = 10,
        heartbeat_seconds: float | None = None,
        limit: int | type[NotSet] | None = NotSet,
        pause_on_shutdown: bool = True,
        webserver: bool = False,
    ) -> None:
        options = settings.get_current_settings().runner
        self.name = Path(name).stem if name and name.endswith(".py") else name or f"runner-{uuid4()}"
        self.query_seconds: float = query_seconds or options.poll_frequency
        self.prefetch_seconds = prefetch_seconds
        self.heartbeat_seconds = heartbeat_seconds
        self.limit: int | None = options.process_limit if limit is NotSet else limit  # pyright: ignore
        self.pause_on_shutdown = pause_on_shutdown
        self.webserver = webserver or options.server.enable
        self.started = False
        self.stopping = False
        self.last_polled: datetime | None = None
        self.api: RunnerApi | None = None
        self.launcher: Launcher | None = None
        self.on_started: Callable[[], None] = lambda: None
        self._deployments: dict[UUID, ServableDeployment] = {}
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._pulled: dict[str, float] = {}
        self._pulling = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: PrefectClient | None = None
        self._launcher: Launcher = SubprocessLauncher()
        self._reset()

    def _reset(self) -> None:
        self._due: dict[UUID, FlowRun] = {}
        self._executions: dict[UUID, RunExecution | None] = {}
        self._claims = Claims(self.name, is_renewed=True)
        self._poller: poller.Poller | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake: asyncio.Event = asyncio.Event()
        self._stop_requested, self._kill_requested = asyncio.Event(), asyncio.Event()
        self._needs_poll = True
        self._checks_cancellation = False

    def __repr__(self) -> str:
        return f"Runner(name={self.name!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.astop()

    # --- deployments --------------------------------------------------------------------------------------------------

    async def aadd_deployment(self, deployment: ServableDeployment) -> UUID:
        """Create a deployment and serve it; return its id.

        Args:
            deployment: The deployment, as `flow.to_deployment` makes it.

        Raises:
            DeploymentApplyError: The server refuses it.
        """
        if deployment.storage is not None:
            deployment.storage.set_base_path(self._get_directory())
            await deployment.storage.pull_code()
            self._pulled[deployment.full_name] = time.monotonic()
        if self.api is not None and self.api.is_local:
            with self.api.as_current():
                id_ = await deployment.aapply()
        else:
            id_ = await deployment.aapply()
        self._deployments[id_] = deployment
        self._request_poll()
        return id_

    add_deployment = twin(aadd_deployment)

    def _get_directory(self) -> Path:
        """Return the directory for code that is fetched."""
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="prefect-runner-", ignore_cleanup_errors=True)
        return Path(self._directory.name)

    # --- serving ------------------------------------------------------------------------------------------------------

    async def start(self, run_once: bool = False, webserver: bool | None = None) -> None:
        """Serve the deployments until the runner is stopped, by `stop` or by a signal.

        Args:
            run_once: Run only what is due now.
            webserver: Whether to serve the runner's health over HTTP; as the runner was made if None.
        """
        self._loop = asyncio.get_running_loop()
        self._reset()
        self.started, self.stopping = True, False
        outbox.use_journal()
        async with AsyncExitStack() as stack:
            stack.callback(self._close)
            self.api = await stack.enter_async_context(local_server.open_api())
            if not self.api.is_local:
                stack.enter_context(leftovers.ship_leftovers(settings.get_current_settings()))
            with self.api.as_current():
                self._client = await stack.enter_async_context(orchestration.get_client())
            self._launcher = self.launcher or await stack.enter_async_context(fork_launcher.open_launcher())
            await stack.enter_async_context(self._handle_signals())
            if self.webserver if webserver is None else webserver:
                stack.callback(self._start_webserver())
            self.on_started()
            await self._serve(run_once)

    def _start_webserver(self) -> Callable[[], None]:
        """Serve the runner's health in a thread; return what stops that."""
        serving = server.create_webserver(self)
        thread = threading.Thread(target=serving.run, name="prefect-runner-server", daemon=True)
        thread.start()

        def stop() -> None:
            serving.should_exit = True
            thread.join()

        return stop

    def _close(self) -> None:
        self.started, self.api, self._client = False, None, None
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    @property
    def client(self) -> PrefectClient:
        """The client of the API while the runner runs."""
        assert self._client is not None
        return self._client

    async def _serve(self, run_once: bool) -> None:
        assert self.api is not None
        followers = [
            asyncio.create_task(notices.follow_runs(self.api.url, self._deployments, self._handle_event)),
            asyncio.create_task(self._claims.keep_renewed(self.client)),
        ]
        if self.api.is_local:
            followers.append(asyncio.create_task(local_server.watch_store(self._handle_store_change)))
        try:
            while not self.stopping:
                if self._needs_poll:
                    await _run_until(self._stop_requested, self._poll())
                self._start_due_runs()
                if run_once:
                    await asyncio.gather(*self._tasks)
                    break
                await self._sleep()
        finally:
            for task in followers:
                task.cancel()
            await self._shut_down()
            # A websocket whose other end is gone takes its time to close.
            await asyncio.wait(followers, timeout=FOLLOWER_STOP_TIMEOUT_SECONDS)

    async def _sleep(self) -> None:
        """Wait until a run is due, or something has happened, or it is time to poll."""
        current = now()
        interval = self._poll_interval
        at = (self.last_polled or current) + timedelta(seconds=interval)
        if self.has_slots_available():
            at = min([at, *(_due_time(run) for run in self._due.values())])
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, (at - current).total_seconds()))
        self._wake.clear()
        if (now() - (self.last_polled or now())).total_seconds() >= interval:
            self._needs_poll = self._checks_cancellation = True

    @property
    def _poll_interval(self) -> float:
        """The seconds between two polls for runs."""
        if self._poller is not None and self._poller.is_failing:
            return min(self.query_seconds, poller.RETRY_INTERVAL_SECONDS)
        return self.query_seconds

    def _request_poll(self) -> None:
        self._needs_poll = True
        self._wake.set()

    def _handle_event(self, flow_run_id: UUID | None, state_type: str) -> None:
        """Handle an event of a run: poll for due runs, or cancel it."""
        if flow_run_id is None:
            self._checks_cancellation = True
            self._request_poll()
        elif state_type == "SCHEDULED":
            self._request_poll()
        elif flow_run_id in self._executions:
            self._cancel(flow_run_id)
        else:
            self._due.pop(flow_run_id, None)

    def _handle_store_change(self) -> None:
        """Poll again: another program of this home has changed the local store."""
        self._checks_cancellation = bool(self._executions)
        self._request_poll()

    # --- polling for runs ---------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        """Ask the API which runs are due soon, and which of those under way are cancelled."""
        if self._poller is None:
            self._poller = poller.Poller(self._read_runs, self.client.api_healthcheck, logger, "runner")
        self._needs_poll = False
        await self._poller.poll_once()
        self.last_polled = now()

    async def _read_runs(self) -> None:
        before = now() + timedelta(seconds=self.prefetch_seconds)
        runs = await self.client.get_scheduled_flow_runs_for_deployments(list(self._deployments), before)
        if self._checks_cancellation and self._executions:
            await self._cancel_cancelled()
        self._checks_cancellation = False
        self._due = {run.id: run for run in runs if run.id not in self._executions}

    async def _cancel_cancelled(self) -> None:
        types = filters.FlowRunFilterStateType(any_=[states.StateType.CANCELLING, states.StateType.CANCELLED])
        chosen = filters.FlowRunFilter(
            id=filters.FlowRunFilterId(any_=list(self._executions)), state=filters.FlowRunFilterState(type=types)
        )
        for run in await self.client.read_flow_runs(flow_run_filter=chosen):
            self._cancel(run.id)

    # --- running ------------------------------------------------------------------------------------------------------

    @property
    def run_count(self) -> int:
        """The number of flow runs under way."""
        return len(self._executions)

    def has_slots_available(self) -> bool:
        """Return whether another flow run may start now."""
        return self.limit is None or len(self._executions) < self.limit

    def _start_due_runs(self) -> None:
        current = now()
        for run in sorted(self._due.values(), key=_due_time):
            if _due_time(run) > current or not self.has_slots_available():
                break
            del self._due[run.id]
            self._executions[run.id] = None
            task = asyncio.create_task(self._execute(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _execute(self, run: FlowRun) -> None:
        """Run a flow run, unless another process was faster."""
        assert self.api is not None
        try:
            if (refusal := await self._claims.claim(self.client, run)) is not None:
                logger.debug("Flow run %r is not started here: %s", run.name, refusal)
                return
            if not await self._prepare_to_start(run):
                return
            execution = self._executions[run.id] = RunExecution(
                self.client,
                self._claims,
                run,
                self._build_launch(run),
                self._launcher,
                self.api.catch_up,
                run.state.state_details.deployment_concurrency_lease_id if run.state else None,
            )
            logger.info("Flow run %r starts.", run.name)
            state = await execution.run()
            if execution.is_cancelled:
                await run_events.emit_cancelled(self.name, run, self.client)
            if state is not None and state.is_scheduled():
                logger.info("Flow run %r had not begun and is scheduled again.", run.name)
            else:
                logger.info("Flow run %r has ended%s.", run.name, f" {state.name}" if state else "")
        except Exception as error:  # it stays scheduled, and the next poll finds it
            logger.error("Flow run %r could not be started: %s", run.name, error)
        finally:
            del self._executions[run.id]
            self._claims.release(run.id)
            self._wake.set()

    async def _prepare_to_start(self, run: FlowRun) -> bool:
        """Return whether a claimed run can be started; one that cannot is Crashed."""
        if self.stopping:
            await self._claims.propose(self.client, run.id, states.Scheduled(), force=True)
            return False
        try:
            await self._update_code(run)
        except Exception as error:
            message = f"The code of the flow run could not be fetched: {error}"
            logger.error("%s", message)
            await self._claims.propose(self.client, run.id, states.Crashed(message=message), force=True)
            return False
        return True

    async def _update_code(self, run: FlowRun) -> None:
        """Fetch the code of a run again when that was long enough ago; the runs under way have loaded theirs."""
        deployment = self._deployments.get(run.deployment_id) if run.deployment_id else None
        if deployment is None or deployment.storage is None or deployment.storage.pull_interval is None:
            return
        async with self._pulling:
            if time.monotonic() - self._pulled.get(deployment.full_name, 0.0) >= deployment.storage.pull_interval:
                await deployment.storage.pull_code()
                self._pulled[deployment.full_name] = time.monotonic()

    def _build_launch(self, run: FlowRun) -> Launch:
        assert self.api is not None
        env: dict[str, str | None] = {"PREFECT_API_URL": self.api.child_url, **self._claims.get_environment(run.id)}
        deployment = self._deployments.get(run.deployment_id) if run.deployment_id else None
        cwd: Path | None = None
        if deployment is not None and deployment.entrypoint is not None:
            env["PREFECT__FLOW_ENTRYPOINT"] = deployment.entrypoint
            cwd = deployment.storage.destination if deployment.storage is not None else None
        return Launch(flow_run_id=run.id, env=env, cwd=cwd)

    def _cancel(self, flow_run_id: UUID) -> None:
        execution = self._executions.get(flow_run_id)
        if execution is not None and not execution.is_stopping:
            logger.info("Flow run %r is cancelled.", execution.flow_run.name)
            execution.stop(StopReason.CANCELLED, CANCEL_GRACE_SECONDS)

    # --- stopping -----------------------------------------------------------------------------------------------------

    async def astop(self) -> None:
        """Stop the runner, and end the flow runs under way."""
        self._request_stop()

    stop = twin(astop)

    def _request_stop(self) -> None:
        self.stopping = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)
            self._loop.call_soon_threadsafe(self._stop_requested.set)

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
        """Stop the runner; a second time, kill the flow runs under way and wait for nothing."""
        if self.stopping:
            for execution in list(self._executions.values()):
                if execution is not None and execution.process is not None:
                    execution.process.kill()
            self._kill_requested.set()
            return
        logger.info("The runner stops.")
        self._request_stop()

    @asynccontextmanager
    async def _handle_signals(self) -> AsyncIterator[None]:
        """Stop on SIGINT and SIGTERM, where this is possible: in the main thread."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            loop.add_signal_handler(number, self.handle_sigterm)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
                signal.signal(number, former[number])

    async def _shut_down(self) -> None:
        self.stopping = True
        outbox.leave_waiting()
        pauses = self.pause_on_shutdown and bool(self._deployments)
        ending = asyncio.gather(self.cancel_all(), *([self._pause_deployments()] if pauses else []))
        await _run_until(self._kill_requested, ending)
        for task in list(self._tasks):
            task.cancel()

    async def _pause_deployments(self) -> None:
        """Pause the deployments, because the runner stops serving them."""
        try:
            async with asyncio.timeout(SHUTDOWN_REQUEST_SECONDS):
                for id_ in self._deployments:
                    await self.client.pause_deployment(id_)
        except Exception as error:
            logger.warning("The deployments could not be paused: %s", error or type(error).__name__)

    async def cancel_all(self) -> None:
        """End all flow runs under way, and wait until they have ended."""
        for execution in list(self._executions.values()):
            if execution is not None:
                execution.stop(StopReason.SHUTDOWN, SHUTDOWN_GRACE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_GRACE_SECONDS + KILL_TIMEOUT_SECONDS):
                for execution in list(self._executions.values()):
                    if execution is not None and execution.process is not None:
                        await execution.process.wait()
        if self._tasks:  # their last requests
            await asyncio.wait(self._tasks, timeout=SHUTDOWN_REQUEST_SECONDS)

    def execute_in_background(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in a thread; return its future."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(thread_name_prefix="prefect-runner")
        return self._pool.submit(func, *args, **kwargs)


def _due_time(run: FlowRun) -> datetime:
    return run.next_scheduled_start_time or run.expected_start_time or now()


async def _run_until(event: asyncio.Event, work: Awaitable[Any]) -> None:
    """Wait for work, and cancel it at an event: a server that hangs must not keep the runner."""
    tasks = asyncio.ensure_future(work), asyncio.create_task(event.wait())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
