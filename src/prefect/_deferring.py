"""The methods of `Task` that submit runs to task workers."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from prefect._io import drive
from prefect._lazy import lazy, lazy_from

if TYPE_CHECKING:
    from types import ModuleType

    from prefect import futures
    from prefect.engine.tasks import deferral, task_creation
    from prefect.futures import PrefectDistributedFuture, PrefectFuture
else:
    deferral, task_creation = lazy_from("prefect.engine.tasks", "deferral", "task_creation")
    futures = lazy("prefect.futures")

task_worker: ModuleType = lazy("prefect.task_worker")

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
T = TypeVar("T")


class Deferring(Generic[P, R]):
    """A task as something that task workers run."""

    @overload
    def delay(self: Deferring[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> PrefectFuture[T]: ...
    @overload
    def delay(self, *args: P.args, **kwargs: P.kwargs) -> PrefectFuture[R]: ...
    def delay(self, *args: Any, **kwargs: Any) -> Any:
        """Submit a run of the task to task workers, and return its future immediately.

        The arguments are stored in the result storage, from where the worker reads them.
        """
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[Any]] | None = None,
    ) -> PrefectDistributedFuture[Any]:
        """Submit a run of the task to task workers, as `delay` does.

        Args:
            args: Positional arguments.
            kwargs: Named arguments.
            wait_for: Futures to wait for before the run is submitted in addition to those among the arguments.
            dependencies: Dependencies to record in addition to those that the arguments show.
        """
        task: Any = self
        parameters = task.bind_arguments(args or (), kwargs or {})
        run = drive(deferral.submit_run(task, parameters, wait_for, task_creation.as_links(dependencies)))
        return futures.PrefectDistributedFuture(run.id)

    def serve(self) -> Any:
        """Run what `delay` submits of this task, until the process is interrupted."""
        return task_worker.serve(self)

    async def aserve(self) -> None:
        """Run what `delay` submits of this task, as `serve` does, in async code."""
        await task_worker.aserve(self)
