"""The worker that runs flow runs as processes of its machine."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import anyio.abc
import anyio.to_thread
from pydantic import BaseModel, Field, field_validator

from prefect import _processes
from prefect.client import failures
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound, ObjectNotFound
from prefect.outbox.leftovers import LeftoverShipper
from prefect.runner import fork_launcher
from prefect.runner.launch import GROUP_POLL_INTERVAL_SECONDS, Launch, RunProcess
from prefect.runner.supervise import ProcessEnd, StopReason, find_state_after
from prefect.schemas.worker_channel import WARM_PROCESSES
from prefect.settings import get_current_settings
from prefect.workers.base import BaseWorker
from prefect.workers.job_configuration import DEFAULT_COMMAND, BaseJobConfiguration, BaseVariables
from prefect.workers.processes import process_marks
from prefect.workers.processes.warm_processes import LoadedFlow, WarmProcesses
from prefect.workers.result import BaseWorkerResult
from prefect.workers.runs.submission import REPORT_RETRY_SECONDS

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRun

ENGINE_COMMAND = "python -m prefect.engine"

REPORT_TIMEOUT_SECONDS = 5.0
"""How long the server may take to return the state of a run whose process has ended, before the request is repeated."""

REFILL_DELAY_SECONDS = 0.1
"""After a run has been handed over, before the processes that load its flow again compete with it for the processor."""

DEFAULT_RUNS_PER_CORE = 4
"""How many runs at the same time a worker without a limit runs at most, for each core."""

SHUTDOWN_SECONDS = 8.0
"""How long a worker that is stopped takes at most to end its processes and to report how they ended."""
SHUTDOWN_REPORT_SECONDS = 2.0
"""Of these seconds, the maximum for reports of how the processes ended, if the server does not answer."""
SHUTDOWN_GRACE_SECONDS = 6.0
"""Of these seconds, the time that processes have to end by themselves."""


class _ProcessFields(BaseModel):
    stream_output: bool = Field(default=True, description="Whether to stream the process's output to the worker's.")
    working_dir: Path | None = Field(
        default=None,
        title="Working Directory",
        description="The directory to run in; a new temporary one for each run if it is not set.",
    )


class ProcessJobConfiguration(_ProcessFields, BaseJobConfiguration):
    """The process of a flow run."""

    @field_validator("working_dir")
    @classmethod
    def _check_working_dir(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_absolute() and ".." in value.parts:
            raise ValueError(f"The working directory {str(value)!r} leads out of the worker's directory.")
        return value

    def _adapt_to_infrastructure(self) -> None:
        if self.command in (DEFAULT_COMMAND, ENGINE_COMMAND):
            self.command = self._base_flow_run_command()

    @staticmethod
    def _base_flow_run_command() -> str:
        return ENGINE_COMMAND


class ProcessVariables(_ProcessFields, BaseVariables):
    """The variables of a process pool's job template."""


class ProcessWorkerResult(BaseWorkerResult):
    """The end of the process of a flow run."""


class ProcessWorker(BaseWorker[ProcessJobConfiguration, ProcessVariables, ProcessWorkerResult]):
    """Runs flow runs as processes of this machine."""

    type = "process"
    job_configuration = ProcessJobConfiguration
    job_configuration_variables = ProcessVariables
    cancels_runs = True
    owns_runs = True

    _description = "Runs flow runs as processes on the machine of the worker."
    _display_name = "Process"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self._limit is None:
            self._limit = DEFAULT_RUNS_PER_CORE * (os.cpu_count() or 1)
        self._launcher = fork_launcher.create_launcher()
        self._warm = WarmProcesses(self._launcher)
        self._leftovers = LeftoverShipper(get_current_settings())
        self._processes: dict[UUID, RunProcess] = {}
        self._stop_reasons: dict[UUID, StopReason] = {}

    async def setup(self) -> None:
        """Start the fork server too, so that the first run does not wait for it."""
        await super().setup()
        process_marks.remove_ended()
        if isinstance(self._launcher, fork_launcher.ForkServerLauncher) and not self.is_for_one_run:
            await self._launcher.prepare()

    async def teardown(self, *exc_info: Any) -> None:
        """End the fork server too, and the processes that wait for a run."""
        self._warm.close()
        await super().teardown(*exc_info)
        if isinstance(self._launcher, fork_launcher.ForkServerLauncher):
            await self._launcher.close()

    async def _end_runs(self) -> None:
        """End the processes of the runs that are left, and report how they ended, within the time of a shutdown."""
        if self._is_stopping:
            with anyio.move_on_after(SHUTDOWN_SECONDS):
                async with anyio.create_task_group() as group:
                    for process in self._processes.values():
                        self._stop_reasons[process.flow_run_id] = StopReason.SHUTDOWN
                        group.start_soon(process.stop, SHUTDOWN_GRACE_SECONDS)
                with anyio.move_on_after(SHUTDOWN_REPORT_SECONDS):
                    while self._active_runs:
                        await anyio.sleep(0.05)
        await super()._end_runs()

    def kill(self) -> None:
        self._warm.close()
        for process in self._processes.values():
            process.signal_group(signal.SIGKILL)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> ProcessWorkerResult:
        """Run a flow run in a process, and wait for its end."""
        is_engine = configuration.command in (None, ENGINE_COMMAND)
        command = None if is_engine else _read_command(configuration.command or "")
        if configuration.working_dir:
            place = nullcontext(str(configuration.working_dir))
        else:
            place = tempfile.TemporaryDirectory(suffix="prefect", ignore_cleanup_errors=True)
        with place as directory:
            launch = Launch(
                flow_run_id=flow_run.id,
                command=command,
                env=configuration.env,
                cwd=directory,
                stream_output=configuration.stream_output,
            )
            process = await self._start_process(flow_run, configuration, launch)
            self._processes[flow_run.id] = process
            process_marks.write(flow_run.id, process.pid)
            if task_status is not None:
                task_status.started(process.pid)
            try:
                status = await process.wait()
            finally:
                if process.exit_code is None:  # the worker is being ended
                    process.signal_group(signal.SIGKILL)
        reason = self._stop_reasons.pop(flow_run.id, None)
        del self._processes[flow_run.id]
        process_marks.remove(flow_run.id, process.pid)
        end = ProcessEnd(flow_run_id=flow_run.id, pid=process.pid, exit_code=status, stop_reason=reason)
        await self._report_end(flow_run, end)
        return ProcessWorkerResult(status_code=status, identifier=str(process.pid))

    async def _start_process(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, launch: Launch
    ) -> RunProcess:
        """Start the process of a run, or hand the run over to one that has loaded its flow, if the pool keeps such."""
        count = (self.work_pool.base_job_template or {}).get(WARM_PROCESSES) or 0
        if not count or launch.command is not None:
            return await self._launcher.start(launch)
        deployment = configuration._related_objects.get("deployment")
        loaded = LoadedFlow.find(deployment, configuration.env, configuration.stream_output)
        if loaded is None:
            return await self._launcher.start(launch)
        process = self._warm.take(loaded, flow_run, configuration.env)
        if process is None:
            process = await self._launcher.start(launch)
        else:
            process.flow_run_id = flow_run.id
        if self._runs_task_group is not None:
            self._runs_task_group.start_soon(self._fill_warm_processes, loaded, count)
        return process

    async def _fill_warm_processes(self, loaded: LoadedFlow, count: int) -> None:
        """Start the processes for the next runs, once the run that has just been handed over has begun."""
        await anyio.sleep(REFILL_DELAY_SECONDS)
        await self._warm.fill(loaded, count)

    async def _report_end(self, flow_run: FlowRun, end: ProcessEnd) -> None:
        """Set the final state of the run of an ended process, unless it has one; wait for an unavailable server."""
        while True:
            try:
                if end.exit_code:  # what it has recorded, and the server has not received, counts more
                    await anyio.to_thread.run_sync(self._leftovers.ship)
                with anyio.fail_after(REPORT_TIMEOUT_SECONDS):
                    current = (await self.client.read_flow_run(flow_run.id)).state
            except ObjectNotFound:
                return
            except Exception as error:
                if not failures.is_unavailable(error):
                    raise
                await anyio.sleep(REPORT_RETRY_SECONDS)
                continue
            state = None if current is None or current.is_final() else find_state_after(current, end)
            if state is not None:
                await self._report(flow_run, state, force=True)
            return

    async def _mark_flow_run_as_cancelled(self, flow_run: FlowRun, state_updates: dict[str, Any] | None = None) -> None:
        """Leave it to the end of the process, which says how it was stopped; report only runs of no process here."""
        if flow_run.id not in self._active_runs:
            await super()._mark_flow_run_as_cancelled(flow_run, state_updates)

    async def _propose_crashed_state(self, flow_run: FlowRun, message: str) -> None:
        if not message.startswith("Flow run infrastructure exited"):  # its end has been reported in other words
            await super()._propose_crashed_state(flow_run, message)

    def _use_local_bundle(self, configuration: ProcessJobConfiguration, directory: Path, key: str) -> bool:
        configuration.command = shlex.join(
            [sys.executable, "-m", "prefect.bundles.execute", "--key", str(directory / key)]
        )
        return True

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: ProcessJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """End the process of a flow run and its descendants: SIGTERM, and SIGKILL after the grace."""
        for process in self._processes.values():
            if str(process.pid) == infrastructure_pid:
                self._stop_reasons[process.flow_run_id] = StopReason.CANCELLED
                await process.stop(grace_seconds)
                return
        await _stop_left_process(infrastructure_pid, configuration, grace_seconds)


async def _stop_left_process(identifier: str, configuration: ProcessJobConfiguration, grace_seconds: int) -> None:
    """End the process of a flow run that a killed worker of this machine has left."""
    run, pid = configuration.env.get("PREFECT__FLOW_RUN_ID"), int(identifier) if identifier.isdigit() else None
    mark = process_marks.find(UUID(run), pid) if run and pid else None
    if mark is None or run is None or pid is None:
        raise InfrastructureNotAvailable(
            f"No worker on {_processes.host()} has started a process {identifier} for flow run {run}."
        )
    if not mark:
        process_marks.remove(UUID(run), pid)
        raise InfrastructureNotFound(f"The process {identifier} of flow run {run} has ended.")
    await RunProcess(UUID(run), pid, _wait_for_end(pid, mark)).stop(grace_seconds)
    process_marks.remove(UUID(run), pid)


async def _wait_for_end(pid: int, mark: str) -> int:
    """Wait for the end of a process that is not a child of this one; its exit code is unknown."""
    while _processes.is_alive(pid, mark):
        await anyio.sleep(GROUP_POLL_INTERVAL_SECONDS)
    return 0


def _read_command(command: str) -> tuple[str, ...]:
    """Return the words of a command; `python` is the interpreter of the worker, wherever it was started."""
    words = shlex.split(command)
    return (sys.executable, *words[1:]) if words and words[0] == "python" else tuple(words)
