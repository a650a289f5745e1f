"""Recording a task run without running it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.context import EngineContext, TaskRunContext
from prefect.engine.tasks.task_run import TaskRunEngine

if TYPE_CHECKING:
    from prefect.schemas.runs import TaskRun


def record_task_run(
    task: Any,
    run_id: UUID | None,
    parameters: dict[str, Any] | None,
    wait_for: Any,
    dependencies: dict[str, set[Any]] | None,
    flow_run: EngineContext | None,
    parent: TaskRunContext | None,
) -> TaskRun:
    """Record a run in Pending and return it.

    Args:
        task: The task.
        run_id: The id of the run; a new one if None.
        parameters: The arguments by name, without those that have their default.
        wait_for: Futures that the run waits for.
        dependencies: Dependencies to record in addition to those that the parameters show.
        flow_run: The context of the flow run that it belongs to; the current one if None.
        parent: The context of the task run that it is called in; the current one if None.
    """
    values = {**task.spec.defaults, **task.instance_parameters, **(parameters or {})}
    links = as_links(dependencies)
    with ExitStack() as contexts:
        if flow_run is not None and flow_run is not EngineContext.get():
            contexts.enter_context(flow_run)
        if parent is not None and parent is not TaskRunContext.get():
            contexts.enter_context(parent)
        return TaskRunEngine(task, values, wait_for, links, run_id).run


def as_links(dependencies: dict[str, set[Any]] | None) -> dict[str, list[Any]]:
    """Return dependencies as they are recorded."""
    return {
        name: [{"input_type": each.input_type, "id": getattr(each, "id", None)} for each in inputs]
        for name, inputs in (dependencies or {}).items()
    }
