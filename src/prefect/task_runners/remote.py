"""Running submitted tasks in task workers."""

from __future__ import annotations

from typing import Any

from prefect.futures import PrefectDistributedFuture
from prefect.task_runners.base import TaskRunner

_NOT_BUILT = "Tasks cannot be run in task workers yet: they will come in a later release."


class PrefectTaskRunner(TaskRunner[PrefectDistributedFuture[Any]]):
    """Sends submitted tasks to task workers. Not in this release."""

    def __init__(self) -> None:
        raise NotImplementedError(_NOT_BUILT)

    def duplicate(self) -> PrefectTaskRunner:
        raise NotImplementedError(_NOT_BUILT)

    def submit(self, *args: Any, **kwargs: Any) -> PrefectDistributedFuture[Any]:
        raise NotImplementedError(_NOT_BUILT)
