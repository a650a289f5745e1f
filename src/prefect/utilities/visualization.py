"""Drawing a flow: which task would be called with what another one returned.

While a tracker is active, tasks are not run; each call becomes a `VizTask`, which stands for what the task would return
unless the task says what does (`viz_return_value`). Nothing here knows of runs. Drawing needs Graphviz, and its Python
package `graphviz`; the Mermaid text needs neither.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from prefect.utilities.collections import visit_collection

if TYPE_CHECKING:
    from typing import Self


class FlowVisualizationError(Exception):
    """A flow cannot be drawn."""


class VisualizationUnsupportedError(Exception):
    """A flow uses something that cannot be drawn."""


class GraphvizImportError(Exception):
    """The Python package `graphviz` is not installed."""


class GraphvizExecutableNotFoundError(Exception):
    """Graphviz itself is not installed."""


class VizTask:
    """A call of a task, in a drawing.

    Args:
        name: The task's name; the tracker adds how many calls of it there were before.
        upstream_tasks: The calls whose results it got.
    """

    def __init__(self, name: str, upstream_tasks: list[VizTask] | None = None) -> None:
        self.name = name
        self.upstream_tasks = upstream_tasks or []


class TaskVizTrackerState:
    """Which tracker is active."""

    current: TaskVizTracker | None = None


class TaskVizTracker:
    """Collects the calls of tasks in a flow that is being drawn. Active inside its context."""

    def __init__(self) -> None:
        self.tasks: list[VizTask] = []
        self.dynamic_task_counter: dict[str, int] = {}
        self.object_id_to_task: dict[int, VizTask] = {}
        self._kept: list[Any] = []
        self._outer: TaskVizTracker | None = None

    def add_task(self, task: VizTask) -> None:
        """Add a call and give it a name of its own."""
        count = self.dynamic_task_counter.get(task.name, -1) + 1
        self.dynamic_task_counter[task.name] = count
        task.name = f"{task.name}-{count}"
        self.tasks.append(task)

    def link_viz_return_value_to_viz_task(self, viz_return_value: Any, viz_task: VizTask) -> None:
        """Remember that a value came from a call. Not of values that Python shares between all who use them."""
        if viz_return_value is None or type(viz_return_value) is bool or viz_return_value is ...:
            return
        if type(viz_return_value) is int and -5 <= viz_return_value <= 256:
            return
        self._kept.append(viz_return_value)  # so that its id stays its own
        self.object_id_to_task[id(viz_return_value)] = viz_task

    def __enter__(self) -> Self:
        self._outer = TaskVizTrackerState.current
        TaskVizTrackerState.current = self
        return self

    def __exit__(self, *args: Any) -> None:
        TaskVizTrackerState.current = self._outer


def get_task_viz_tracker() -> TaskVizTracker | None:
    """The active tracker: if there is one, a flow is being drawn, and no task may run."""
    return TaskVizTrackerState.current


def track_viz_task(
    is_async: bool, task_name: str, parameters: dict[str, Any], viz_return_value: Any | None = None
) -> Coroutine[Any, Any, Any] | Any:
    """Add a call to the active tracker instead of making it.

    Args:
        is_async: Whether the task is async, so that its caller awaits what this returns.
        viz_return_value: What stands for the result.

    Returns:
        `viz_return_value`, or else the new `VizTask`.
    """
    if is_async:
        return _track_async(task_name, parameters, viz_return_value)
    return _track(task_name, parameters, viz_return_value)


async def _track_async(task_name: str, parameters: dict[str, Any], viz_return_value: Any) -> Any:
    return _track(task_name, parameters, viz_return_value)


def _track(task_name: str, parameters: dict[str, Any], viz_return_value: Any) -> Any:
    tracker = get_task_viz_tracker()
    if tracker is None:
        raise FlowVisualizationError("No flow is being drawn.")
    upstream: list[VizTask] = []

    def find(value: Any) -> None:
        task = value if isinstance(value, VizTask) else tracker.object_id_to_task.get(id(value))
        if task is not None and task not in upstream:
            upstream.append(task)

    visit_collection(parameters, find)
    task = VizTask(task_name, upstream)
    tracker.add_task(task)
    result = task if viz_return_value is None else viz_return_value
    tracker.link_viz_return_value_to_viz_task(result, task)
    return result


def build_mermaid_dependencies(task_run_tracker: TaskVizTracker) -> str:
    """The drawing as a Mermaid flow chart."""
    lines = ["flowchart TD"]
    lines += [f'    {_identifier(task.name)}["{task.name}"]' for task in task_run_tracker.tasks]
    for task in task_run_tracker.tasks:
        lines += [f"    {_identifier(up.name)} --> {_identifier(task.name)}" for up in task.upstream_tasks]
    return "\n".join(lines)


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def build_task_dependencies(task_run_tracker: TaskVizTracker) -> Any:
    """The drawing as a `graphviz.Digraph`.

    Raises:
        GraphvizImportError: The package `graphviz` is not installed.
    """
    try:
        import graphviz  # pyright: ignore[reportMissingImports]  # optional
    except ImportError as error:
        raise GraphvizImportError("Drawing a flow needs the package graphviz: `pip install graphviz`.") from error
    graph: Any = graphviz.Digraph()  # pyright: ignore
    for task in task_run_tracker.tasks:
        graph.node(task.name)
        for up in task.upstream_tasks:
            graph.edge(up.name, task.name)
    return graph


def visualize_task_dependencies(graph: Any, flow_run_name: str) -> None:
    """Draw a graph into a file named after the flow run, and show it.

    Raises:
        GraphvizExecutableNotFoundError: Graphviz is not installed.
    """
    import graphviz  # pyright: ignore[reportMissingImports]  # optional

    try:
        graph.render(filename=flow_run_name, view=True, format="png", cleanup=True)
    except graphviz.backend.ExecutableNotFound as error:  # pyright: ignore
        raise GraphvizExecutableNotFoundError(
            "Drawing a flow needs Graphviz itself: see https://graphviz.org/download."
        ) from error
