"""The base of workers whose infrastructure outlives them: others of the pool take up what such a worker has left."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from uuid import UUID

from prefect.client.orchestration import ServerType
from prefect.types import now
from prefect.workers.base import BaseWorker
from prefect.workers.lost_runs import read_offline_workers
from prefect.workers.result import BaseWorkerResult
from prefect.workers.worker_type import C, V

if TYPE_CHECKING:
    from prefect.schemas.runs import FlowRun


class ExplainedResult(BaseWorkerResult):
    """The end of a flow run's infrastructure, with a reason if its engine gives one.

    Attributes:
        reason: Why it ended, if its engine says more than its status.
    """

    reason: str | None = None


R = TypeVar("R", bound=ExplainedResult)
F = TypeVar("F")
"""What a worker knows of a piece of infrastructure that it has found."""


class AdoptingWorker(BaseWorker[C, V, R], Generic[C, V, R, F]):
    """A worker that watches again what workers of its name, or offline ones of its pool, have left."""

    cancels_runs = True

    _display_name: ClassVar[str]
    _infrastructure: ClassVar[str]
    """What the pieces of its infrastructure are called."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._adopted: dict[UUID, F] = {}
        self._adopted_from: set[str] = set()
        self._start_time = now()
        self._stopped: set[str] = set()

    async def setup(self) -> None:
        """Check too that the infrastructure can report to a server."""
        await super().setup()
        if self.client.server_type == ServerType.EPHEMERAL:
            await self.teardown()
            raise RuntimeError(
                f"A {self._display_name} worker needs a server that {self._infrastructure} can reach: "
                "set PREFECT_API_URL."
            )

    def _describe_failure(self, result: R) -> str:
        return result.reason or super()._describe_failure(result)

    async def _propose_crashed_state(self, flow_run: FlowRun, message: str) -> None:
        """Leave a run whose infrastructure was stopped to its cancellation."""
        if self._infrastructure_pids.get(flow_run.id) not in self._stopped:
            await super()._propose_crashed_state(flow_run, message)

    async def sync_with_backend(self) -> None:
        """Check too for the infrastructure that workers have left, and for runs whose infrastructure was removed."""
        await super().sync_with_backend()
        if self._runs_task_group is None:
            return
        gone = {self.name, *await read_offline_workers(self, self.work_pool.name)}
        new = gone - self._adopted_from
        if not new or await self._adopt_from(new):
            self._adopted_from = gone
        if self.name in self._adopted_from:
            await self._report_lost_runs()

    @abc.abstractmethod
    async def _adopt_from(self, workers: set[str]) -> bool:
        """Watch what these workers have left; return False if it cannot be listed yet."""

    @abc.abstractmethod
    async def _report_lost_runs(self) -> None:
        """Report the runs as Crashed whose infrastructure was removed while no worker watched it."""
