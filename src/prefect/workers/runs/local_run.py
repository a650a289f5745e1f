"""Running a flow on the infrastructure of a work pool from this process: a worker in a thread, for one flow run."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from typing import TYPE_CHECKING, Any

from prefect import _io
from prefect.client import orchestration
from prefect.futures import PrefectFlowRunFuture
from prefect.schemas.states import State, StateType

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRun
    from prefect.workers.base import BaseWorker


class LocalRunFuture(PrefectFlowRunFuture[Any]):
    """The future of a run whose worker is in this process."""

    __slots__ = ("local",)

    def __init__(self, local: LocalRun) -> None:
        super().__init__(local.flow_run.id)
        self.local = local

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait until the worker has seen the end of the run, at most `timeout` seconds; returns either way."""
        try:
            await _io.wait(self.local.ended, timeout)
        except (TimeoutError, concurrent.futures.TimeoutError):
            return
        await super().wait_async(timeout)


class LocalRun:
    """A flow run and the thread of its worker.

    Args:
        flow: The flow, which is bound to infrastructure.
        parameters: The parameters of the run; those of the API if None.
        flow_run: The run.
    """

    def __init__(self, flow: Any, parameters: dict[str, Any] | None, flow_run: FlowRun) -> None:
        self.flow_run = flow_run
        self.ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._flow = flow
        self._parameters = parameters
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: BaseWorker[Any, Any, Any] | None = None

    def start(self) -> None:
        """Start the thread. The interpreter waits for it before it exits."""
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(self._run_thread,), name=f"prefect-local-run-{self.flow_run.id}"
        ).start()

    def cancel(self) -> None:
        """Stop the run's infrastructure, and report it as cancelled."""
        if self._loop is not None and self._worker is not None and not self.ended.done():
            asyncio.run_coroutine_threadsafe(self._worker._cancel_run(self.flow_run), self._loop)

    def _run_thread(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            worker = self._flow.worker_cls(work_pool_name=self._flow.work_pool, create_pool_if_not_found=False)
            worker.is_for_one_run = True
            async with worker:
                self._worker = worker
                await worker.submit(self._flow, self._parameters, flow_run=self.flow_run)
        except Exception as error:
            message = f"The flow run could not be started from the program that submitted it: {error}"
            async with orchestration.get_client() as client:
                await client.set_flow_run_state(self.flow_run.id, State(type=StateType.CRASHED, message=message))


def start(flow: Any, parameters: dict[str, Any] | None, flow_run: FlowRun) -> PrefectFlowRunFuture[Any]:
    """Start a worker for a flow run in a thread, and return the future of the run."""
    local = LocalRun(flow, parameters, flow_run)
    local.start()
    return LocalRunFuture(local)


def cancel(future: PrefectFlowRunFuture[Any]) -> None:
    """Cancel the run of a future that `start` has returned."""
    if isinstance(future, LocalRunFuture):
        future.local.cancel()
