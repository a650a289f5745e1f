"""Run tasks from code that has their parameters in a dictionary.

Integrations with a task runner of their own, for Dask or Ray, call these functions in their workers, with the context
of the flow run (`prefect.context.serialize_context`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from prefect.context import hydrated_context
from prefect.engine import shells
from prefect.engine.interruption.deadline import TaskRunTimeoutError
from prefect.engine.tasks.task_run import TaskRunEngine

if TYPE_CHECKING:
    from prefect.engine.dataflow.parameters import Link
    from prefect.schemas.run_inputs import RunInput
    from prefect.schemas.runs import TaskRun
    from prefect.tasks import Task

__all__ = [
    "TaskRunTimeoutError",
    "run_generator_task_async",
    "run_generator_task_sync",
    "run_task",
    "run_task_async",
    "run_task_sync",
]

ReturnType = Literal["state", "result"]
Dependencies = Mapping[str, Iterable["RunInput"]]


def run_task(
    task: Task[..., Any],
    task_run_id: UUID | None = None,
    task_run: TaskRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Any = None,
    return_type: ReturnType = "result",
    dependencies: Dependencies | None = None,
    context: dict[str, Any] | None = None,
) -> Any:
    """Run a task in this process.

    Args:
        task: The task.
        task_run_id: The id of the new run.
        task_run: The run, if it has been recorded.
        parameters: The arguments by name; those left out have their defaults.
        wait_for: Futures to wait for in addition to those among the parameters.
        return_type: Whether to return the value or the final state.
        dependencies: Runs that the run depends on, by parameter in addition to those found in the parameters.
        context: The context to run in, as `serialize_context` returns it; the current one if None.

    Returns:
        The value or state; for an async task a coroutine, for a generator a generator.

    Raises:
        Exception: Whatever the task raised, unless `return_type` is "state".
    """
    call = (task, task_run_id, task_run, parameters, wait_for, return_type, dependencies, context)
    if task.isgenerator:
        return run_generator_task_async(*call) if task.isasync else run_generator_task_sync(*call)
    return run_task_async(*call) if task.isasync else run_task_sync(*call)


def run_task_sync(
    task: Task[..., Any],
    task_run_id: UUID | None = None,
    task_run: TaskRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Any = None,
    return_type: ReturnType = "result",
    dependencies: Dependencies | None = None,
    context: dict[str, Any] | None = None,
) -> Any:
    """Run a sync task; see `run_task`."""
    with _enter_context(context):
        return shells.call(
            lambda: _make_engine(task, task_run_id, task_run, parameters, wait_for, dependencies),
            return_type == "state",
        )


async def run_task_async(
    task: Task[..., Any],
    task_run_id: UUID | None = None,
    task_run: TaskRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Any = None,
    return_type: ReturnType = "result",
    dependencies: Dependencies | None = None,
    context: dict[str, Any] | None = None,
) -> Any:
    """Run an async task; see `run_task`."""
    with _enter_context(context):
        return await shells.await_(
            lambda: _make_engine(task, task_run_id, task_run, parameters, wait_for, dependencies),
            return_type == "state",
        )


def run_generator_task_sync(
    task: Task[..., Any],
    task_run_id: UUID | None = None,
    task_run: TaskRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Any = None,
    return_type: ReturnType = "result",
    dependencies: Dependencies | None = None,
    context: dict[str, Any] | None = None,
) -> Generator[Any, Any, Any]:
    """Run a generator task and yield its items; see `run_task`.

    Raises:
        ValueError: `return_type` is "state", which a generator cannot return.
    """
    _reject_return_state(task, return_type)
    with _enter_context(context):
        return (
            yield from shells.iterate(
                lambda: _make_engine(task, task_run_id, task_run, parameters, wait_for, dependencies)
            )
        )


async def run_generator_task_async(
    task: Task[..., Any],
    task_run_id: UUID | None = None,
    task_run: TaskRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Any = None,
    return_type: ReturnType = "result",
    dependencies: Dependencies | None = None,
    context: dict[str, Any] | None = None,
) -> AsyncGenerator[Any]:
    """Run an async generator task and yield its items; see `run_task`.

    Raises:
        ValueError: `return_type` is "state", which a generator cannot return.
    """
    _reject_return_state(task, return_type)
    with _enter_context(context):
        async with aclosing(
            shells.aiterate(lambda: _make_engine(task, task_run_id, task_run, parameters, wait_for, dependencies))
        ) as items:
            async for item in items:
                yield item


def _make_engine(
    task: Task[..., Any],
    run_id: UUID | None,
    run: TaskRun | None,
    parameters: dict[str, Any] | None,
    wait_for: Any,
    dependencies: Dependencies | None,
) -> TaskRunEngine:
    values = {**task.spec.defaults, **task.instance_parameters, **(parameters or {})}
    ordered = {name: values.pop(name) for name in task.spec.names if name in values} | values
    if run is not None:
        return TaskRunEngine.from_recorded_run(task, ordered, run)
    links = {name: [_dependency_link(each) for each in inputs] for name, inputs in (dependencies or {}).items()}
    return TaskRunEngine(task, ordered, wait_for, links, run_id)


def _dependency_link(run_input: RunInput) -> Link:
    return {"input_type": run_input.input_type, "id": getattr(run_input, "id", None)}


def _reject_return_state(task: Task[..., Any], return_type: ReturnType) -> None:
    if return_type == "state":
        raise ValueError(f"The task {task.name!r} is a generator, which cannot return its state: iterate over it.")


def _enter_context(context: dict[str, Any] | None) -> Any:
    return hydrated_context(context) if context else nullcontext()
