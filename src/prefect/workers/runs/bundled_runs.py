"""The path of a bundled flow through a worker: its run is claimed, its bundle stored, its infrastructure started."""

from __future__ import annotations

import abc
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic
from uuid import UUID, uuid4

import anyio

from prefect.bundles import submission
from prefect.bundles.submission import StoredBundle
from prefect.exceptions import InfrastructureError, ObjectNotFound
from prefect.futures import PrefectFlowRunFuture
from prefect.workers.runs.submission import R, RunSubmission
from prefect.workers.worker_type import C, V

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRun

CLAIM_RETRY_SECONDS = 2.0
"""Between two attempts to claim a run, which the server may refuse for a time."""


@dataclass(frozen=True)
class BundledRun:
    """A run whose flow this process has.

    Attributes:
        flow: The flow.
        parameters: The parameters of the run; those of the API if None.
        place: Where its bundle goes in the pool's storage; None if the pool has none.
    """

    flow: Any
    parameters: dict[str, Any] | None
    place: StoredBundle | None


class BundledRuns(RunSubmission[C, V, R], Generic[C, V, R]):
    """The part of a worker that starts runs of flows without a deployment."""

    def __init__(self) -> None:
        super().__init__()
        self._bundled_runs: dict[UUID, BundledRun] = {}

    @abc.abstractmethod
    async def _update_local_work_pool_info(self) -> None: ...

    async def submit(
        self,
        flow: Any,
        parameters: dict[str, Any] | None = None,
        job_variables: dict[str, Any] | None = None,
        flow_run: FlowRun | None = None,
    ) -> PrefectFlowRunFuture[Any]:
        """Start to run a flow without a deployment on this worker's infrastructure, and return a future of its run.

        Args:
            flow: The flow; one that is bound to infrastructure brings job variables, a launcher and files along.
            parameters: Its arguments, by name.
            job_variables: Values for the variables of the pool's job template.
            flow_run: A run that has been created, to start or to retry.
        """
        assert self._runs_task_group is not None
        if self._work_pool is None:
            await self._update_local_work_pool_info()
        assert self._work_pool is not None
        if flow_run is None:
            variables = {**getattr(flow, "job_variables", {}), **(job_variables or {})}
            flow_run = await submission.create_flow_run(self.client, flow, parameters or {}, self._work_pool, variables)
        place = submission.find_storage(self._work_pool, getattr(flow, "launcher", None))
        self._runs_task_group.start_soon(self._run_bundled, flow_run, BundledRun(flow, parameters, place))
        return PrefectFlowRunFuture(flow_run.id)

    def _use_local_bundle(self, configuration: C, directory: Path, key: str) -> bool:
        """Have the infrastructure execute a bundle in a directory of this machine; return whether it can."""
        return False

    async def _run_bundled(self, flow_run: FlowRun, bundled: BundledRun) -> None:
        """Claim and run a flow run whose flow is here."""
        self._submitting_flow_run_ids.add(flow_run.id)
        self._bundled_runs[flow_run.id] = bundled
        self._claims.is_renewed = True  # nobody else knows of it
        try:
            if self._slots is not None:
                await self._slots.acquire()
            async with anyio.create_task_group() as group:
                group.start_soon(self._claims.keep_renewed, self.client)
                is_claimed = await self._claim_bundled(flow_run)
                if is_claimed:
                    await self._claim_and_run(flow_run, is_claimed=True)
                elif self._slots is not None:
                    self._slots.release()
                group.cancel_scope.cancel()
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)
            del self._bundled_runs[flow_run.id]

    async def _claim_bundled(self, flow_run: FlowRun) -> bool:
        """Claim a run, as soon as the server allows it; return whether this worker has it."""
        while not await self._propose_pending_state(flow_run, force=True):
            try:
                state = (await self.client.read_flow_run(flow_run.id)).state
            except ObjectNotFound:
                return False
            except Exception as error:
                self._logger.debug("Flow run %r cannot be claimed yet: %s", flow_run.name, error)
            else:
                if state is None or not state.is_scheduled():
                    return False
            await anyio.sleep(CLAIM_RETRY_SECONDS)
        return True

    async def _start_run(self, flow_run: FlowRun, configuration: C, task_status: Any) -> R:
        """Store the bundle of a run whose flow is here before its infrastructure is started."""
        bundled = self._bundled_runs.get(flow_run.id)
        if bundled is None:
            return await super()._start_run(flow_run, configuration, task_status)
        with tempfile.TemporaryDirectory(prefix="prefect-bundle-", ignore_cleanup_errors=True) as directory:
            await self._store_bundle(flow_run, bundled, configuration, Path(directory))
            return await super()._start_run(flow_run, configuration, task_status)

    async def _store_bundle(self, flow_run: FlowRun, bundled: BundledRun, configuration: C, directory: Path) -> None:
        place = bundled.place
        try:
            if place is not None:
                await submission.upload(bundled.flow, flow_run, bundled.parameters, place)
                configuration.command = place.execution_command
                return
            key = str(uuid4())
            if not self._use_local_bundle(configuration, directory, key):
                assert self._work_pool is not None
                raise RuntimeError(submission.describe_missing_storage(self._work_pool.name))
            await submission.write(bundled.flow, flow_run, bundled.parameters, key, directory)
        except Exception as error:
            raise InfrastructureError(str(error)) from error
