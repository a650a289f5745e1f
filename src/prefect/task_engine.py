"""Running a task by hand, as integrations do that bring a task runner of their own.

A program calls its tasks, or submits them. Whoever runs a task elsewhere, in a worker of Dask or Ray, has its
parameters, a run id and the context to run in (`prefect.context.serialize_context`), and calls one of these.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from prefect.context import hydrated_context
from prefect.engine import shells
from prefect.engine.deadline import TaskRunTimeoutError
from prefect.engine.task_run import TaskRunEngine

if TYPE_CHECKING:
    from prefect.engine.parameters import Link
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
    """Run a task here and now.

    Args:
        task: The task.
        task_run_id: The id that its run gets.
        task_run: The run, when it has been recorded already.
        parameters: The arguments by name; those left out have their defaults.
        wait_for: Futures to wait for beside those among the parameters.
        return_type: Return the value, or the final state.
        dependencies: What the run depends on beside what the parameters show, by parameter.
        context: The context to run in, as `serialize_context` gives it; the present one if None.

    Returns:
        The value or state; for an async task a coroutine, for a generator a generator.

    Raises:
        Exception: Whatever the task raised, unless the state is asked for.
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
    """As `run_task`, for a sync task."""
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
    """As `run_task`, for an async task."""
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
    """As `run_task`, for a generator task: hands its items on as they come.

    Raises:
        ValueError: The state is asked for, which a generator cannot return.
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
    """As `run_generator_task_sync`, for an async generator task."""
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
    given = {**task.spec.defaults, **(parameters or {})}
    ordered = {name: given.pop(name) for name in task.spec.names if name in given} | given
    if run is not None:
        return TaskRunEngine.from_recorded_run(task, ordered, run)
    links = {name: [_dependency_link(one) for one in found] for name, found in (dependencies or {}).items()}
    return TaskRunEngine(task, ordered, wait_for, links, run_id)


def _dependency_link(found: RunInput) -> Link:
    return {"input_type": found.input_type, "id": getattr(found, "id", None)}


def _reject_return_state(task: Task[..., Any], return_type: ReturnType) -> None:
    if return_type == "state":
        raise ValueError(f"The task {task.name!r} is a generator, which cannot return its state: iterate over it.")


def _enter_context(context: dict[str, Any] | None) -> Any:
    return hydrated_context(context) if context else nullcontext()
