"""Stopping the infrastructure of runs that their own worker did not stop: what workers do about clean-up jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefect.exceptions import (
    InfrastructureError,
    InfrastructureNotAvailable,
    InfrastructureNotFound,
    ObjectNotFound,
)
from prefect.schemas.worker_channel import SUPPORTED_CLEANUP_KINDS, CleanupKind, CleanupMessagePayload
from prefect.workers.leftovers.cleanup import CleanupExecutionResult, WorkerCleanupHandler, WorkerCleanupHandlerRegistry
from prefect.workers.runs.submission import CANCEL_GRACE_SECONDS, RunSubmission

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRun


class InfrastructureTeardown:
    """Stops the infrastructure of a flow run with the method `kill_infrastructure` of a worker.

    Args:
        worker: The worker.
        kinds: The kinds of clean-up jobs that are executed like this.
    """

    def __init__(self, worker: RunSubmission[Any, Any, Any], kinds: tuple[CleanupKind, ...]) -> None:
        self.cleanup_kinds = kinds
        self._worker = worker

    async def cleanup(self, message: CleanupMessagePayload) -> CleanupExecutionResult:
        """Stop the infrastructure, unless it is gone, or its run has come back to life."""
        identifier = message.target.infrastructure_pid
        if identifier is None:
            return CleanupExecutionResult.noop()
        try:
            flow_run = await self._worker.client.read_flow_run(message.target.flow_run_id)
        except ObjectNotFound:
            return CleanupExecutionResult.noop()
        if flow_run.infrastructure_pid == identifier and flow_run.state is not None and flow_run.state.is_running():
            return CleanupExecutionResult.noop()
        logger = self._worker.get_flow_run_logger(flow_run)
        try:
            configuration = await self._read_configuration(flow_run)
            await self._worker.kill_infrastructure(identifier, configuration, CANCEL_GRACE_SECONDS)
        except InfrastructureNotFound:
            return CleanupExecutionResult.noop()
        except (InfrastructureError, InfrastructureNotAvailable, NotImplementedError) as error:
            return CleanupExecutionResult.release(str(error))
        logger.info("Stopped the infrastructure %r, which flow run %r had left.", identifier, flow_run.name)
        return CleanupExecutionResult.success()

    async def _read_configuration(self, flow_run: FlowRun) -> Any:
        try:
            return await self._worker._get_configuration(flow_run)
        except ObjectNotFound:  # its deployment was deleted
            return await self._worker._get_configuration(flow_run.model_copy(update={"deployment_id": None}))


def build_cleanup_handler_registry(
    worker: RunSubmission[Any, Any, Any], handlers: Iterable[WorkerCleanupHandler], can_stop: bool
) -> WorkerCleanupHandlerRegistry:
    """Return the clean-up handlers of a worker: of its class, and the teardown if it can stop infrastructure."""
    registry = WorkerCleanupHandlerRegistry(handlers)
    left: tuple[CleanupKind, ...] = tuple(kind for kind in SUPPORTED_CLEANUP_KINDS if registry.get(kind) is None)
    if can_stop and left:
        registry.register(InfrastructureTeardown(worker, left))
    return registry
