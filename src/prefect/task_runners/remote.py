"""Running submitted tasks in task workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._io import drive
from prefect._lazy import lazy
from prefect.futures import PrefectDistributedFuture
from prefect.task_runners.base import Links, TaskRunner, Upstreams

if TYPE_CHECKING:
    from prefect.engine.protocols import RunnableTask
    from prefect.engine.tasks import deferral
else:
    deferral = lazy("prefect.engine.tasks.deferral")


class PrefectTaskRunner(TaskRunner[PrefectDistributedFuture[Any]]):
    """Sends submitted tasks to task workers, which serve them with `prefect task serve` or `serve`."""

    def duplicate(self) -> PrefectTaskRunner:
        return PrefectTaskRunner()

    def submit(
        self, task: RunnableTask, parameters: dict[str, Any], wait_for: Upstreams = None, dependencies: Links = None
    ) -> PrefectDistributedFuture[Any]:
        if not self._started:
            raise RuntimeError("The task runner must be started before submitting work.")
        run = drive(deferral.submit_run(task, parameters, wait_for, dependencies))
        return PrefectDistributedFuture(run.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrefectTaskRunner)

    def __hash__(self) -> int:
        return hash(type(self))
