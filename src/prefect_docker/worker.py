"""The worker that runs flow runs in containers of a Docker engine.

The engine is called in threads that end with the process: a container continues when the worker is stopped. A worker of
the same name watches it again, and so does any other worker of the pool on this engine once the first one is offline.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import anyio
import anyio.abc

from prefect.exceptions import (
    InfrastructureError,
    InfrastructureNotAvailable,
    InfrastructureNotFound,
    ObjectNotFound,
)
from prefect.workers.adoption import AdoptingWorker, ExplainedResult
from prefect.workers.lost_runs import read_pending_runs, report_lost_runs
from prefect_docker import containers
from prefect_docker.containers import ContainerEnd, EngineUnavailable, KnownContainer
from prefect_docker.job_configuration import (
    DockerWorkerJobConfiguration,
    DockerWorkerVariables,
    VolumeStr,
    to_docker_labels,
)

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

__all__ = [
    "DockerWorker",
    "DockerWorkerJobConfiguration",
    "DockerWorkerResult",
    "DockerWorkerVariables",
    "VolumeStr",
]

T = TypeVar("T")

ENGINE_RETRY_SECONDS = 2.0
"""Between two attempts to reach an engine that does not answer."""
ENGINE_START_TIMEOUT_SECONDS = 60.0
"""How long a run that is to start waits for an engine that does not answer."""
BUNDLE_DIRECTORY = "/opt/prefect/bundle"
"""Where a container has the bundle of a flow that was submitted without a storage for bundles."""
FLOW_RUN_LABEL = "io.prefect.flow-run-id"
WORKER_NAME_LABEL = "io.prefect.worker-name"


class DockerWorkerResult(ExplainedResult):
    """The end of the container of a flow run."""


class DockerWorker(AdoptingWorker[DockerWorkerJobConfiguration, DockerWorkerVariables, DockerWorkerResult, str]):
    """Runs flow runs in containers of a Docker engine."""

    type = "docker"
    job_configuration = DockerWorkerJobConfiguration
    job_configuration_variables = DockerWorkerVariables

    _description = "Runs flow runs in containers of a Docker engine."
    _display_name = "Docker"
    _infrastructure = "containers"

    async def setup(self) -> None:
        """Check too that the package `docker` is installed."""
        try:
            import docker  # noqa: F401  # pyright: ignore[reportUnusedImport]
        except ModuleNotFoundError as error:
            raise ImportError(
                "Docker needs the package `docker`: install it with `pip install 'pluperfect[docker]'`."
            ) from error
        await super().setup()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: DockerWorkerJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> DockerWorkerResult:
        """Run a flow run in a container, and wait for its end."""
        identifier = self._adopted.pop(flow_run.id, None)
        since = None if identifier is None else time.time()
        if identifier is None:
            identifier = await self._start(flow_run, configuration)
        if task_status is not None:
            task_status.started(identifier)
        end = await self._watch(flow_run, configuration, identifier, since)
        if configuration.auto_remove:
            try:
                await run_in_thread(lambda: containers.remove(identifier))
            except (EngineUnavailable, InfrastructureError) as error:
                self.get_flow_run_logger(flow_run).warning("The container could not be removed: %s", error)
        return DockerWorkerResult(status_code=end.exit_code, identifier=identifier, reason=end.reason)

    async def _start(self, flow_run: FlowRun, configuration: DockerWorkerJobConfiguration) -> str:
        """Start a container. An engine that does not answer is waited for for a while, which a restart may take."""
        deadline = time.monotonic() + ENGINE_START_TIMEOUT_SECONDS
        is_unavailable = False
        while True:
            try:
                await run_in_thread(containers.ping)
                break
            except EngineUnavailable as error:
                if time.monotonic() >= deadline:
                    raise InfrastructureError(str(error)) from error
                if not is_unavailable:
                    self.get_flow_run_logger(flow_run).warning("%s The worker waits for it.", error)
                is_unavailable = True
                await anyio.sleep(ENGINE_RETRY_SECONDS)
        try:
            return await run_in_thread(lambda: containers.start(configuration))
        except EngineUnavailable as error:  # not again: the container may be there
            raise InfrastructureError(str(error)) from error

    async def _watch(
        self, flow_run: FlowRun, configuration: DockerWorkerJobConfiguration, identifier: str, since: float | None
    ) -> ContainerEnd:
        """Wait for the end of a container, stream its output from a time on, and stop it when its time is over."""
        limit = configuration.container_wait_timeout
        with anyio.move_on_after(limit) as scope:
            return await self._wait(flow_run, identifier, configuration.stream_output, since)
        assert scope.cancelled_caught
        await run_in_thread(lambda: containers.stop(identifier, grace_seconds=10))
        end = await self._wait(flow_run, identifier, stream_output=False)
        return ContainerEnd(end.exit_code or 1, f"The container was stopped: it still ran after {limit} seconds.")

    async def _wait(
        self, flow_run: FlowRun, identifier: str, stream_output: bool, since: float | None = None
    ) -> ContainerEnd:
        """Wait for the end of a container. An engine that does not answer is waited for."""
        is_unavailable = False
        while True:
            try:
                if stream_output:
                    await run_in_thread(lambda start=since: containers.follow_output(identifier, start))
                return await run_in_thread(lambda: containers.wait(identifier))
            except EngineUnavailable as error:
                if not is_unavailable:
                    self.get_flow_run_logger(flow_run).warning("%s The worker waits for it.", error)
                is_unavailable = True
                since = time.time()
                await anyio.sleep(ENGINE_RETRY_SECONDS)

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: DockerWorkerJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Stop the container of a flow run: SIGTERM, and SIGKILL after the grace."""
        self._stopped.add(infrastructure_pid)
        is_own = infrastructure_pid in self._infrastructure_pids.values()
        try:
            await run_in_thread(lambda: containers.stop(infrastructure_pid, grace_seconds))
            if configuration.auto_remove and not is_own:
                await run_in_thread(lambda: containers.remove(infrastructure_pid))
        except InfrastructureNotFound as error:
            if not is_own and containers.is_of_this_machine(infrastructure_pid):
                raise InfrastructureNotAvailable(f"{error} It may be on another machine.") from error
            raise
        except InfrastructureNotAvailable:
            raise
        except Exception as error:  # it is tried again
            self._stopped.discard(infrastructure_pid)
            if isinstance(error, EngineUnavailable):
                raise InfrastructureError(str(error)) from error
            raise

    def _use_local_bundle(self, configuration: DockerWorkerJobConfiguration, directory: Path, key: str) -> bool:
        """Mount a directory with a bundle; the engine must share the file system of this machine."""
        configuration.volumes = [*configuration.volumes, f"{directory}:{BUNDLE_DIRECTORY}:ro"]
        configuration.command = f"python -m prefect.bundles.execute --key {BUNDLE_DIRECTORY}/{key}"
        return True

    # --- after a restart ----------------------------------------------------------------------------------------------

    async def _adopt_from(self, workers: set[str]) -> bool:
        labels = to_docker_labels({"prefect.io/work-pool-id": str(self.work_pool.id)})
        try:
            found = await run_in_thread(lambda: containers.find(labels))
        except (EngineUnavailable, InfrastructureError) as error:
            self._logger.warning("Containers that are left cannot be listed yet: %s", error)
            return False
        for container in found:
            if container.labels.get(WORKER_NAME_LABEL) in workers:
                await self._adopt(container)
        return True

    async def _report_lost_runs(self) -> None:
        runs = await read_pending_runs(self, self.work_pool.name)
        try:
            engine = await run_in_thread(containers.identify_engine) if runs else ""
            await report_lost_runs(self, runs, engine, self._start_time, self._has_container)
        except (EngineUnavailable, InfrastructureError) as error:
            self._logger.debug("Containers of pending runs cannot be looked for yet: %s", error)

    async def _has_container(self, flow_run: FlowRun) -> bool:
        labels = to_docker_labels({"prefect.io/flow-run-id": str(flow_run.id)})
        return bool(await run_in_thread(lambda: containers.find(labels)))

    async def _identify_engine(self, configuration: DockerWorkerJobConfiguration) -> str | None:
        return await run_in_thread(containers.identify_engine)

    async def _adopt(self, container: KnownContainer) -> None:
        """Watch a container again, unless its run has ended or is another container's now."""
        flow_run_id = UUID(container.labels[FLOW_RUN_LABEL])
        try:
            flow_run = await self.client.read_flow_run(flow_run_id)
        except ObjectNotFound:
            return
        state = flow_run.state
        is_current = flow_run.infrastructure_pid in (None, container.identifier)
        if not is_current or state is None or state.is_final() or flow_run_id in self._submitting_flow_run_ids:
            return
        if state.is_scheduled() and not container.is_running:  # it was scheduled again
            return
        self._adopted[flow_run_id] = container.identifier
        self._logger.info("Watching the container of flow run %r again.", flow_run.name)
        self._submit_adopted_run(flow_run, container.identifier, container.env)


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call a function in a daemon thread, which does not keep the process from exiting.

    The threads of the event loop would: they are waited for, and a container may run for days.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():  # who waited was cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # pyright: ignore[reportArgumentType]

    def call() -> None:
        result, failure = None, None
        try:
            result = function()
        except BaseException as error:
            failure = error
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(settle, result, failure)
            except RuntimeError:  # it was closed in between
                return

    threading.Thread(target=call, name="prefect-docker", daemon=True).start()
    return await future
