"""Decorators that bind flows to infrastructure: `process`, and the factory for decorators of other packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from prefect._bound_flow import InfrastructureBoundFlow, bind_flow_to_infrastructure
from prefect.workers.process import ProcessWorker

if TYPE_CHECKING:
    from prefect.bundles import BundleLauncher
    from prefect.flows import Flow
    from prefect.workers.base import BaseWorker

__all__ = ["InfrastructureDecorator", "create_infrastructure_decorator", "process"]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class InfrastructureDecorator(Protocol):
    """A decorator of flows, above `@flow`: `@process(work_pool="local")`."""

    def __call__(
        self,
        work_pool: str,
        include_files: Sequence[str] | None = None,
        launcher: BundleLauncher | None = None,
        *,
        include_files_base_dir: Path | str | None = None,
        **job_variables: Any,
    ) -> Callable[[Flow[P, R]], InfrastructureBoundFlow[P, R]]:
        """Bind a flow to the infrastructure of a work pool.

        Args:
            work_pool: The name of the work pool.
            include_files: Patterns of files that the flow needs, relative to its own file.
            launcher: What launches the commands that upload and execute the bundle, in place of `python`.
            include_files_base_dir: The directory that the patterns are relative to instead.
            **job_variables: Values for the variables of the pool's job template.
        """
        ...


def create_infrastructure_decorator(
    name: str, module: str, worker_cls: type[BaseWorker[Any, Any, Any]]
) -> InfrastructureDecorator:
    """Return the decorator that binds flows to work pools of a type of worker.

    Args:
        name: The name of the decorator.
        module: The module that it is imported from.
        worker_cls: The type of worker.
    """

    def decorate(
        work_pool: str,
        include_files: Sequence[str] | None = None,
        launcher: BundleLauncher | None = None,
        *,
        include_files_base_dir: Path | str | None = None,
        **job_variables: Any,
    ) -> Callable[[Flow[P, R]], InfrastructureBoundFlow[P, R]]:
        def bind(flow: Flow[P, R]) -> InfrastructureBoundFlow[P, R]:
            if not hasattr(flow, "with_options"):
                raise TypeError(f"@{name} decorates a flow: write @flow below it.")
            return bind_flow_to_infrastructure(
                flow,
                work_pool=work_pool,
                worker_cls=worker_cls,
                job_variables=job_variables,
                launcher=launcher,
                include_files=include_files,
                include_files_base_dir=include_files_base_dir,
            )

        return bind

    decorate.__name__ = decorate.__qualname__ = name
    decorate.__module__ = module
    decorate.__doc__ = InfrastructureDecorator.__call__.__doc__
    return decorate


process = create_infrastructure_decorator("process", __name__, ProcessWorker)
"""Bind a flow to a work pool of the type `process`."""
