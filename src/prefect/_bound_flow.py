"""The part of a flow that is bound to infrastructure: where calls of it run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar
from uuid import UUID

from prefect import _functions, _io
from prefect._lazy import lazy_from
from prefect.context import EngineContext
from prefect.deployments.flow_runs import create_parent_task_run
from prefect.engine.dataflow.parameters import collect_inputs, resolve_inputs
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.futures import PrefectFlowRunFuture
from prefect.logging.loggers import get_logger
from prefect.schemas import states
from prefect.types import now

if TYPE_CHECKING:
    from prefect.bundles import launchers, submission
    from prefect.bundles.launchers import BundleLauncher
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.states import State
    from prefect.schemas.work import WorkPool
    from prefect.workers.base import BaseWorker
    from prefect.workers.runs import local_run
else:
    launchers, submission = lazy_from("prefect.bundles", "launchers", "submission")
    local_run, orchestration = lazy_from("prefect", "workers.runs.local_run", "client.orchestration")

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

BOUND_OPTIONS = ("work_pool", "job_variables", "worker_cls", "launcher", "include_files", "include_files_base_dir")

logger = get_logger("flows")


class InfrastructureBoundFlow(Flow[P, R]):
    """A flow whose runs take place on the infrastructure of a work pool.

    Args:
        work_pool: The name of the work pool.
        job_variables: Values for the variables of its job template.
        worker_cls: The type of worker that starts its infrastructure.
        launcher: What launches the commands that upload and execute the bundle, in place of `python`.
        include_files: Patterns of files that the flow needs, relative to its own file.
        include_files_base_dir: The directory that the patterns are relative to instead.
    """

    _CLEARABLE_OPTIONS: ClassVar[frozenset[str]] = Flow._CLEARABLE_OPTIONS | {
        *("launcher", "include_files", "include_files_base_dir")
    }

    def __init__(
        self,
        *args: Any,
        work_pool: str,
        job_variables: dict[str, Any],
        worker_cls: type[BaseWorker[Any, Any, Any]],
        launcher: BundleLauncher | None = None,
        include_files: Sequence[str] | None = None,
        include_files_base_dir: Path | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        launchers.normalize_launcher(launcher)  # raises for a wrong one
        if isinstance(include_files, str):
            raise TypeError("`include_files` takes a list of patterns, not one string.")
        self.work_pool = work_pool
        self.job_variables = job_variables
        self.worker_cls = worker_cls
        self.launcher = launcher
        self.include_files = list(include_files) if include_files is not None else None
        self.include_files_base_dir = include_files_base_dir
        self._options = {**self._options, **{name: getattr(self, name) for name in BOUND_OPTIONS}}

    # --- running ------------------------------------------------------------------------------------------------------

    def __call__(
        self, *args: Any, return_state: bool = False, wait_for: Iterable[Any] | None = None, **kwargs: Any
    ) -> Any:
        """Run the flow on its infrastructure, started from this process, and wait for its end; see `Flow.__call__`."""
        parameters = self.bind_arguments(args, kwargs)
        tracker = _functions.get_viz_tracker()
        if tracker is not None:
            return tracker.flow_called(self, {**parameters, "wait_for": wait_for})
        call = self._run(parameters, return_state, wait_for)
        return call if self.isasync else _io.drive(call)

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> PrefectFlowRunFuture[R]:
        """Run the flow on its infrastructure, started from this process, and return a future of it immediately.

        The process waits for the run before it exits.
        """
        return _io.drive(self._start(self.bind_arguments(args, kwargs)))

    def submit_to_work_pool(self, *args: P.args, **kwargs: P.kwargs) -> PrefectFlowRunFuture[R]:
        """Submit a run of the flow to the workers of the work pool, and return its future immediately.

        Raises:
            RuntimeError: The work pool has no storage for bundles, or the upload failed.
            ValueError: There is no such work pool, or it is of another type.
        """
        return _io.drive(self._schedule(self.bind_arguments(args, kwargs)))

    async def retry(self, flow_run: FlowRun) -> Any:
        """Run a flow run that has ended once more on the infrastructure, and return its value."""
        async with orchestration.get_client() as client:
            later = states.AwaitingRetry(scheduled_time=now() + submission.UPLOAD_WINDOW)
            await client.set_flow_run_state(flow_run.id, later, force=True)
            retried = await client.read_flow_run(flow_run.id)
        future = await _io.blocking(local_run.start, self, None, retried)
        return await future.aresult()

    def as_plain_flow(self) -> Any:
        """Return the flow without its infrastructure, whose result is stored: its caller is elsewhere."""
        persist_result = True if self.persist_result is None else self.persist_result
        return _functions.copy_as(Flow, self, {"persist_result": persist_result}, without=BOUND_OPTIONS)

    # --- the steps ----------------------------------------------------------------------------------------------------

    async def _run(self, parameters: dict[str, Any], return_state: bool, wait_for: Iterable[Any] | None) -> Any:
        for future in wait_for or ():
            if hasattr(future, "wait"):
                await _io.blocking(future.wait)
        future = await self._start(parameters)
        try:
            await future.wait_async()
        except (KeyboardInterrupt, asyncio.CancelledError):
            local_run.cancel(future)
            raise
        state: State[Any] = await future._read_state()
        return state if return_state else await state.aresult()

    async def _start(self, parameters: dict[str, Any]) -> Any:
        """Start a run from this process, and return its future."""
        async with orchestration.get_client() as client:
            pool = await self._read_pool(client)
            flow_run, values = await self._create_flow_run(client, pool, parameters, self.job_variables)
        return await _io.blocking(local_run.start, self, values, flow_run)

    async def _schedule(self, parameters: dict[str, Any]) -> PrefectFlowRunFuture[Any]:
        """Create a run, store its bundle, and have it start."""
        async with orchestration.get_client() as client:
            pool = await self._read_pool(client)
            place = submission.find_storage(pool, self.launcher)
            if place is None:
                raise RuntimeError(submission.describe_missing_storage(pool.name))
            variables = {**self.job_variables, "command": place.execution_command}
            flow_run, values = await self._create_flow_run(client, pool, parameters, variables)
            try:
                await submission.upload(self, flow_run, values, place)
            except BaseException as error:
                message = str(error) or f"Its submission was interrupted: {type(error).__name__}"
                crashed = states.State(type=states.StateType.CRASHED, message=message)
                await client.set_flow_run_state(flow_run.id, crashed, force=True)
                raise
            await client.set_flow_run_state(flow_run.id, states.Scheduled())
        if self.result_storage is None and pool.storage_configuration.default_result_storage_block_id is None:
            logger.warning(
                "Neither the flow %r nor the work pool %r has a result storage: the result of the run may be stored "
                "where this program cannot read it.",
                self.name,
                pool.name,
            )
        return PrefectFlowRunFuture(flow_run.id)

    async def _read_pool(self, client: PrefectClient) -> WorkPool:
        try:
            pool = await client.read_work_pool(self.work_pool)
        except ObjectNotFound as error:
            raise ValueError(
                f"There is no work pool {self.work_pool!r}, to which the flow {self.name!r} is bound: create it with "
                f"`prefect work-pool create {self.work_pool} --type {self.worker_cls.type}`."
            ) from error
        if pool.type != self.worker_cls.type:
            raise ValueError(
                f"The flow {self.name!r} needs a work pool of the type {self.worker_cls.type!r}, and {pool.name!r} is "
                f"of the type {pool.type!r}."
            )
        return pool

    async def _create_flow_run(
        self, client: PrefectClient, pool: WorkPool, parameters: dict[str, Any], job_variables: dict[str, Any]
    ) -> tuple[FlowRun, dict[str, Any]]:
        """Create a run with a task run that stands for it in the current flow run; return it and its parameters."""
        context = EngineContext.get()
        inputs = collect_inputs(parameters, context.run_results if context is not None else None)
        values = await resolve_inputs(parameters, inputs, context)
        if self.should_validate_parameters:
            self.validate_parameters(values)
        parent_id: UUID | None = None
        if context is not None and context.flow_run is not None:
            parent_id = await create_parent_task_run(client, context, self.name, self.version, inputs.links)
        return await submission.create_flow_run(client, self, values, pool, job_variables, parent_id), values


def bind_flow_to_infrastructure(
    flow: Flow[P, R],
    work_pool: str,
    worker_cls: type[BaseWorker[Any, Any, Any]],
    job_variables: dict[str, Any] | None = None,
    launcher: BundleLauncher | None = None,
    include_files: Sequence[str] | None = None,
    *,
    include_files_base_dir: Path | str | None = None,
) -> InfrastructureBoundFlow[P, R]:
    """Return a flow whose runs take place on the infrastructure of a work pool; see `InfrastructureBoundFlow`."""
    options: dict[str, Any] = {
        "work_pool": work_pool,
        "job_variables": job_variables or {},
        "worker_cls": worker_cls,
        "launcher": launcher,
        "include_files": include_files,
        "include_files_base_dir": include_files_base_dir,
    }
    return _functions.copy_as(InfrastructureBoundFlow, flow, options)
