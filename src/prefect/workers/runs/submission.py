"""The path of one flow run through a worker: claimed, configured, started, and its end reported."""

from __future__ import annotations

import abc
import logging
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import anyio
import anyio.abc
from pydantic import ValidationError

import prefect
from prefect.client import failures
from prefect.events.related import object_as_related_resource, tags_as_related_resources
from prefect.events.utilities import emit_event
from prefect.exceptions import (
    InfrastructureError,
    InfrastructureNotAvailable,
    InfrastructureNotFound,
    ObjectNotFound,
)
from prefect.logging.loggers import PrefectLogAdapter, flow_run_logger
from prefect.runner.claims import Claims
from prefect.schemas.events import RelatedResource
from prefect.schemas.states import State, StateType
from prefect.workers import facts
from prefect.workers.job_configuration import BaseJobConfiguration, WorkerIdentity
from prefect.workers.lost_runs import build_engine_label
from prefect.workers.worker_type import C, V

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.events import Event
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.work import WorkPool
    from prefect.schemas.worker_channel import WorkerFailure
    from prefect.workers.result import BaseWorkerResult

R = TypeVar("R", bound="BaseWorkerResult")

CANCEL_GRACE_SECONDS = 30
"""How long the infrastructure of a cancelled run may take to end by itself."""

CONFIGURATION_TIMEOUT_SECONDS, CONFIGURATION_RETRY_SECONDS = 15.0, 60.0
"""How long reading a run's configuration may take, and for how long it is repeated while the server does not answer."""

REPORT_RETRY_SECONDS = 2.0
"""Between two attempts to report the end of a run to a server that does not answer."""


class RunSubmission(abc.ABC, Generic[C, V, R]):
    """The part of a worker that starts flow runs."""

    type: str
    name: str
    backend_id: UUID | None
    job_configuration: type[C]
    _work_pool: WorkPool | None
    _logger: logging.Logger | logging.LoggerAdapter[logging.Logger]
    _runs_task_group: TaskGroup | None
    _claims: Claims
    _slots: anyio.Semaphore | None

    def __init__(self) -> None:
        self._submitting_flow_run_ids: set[UUID] = set()
        self._active_runs: dict[UUID, FlowRun] = {}
        self._configurations: dict[UUID, C] = {}
        self._infrastructure_pids: dict[UUID, str] = {}
        self._last_failure: WorkerFailure | None = None

    @property
    @abc.abstractmethod
    def client(self) -> PrefectClient: ...

    @abc.abstractmethod
    async def run(
        self, flow_run: FlowRun, configuration: C, task_status: anyio.abc.TaskStatus[Any] | None = None
    ) -> R: ...

    @abc.abstractmethod
    async def kill_infrastructure(self, infrastructure_pid: str, configuration: C, grace_seconds: int = 30) -> None: ...

    @abc.abstractmethod
    def _wake(self) -> None:
        """Poll for runs again immediately."""

    def get_flow_run_logger(self, flow_run: FlowRun) -> PrefectLogAdapter:
        """Return the logger of a flow run, whose records name the worker too."""
        extra: dict[str, Any] = {
            "worker_name": self.name,
            "work_pool_name": self._work_pool.name if self._work_pool else "<unknown>",
            "work_pool_id": str(self._work_pool.id) if self._work_pool else "unknown",
        }
        if self.backend_id is not None:
            extra["worker_id"] = str(self.backend_id)
        return flow_run_logger(flow_run, **extra).getChild("worker", extra=extra)

    # --- claiming -----------------------------------------------------------------------------------------------------

    def _has_free_slot(self) -> bool:
        return self._slots is None or self._slots.value > 0

    def _submit_scheduled_runs(self, runs: list[FlowRun]) -> list[FlowRun]:
        """Start to claim and run flow runs, as many as the worker has free slots; return those."""
        assert self._runs_task_group is not None
        submitted: list[FlowRun] = []
        for flow_run in runs:
            if flow_run.id in self._submitting_flow_run_ids:
                continue
            if self._slots is not None:
                try:
                    self._slots.acquire_nowait()
                except anyio.WouldBlock:
                    self._logger.debug("All %s slots of the worker are taken.", len(self._submitting_flow_run_ids))
                    break
            self._submitting_flow_run_ids.add(flow_run.id)
            self._runs_task_group.start_soon(self._claim_and_run, flow_run)
            submitted.append(flow_run)
        return submitted

    def _submit_adopted_run(self, flow_run: FlowRun, identifier: str, env: Mapping[str, str]) -> None:
        """Watch a run again whose infrastructure this worker had started before it was restarted.

        Args:
            flow_run: The run. `run` is called for it, and must not start anything.
            identifier: Its infrastructure.
            env: The environment variables of its infrastructure, with the claim of the run.
        """
        assert self._runs_task_group is not None
        self._submitting_flow_run_ids.add(flow_run.id)
        self._infrastructure_pids[flow_run.id] = identifier
        self._claims.restore(flow_run.id, env)
        self._runs_task_group.start_soon(self._run_adopted, flow_run)

    async def _run_adopted(self, flow_run: FlowRun) -> None:
        if self._slots is not None:
            await self._slots.acquire()
        await self._claim_and_run(flow_run, is_claimed=True)

    async def _claim_and_run(self, flow_run: FlowRun, is_claimed: bool = False) -> None:
        try:
            if is_claimed or await self._propose_pending_state(flow_run):
                self._active_runs[flow_run.id] = flow_run
                await self._submit_run_and_capture_errors(flow_run)
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)
            for known in (self._active_runs, self._configurations, self._infrastructure_pids):
                known.pop(flow_run.id, None)
            self._claims.release(flow_run.id)
            if self._slots is not None:
                self._slots.release()
                self._wake()

    async def _propose_pending_state(self, flow_run: FlowRun, force: bool = False) -> bool:
        """Claim a flow run; return whether this worker may start it now."""
        logger = self.get_flow_run_logger(flow_run)
        try:
            refusal = await self._claims.claim(self.client, flow_run, force)
        except ObjectNotFound:
            return False
        except Exception as error:
            logger.error("Flow run %r could not be claimed: %s", flow_run.name, error)
            return False
        if refusal is None:
            return True
        self._logger.debug("Flow run %r is not started by this worker: %s", flow_run.name, refusal)
        return False

    # --- running ------------------------------------------------------------------------------------------------------

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[Any] | None = None
    ) -> R | Exception:
        """Run a claimed flow run, and report a Crashed state if it cannot be started or its infrastructure fails."""
        logger = self.get_flow_run_logger(flow_run)
        try:
            configuration = await self._read_configuration(flow_run)
            self._configurations[flow_run.id] = configuration
            is_adopted = flow_run.id in self._infrastructure_pids
            submitted = None if is_adopted else self._emit_flow_run_submitted_event(configuration)
            result = await self._start_run(flow_run, configuration, task_status)
        except InfrastructureError as error:
            logger.error("Flow run %r could not be run on infrastructure: %s", flow_run.name, error)
            self._last_failure = facts.build_failure(flow_run, str(error))
            await self._propose_crashed_state(flow_run, str(error))
            return error
        except Exception as error:
            if flow_run.id in self._infrastructure_pids:
                logger.exception("The infrastructure of flow run %r could not be monitored.", flow_run.name)
                message = f"The infrastructure of the run could not be monitored: {error}"
            else:
                logger.exception("Flow run %r could not be submitted to infrastructure.", flow_run.name)
                message = f"The run could not be submitted to infrastructure:\n{_format(error)}"
            self._last_failure = facts.build_failure(flow_run, message)
            await self._propose_crashed_state(flow_run, message)
            return error
        if result.status_code != 0:
            await self._propose_crashed_state(flow_run, self._describe_failure(result))
        self._emit_flow_run_executed_event(result, configuration, submitted)
        return result

    def _describe_failure(self, result: R) -> str:
        """Return the message of a run whose infrastructure has ended with an error."""
        return f"Flow run infrastructure exited with non-zero status code {result.status_code}."

    async def _start_run(self, flow_run: FlowRun, configuration: C, task_status: anyio.abc.TaskStatus[Any] | None) -> R:
        """Run a flow run on its infrastructure, and tell the API the infrastructure's id once it is known."""
        status = _Started(self, flow_run, task_status)
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            status.group = group
            try:
                return await self.run(flow_run, configuration, task_status=status)
            except Exception as error:  # raised below: the task group would hide it in an ExceptionGroup
                failure = error
        assert failure is not None
        raise failure

    async def _record_infrastructure(self, flow_run: FlowRun, identifier: str) -> None:
        self._infrastructure_pids[flow_run.id] = identifier
        try:
            if (engine := await self._identify_engine(self._configurations[flow_run.id])) is not None:
                await self.client.update_flow_run_labels(flow_run.id, build_engine_label(flow_run, engine))
            await self.client.update_flow_run(flow_run.id, infrastructure_pid=identifier)
        except Exception as error:
            self.get_flow_run_logger(flow_run).warning(
                "The identifier %r of the infrastructure of flow run %r could not be saved: %s",
                identifier,
                flow_run.name,
                error,
            )

    async def _identify_engine(self, configuration: C) -> str | None:
        """Return what names the engine of a run's infrastructure, if that outlives the worker."""
        return None

    async def _read_configuration(self, flow_run: FlowRun) -> C:
        """Return the job configuration of a claimed flow run; an unavailable server is asked again for a while."""
        deadline = anyio.current_time() + CONFIGURATION_RETRY_SECONDS
        while True:
            try:
                with anyio.fail_after(CONFIGURATION_TIMEOUT_SECONDS):
                    return await self._get_configuration(flow_run)
            except ObjectNotFound as error:  # a block that its job variables name, its deployment, or its pool
                raise InfrastructureError(
                    f"The job variables cannot be read: {' '.join(str(error).split())}"
                ) from error
            except Exception as error:
                is_away = failures.is_unavailable(error) and (
                    not isinstance(error, OSError) or isinstance(error, ConnectionError | TimeoutError)
                )
                if not is_away or anyio.current_time() > deadline:
                    raise
                self._logger.debug("The configuration of flow run %r could not be read: %s", flow_run.name, error)
            await anyio.sleep(REPORT_RETRY_SECONDS)

    async def _get_configuration(self, flow_run: FlowRun, deployment: Any = None) -> C:
        """Return the job configuration of a flow run."""
        assert self._work_pool is not None
        try:
            configuration = await self.job_configuration.resolve_for_flow_run(
                flow_run, self.client, self._work_pool, WorkerIdentity(self.name, self.backend_id), deployment
            )
        except ValidationError as error:
            raise InfrastructureError(f"The job variables are not valid: {_describe(error)}") from error
        if isinstance(configuration.env, dict):
            configuration.env.update(self._claims.get_environment(flow_run.id))
        return configuration

    # --- reporting ----------------------------------------------------------------------------------------------------

    async def _propose_crashed_state(self, flow_run: FlowRun, message: str) -> None:
        """Report that a run has crashed, unless it has ended otherwise; wait for the server if it is unavailable."""
        await self._report(flow_run, State(type=StateType.CRASHED, message=message))

    async def _mark_flow_run_as_cancelled(self, flow_run: FlowRun, state_updates: dict[str, Any] | None = None) -> None:
        """Report that a run which was being cancelled has been stopped."""
        updates = {"name": "Cancelled", "type": StateType.CANCELLED, **(state_updates or {})}
        await self._report(flow_run, State(**updates))

    async def _report(self, flow_run: FlowRun, state: State[Any], force: bool = False) -> None:
        logger = self.get_flow_run_logger(flow_run)
        while True:
            try:
                entered = await self._claims.propose(self.client, flow_run.id, state, force)
            except ObjectNotFound:
                return  # it was deleted
            except Exception as error:
                if not failures.is_unavailable(error):
                    logger.exception("The state %s of flow run %r could not be reported.", state.name, flow_run.name)
                    return
            else:
                if entered:
                    logger.info("Reported flow run %r as %s: %s", flow_run.name, state.name, state.message or "")
                return
            await anyio.sleep(REPORT_RETRY_SECONDS)

    # --- cancelling ---------------------------------------------------------------------------------------------------

    async def _cancel_run(self, flow_run: FlowRun) -> None:
        """Stop the infrastructure of a run that is being cancelled, and report the run as Cancelled."""
        logger = self.get_flow_run_logger(flow_run)
        identifier = self._infrastructure_pids.get(flow_run.id) or flow_run.infrastructure_pid
        configuration = self._configurations.get(flow_run.id)
        if identifier is None or configuration is None:
            return  # it is being started: the next poll finds it
        try:
            await self.kill_infrastructure(identifier, configuration, CANCEL_GRACE_SECONDS)
        except NotImplementedError:
            logger.error("Workers of type %r cannot stop the infrastructure of flow run %r.", self.type, flow_run.name)
            return
        except InfrastructureNotFound as error:
            logger.warning("%s It is marked as cancelled anyway.", error)
        except InfrastructureNotAvailable as error:
            logger.warning("%s The flow run cannot be cancelled by this worker.", error)
            return
        except Exception:
            logger.exception(
                "The infrastructure of flow run %r could not be stopped; it will be tried again.", flow_run.name
            )
            return
        await self._mark_flow_run_as_cancelled(flow_run)

    # --- events -------------------------------------------------------------------------------------------------------

    def _event_resource(self) -> dict[str, str]:
        return {
            "prefect.resource.id": f"prefect.worker.{self.type}.{self.get_name_slug()}",
            "prefect.resource.name": self.name,
            "prefect.version": prefect.__version__,
            "prefect.worker-type": self.type,
        }

    @abc.abstractmethod
    def get_name_slug(self) -> str: ...

    def _event_related_resources(
        self, configuration: BaseJobConfiguration | None = None, include_self: bool = False
    ) -> list[RelatedResource]:
        related = configuration._related_resources() if configuration else []
        if self._work_pool is not None:
            related.append(object_as_related_resource("work-pool", "work-pool", self._work_pool))
        if include_self:
            related.append(RelatedResource({**self._event_resource(), "prefect.resource.role": "worker"}))
        return related

    def _emit_flow_run_submitted_event(self, configuration: BaseJobConfiguration) -> Event | None:
        return emit_event(
            "prefect.worker.submitted-flow-run",
            self._event_resource(),
            related=self._event_related_resources(configuration),
        )

    def _emit_flow_run_executed_event(
        self, result: BaseWorkerResult, configuration: BaseJobConfiguration, submitted_event: Event | None = None
    ) -> None:
        related = self._event_related_resources(configuration)
        for resource in related:
            if resource.role == "flow-run":
                resource.root["prefect.infrastructure.identifier"] = str(result.identifier)
                resource.root["prefect.infrastructure.status-code"] = str(result.status_code)
        emit_event("prefect.worker.executed-flow-run", self._event_resource(), related=related, follows=submitted_event)


class _Started(anyio.abc.TaskStatus[Any]):
    """Receives the identifier of a run's infrastructure from `BaseWorker.run` once that exists."""

    group: TaskGroup

    def __init__(
        self, worker: RunSubmission[Any, Any, Any], flow_run: FlowRun, outer: anyio.abc.TaskStatus[Any] | None
    ) -> None:
        self._worker = worker
        self._flow_run = flow_run
        self._outer = outer

    def started(self, value: Any = None) -> None:
        if value is not None:
            self.group.start_soon(self._worker._record_infrastructure, self._flow_run, str(value))
        if self._outer is not None:
            self._outer.started(value)


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place, reason = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason


def _format(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


__all__ = ["RunSubmission", "tags_as_related_resources"]
