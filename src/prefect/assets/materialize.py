"""The decorator of tasks that make assets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect._lazy import lazy
from prefect.assets.core import Asset

if TYPE_CHECKING:
    from typing import Unpack

    from prefect import tasks
    from prefect._options import TaskOptions
    from prefect.tasks import MaterializingTask
else:
    tasks = lazy("prefect.tasks")

__all__ = ["materialize"]

P = ParamSpec("P")
R = TypeVar("R")


def materialize(
    *assets: str | Asset, by: str | None = None, **task_kwargs: Unpack[TaskOptions]
) -> Callable[[Callable[P, R]], MaterializingTask[P, R]]:
    """Make a function a task that makes assets.

    Args:
        assets: What its runs make: assets, or their keys.
        by: The tool that makes them, such as `"dbt"`.
        task_kwargs: Options of the task; `asset_deps` are assets that no task of the flow makes.

    Raises:
        TypeError: There is no asset.
        ValueError: A key is not valid.
    """
    if not assets:
        raise TypeError("materialize requires at least one asset argument, e.g. `@materialize(asset)`.")
    options: Any = {"log_prints": None, **task_kwargs}

    def decorate(fn: Callable[P, R]) -> MaterializingTask[P, R]:
        return tasks.MaterializingTask(fn, assets=assets, materialized_by=by, **options)

    return decorate
