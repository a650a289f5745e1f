"""The base class of task runners: submit one run, map over many."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from prefect._io import drive
from prefect.context import EngineContext
from prefect.engine.dataflow.parameters import Link, collect_inputs, resolve_inputs
from prefect.exceptions import MappingLengthMismatch, MappingMissingIterable
from prefect.futures import PrefectFuture, PrefectFutureList
from prefect.schemas.states import State
from prefect.values.annotations import allow_failure, quote, unmapped
from prefect.values.traversal import isiterable

if TYPE_CHECKING:
    from typing import Self

    from prefect.engine.protocols import RunnableTask

F = TypeVar("F", bound=PrefectFuture[Any])

Upstreams: TypeAlias = Iterable[PrefectFuture[Any]] | None
"""Futures that a run waits for, besides those among its parameters."""

Links: TypeAlias = dict[str, list[Link]] | None
"""Dependencies that a run records besides those that its parameters show, by parameter."""


class TaskRunner(abc.ABC, Generic[F]):
    """Executes the submitted tasks of a flow. A flow run uses a `duplicate`, entered while it runs."""

    def __init__(self) -> None:
        self._started = False

    @property
    def name(self) -> str:
        """The kind of runner, for messages: `threadpool`, `processpool`."""
        return type(self).__name__.lower().replace("taskrunner", "")

    @property
    def logger(self) -> Any:
        """The runner's logger."""
        from prefect.logging.loggers import get_logger

        return get_logger(f"task_runner.{self.name}")

    @abc.abstractmethod
    def duplicate(self) -> Self:
        """Return a runner with the same options that has not started."""

    @abc.abstractmethod
    def submit(
        self, task: RunnableTask, parameters: dict[str, Any], wait_for: Upstreams = None, dependencies: Links = None
    ) -> F:
        """Start a run of the task as soon as its dependencies are done.

        Args:
            task: The task.
            parameters: The arguments by name.
            wait_for: Futures to wait for in addition to those among the parameters.
            dependencies: Dependencies to record in addition to those that the parameters show.
        """

    def map(self, task: RunnableTask, parameters: dict[str, Any], wait_for: Upstreams = None) -> PrefectFutureList[F]:
        """Submit a run for each item of the iterable parameters; see `Task.map`.

        Raises:
            MappingLengthMismatch: The iterables differ in length.
            MappingMissingIterable: There is nothing to map over.
        """
        if not self._started:
            raise RuntimeError("The task runner must be started before submitting work.")
        spec = task.spec
        extra = parameters.get(spec.var_keyword) if spec.var_keyword else None
        flat = {name: value for name, value in parameters.items() if name != spec.var_keyword}
        items, whole, dependencies = _split_parameters({**flat, **(extra or {})}, task.name)
        length = len(next(iter(items.values())))
        defaults = {name: value for name, value in spec.defaults.items() if name not in parameters}
        futures: PrefectFutureList[F] = PrefectFutureList()
        for index in range(length):
            call = {**defaults, **whole, **{name: values[index] for name, values in items.items()}}
            if extra:
                call[spec.var_keyword or ""] = {name: call.pop(name) for name in extra}
            if spec.var_positional and spec.var_positional in items:
                call[spec.var_positional] = (call[spec.var_positional],)
            futures.append(
                self.submit(task, {name: call[name] for name in spec.names if name in call}, wait_for, dependencies)
            )
        return futures

    def __enter__(self) -> Self:
        if self._started:
            raise RuntimeError("This task runner is already started")
        self._started = True
        return self

    def __exit__(self, *error: Any) -> None:
        self._started = False

    def _announce_waiting(self, error: BaseException | None, count: int) -> None:
        """Log what an interrupted flow run waits for."""
        if count and error is not None and not isinstance(error, Exception):
            self.logger.warning(
                "The flow run was interrupted: waiting for %s task run(s) that have started. "
                "Press Ctrl+C again to end immediately.",
                count,
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _split_parameters(
    parameters: dict[str, Any], name: str
) -> tuple[dict[str, list[Any]], dict[str, Any], dict[str, list[Link]]]:
    """Split parameters into those with an item for each run and those passed whole."""
    items: dict[str, list[Any]] = {}
    whole: dict[str, Any] = {}
    dependencies: dict[str, list[Link]] = {}
    for key, value in parameters.items():
        failing = isinstance(value, allow_failure)
        inner = value.unwrap() if isinstance(value, (allow_failure, quote, unmapped)) else value
        if isinstance(value, unmapped):
            whole[key] = inner
        elif isinstance(inner, PrefectFuture):
            result = inner.result(raise_on_failure=not failing)
            dependencies[key] = [{"input_type": "task_run", "id": inner.task_run_id}]
            if isiterable(result):
                items[key] = list(result)
            else:
                whole[key] = result
        elif isinstance(inner, State):
            inputs = collect_inputs({key: value}, None)
            result = drive(resolve_inputs({key: value}, inputs, EngineContext.get()))[key]
            dependencies[key] = inputs.links[key]
            (items if isiterable(result) else whole)[key] = list(result) if isiterable(result) else result
        elif isiterable(inner):
            values = list(inner)
            items[key] = [allow_failure(item) for item in values] if failing else values
        else:
            whole[key] = value
    lengths = {key: len(values) for key, values in items.items()}
    if not lengths:
        raise MappingMissingIterable(
            "No iterable parameters were received. Parameters for map must include at least one iterable. "
            f"Parameters of {name!r}: {parameters}"
        )
    if len(set(lengths.values())) > 1:
        raise MappingLengthMismatch(
            f"Expected iterable parameters of {name!r} to have the same length, but they have different ones. "
            f"Lengths: {lengths}"
        )
    return items, whole, dependencies


__all__ = ["Links", "TaskRunner", "Upstreams"]
