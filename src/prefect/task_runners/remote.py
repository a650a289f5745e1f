"""Running submitted tasks in task workers."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectDistributedFuture
from prefect.task_runners.base import TaskRunner


class PrefectTaskRunner(TaskRunner[PrefectDistributedFuture[Any]]):
    """Sends submitted tasks to task workers. Not in this release."""

    def __init__(self) -> None:
        raise NotImplementedError("Running tasks in task workers comes in a later release.")

    def duplicate(self) -> PrefectTaskRunner:
        raise NotImplementedError("Running tasks in task workers comes in a later release.")

    def submit(self, *args: Any, **kwargs: Any) -> PrefectDistributedFuture[Any]:
        raise NotImplementedError("Running tasks in task workers comes in a later release.")
