"""Draw a flow: call it without running its tasks, and show the dependencies between the calls.

While a flow is drawn, tasks and flows that it calls are nodes: a call returns the node itself (or the task's
`viz_return_value`), and a node among the arguments of a later call is an edge. What the flow does between its calls
really happens. Nothing is recorded, and no task runs. `prefect.utilities.visualization` is the public path.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import _functions, _warnings
from prefect._io import call_user
from prefect._lazy import lazy
from prefect.futures import PrefectFutureList, PrefectTaskRunFuture
from prefect.schemas.states import Completed, InMemory
from prefect.types import new_id
from prefect.values.tracking import is_trackable
from prefect.values.traversal import visit_collection

if TYPE_CHECKING:
    import graphviz  # pyright: ignore[reportMissingImports]
else:
    graphviz = lazy("graphviz")

_HINT = (
    "While a flow is drawn its tasks do not run, and a call of one returns a stand-in. If the flow works with what a "
    "task returns, give that task an example of it: @task(viz_return_value=[1, 2, 3])."
)
_NO_PACKAGE = (
    "Drawing a flow needs the Python package 'graphviz', which is not installed: run `pip install graphviz`, and "
    "install Graphviz itself (https://graphviz.org/download/). `flow.generate_mermaid_graph()` needs neither."
)
_NO_PROGRAM = (
    "Drawing a flow needs the program 'dot' of Graphviz, which is not on the PATH: install Graphviz "
    "(https://graphviz.org/download/); the Python package is not enough. `flow.generate_mermaid_graph()` needs "
    "neither."
)


class FlowVisualizationError(Exception):
    """A flow could not be drawn."""


class VisualizationUnsupportedError(Exception):
    """The flow calls something that cannot be drawn."""


class GraphvizImportError(Exception):
    """The Python package `graphviz` is not installed."""


class GraphvizExecutableNotFoundError(Exception):
    """Graphviz itself is not installed."""


class VizTask:
    """A node of the graph: one call of a task or a flow. It also stands in for the return value of the call.

    Args:
        name: The task's name and the number of the call.
        upstream_tasks: The calls whose results it gets.
    """

    def __init__(self, name: str, upstream_tasks: list[VizTask] | None = None) -> None:
        self.name = name
        self.upstream_tasks = upstream_tasks or []

    def __repr__(self) -> str:
        return f"VizTask({self.name!r})"


class _VizFuture(PrefectTaskRunFuture[Any]):
    """The future of a task that is submitted while a flow is drawn: done, with a stand-in as its result."""

    __slots__ = ("node",)

    def __init__(self, node: VizTask, value: Any) -> None:
        super().__init__(new_id())
        self.node = node
        self.resolve(Completed(data=InMemory(value)))


class TaskVizTracker:
    """The graph of one flow: its nodes and their return values. It is current inside its `with` block.

    Attributes:
        tasks: The nodes, in the order of the calls.
        dynamic_task_counter: How often each name has been called.
        object_id_to_task: The nodes by the `id()` of what their calls returned.
    """

    def __init__(self) -> None:
        self.tasks: list[VizTask] = []
        self.dynamic_task_counter: dict[str, int] = {}
        self.object_id_to_task: dict[int, VizTask] = {}
        self._kept: list[Any] = []  # so that the ids stay their own
        self._futures: dict[UUID, VizTask] = {}
        self._tokens: list[Any] = []

    def __enter__(self) -> TaskVizTracker:
        self._tokens.append(_functions._viz_tracker.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _functions._viz_tracker.reset(self._tokens.pop())

    def add_task(self, task: VizTask) -> None:
        """Add a node, numbering its name."""
        count = self.dynamic_task_counter.get(task.name, -1) + 1
        self.dynamic_task_counter[task.name] = count
        task.name = f"{task.name}-{count}"
        self.tasks.append(task)

    def link_viz_return_value_to_viz_task(self, viz_return_value: Any, viz_task: VizTask) -> None:
        """Record a value, and each value directly in it, as the result of a node."""

        def remember(value: Any) -> Any:
            if is_trackable(value):
                self.object_id_to_task[id(value)] = viz_task
                self._kept.append(value)
            return value

        visit_collection(viz_return_value, remember, max_depth=1)

    def call(self, name: str, parameters: dict[str, Any], viz_return_value: Any = None) -> tuple[VizTask, Any]:
        """Add a call; return its node and the value for the caller."""
        node = VizTask(name, self._upstreams(parameters))
        self.add_task(node)
        if viz_return_value is None:
            return node, node
        self.link_viz_return_value_to_viz_task(viz_return_value, node)
        return node, viz_return_value

    def _upstreams(self, parameters: dict[str, Any]) -> list[VizTask]:
        found: dict[int, VizTask] = {}

        def look(value: Any) -> Any:
            node = None
            if isinstance(value, VizTask):
                node = value
            elif isinstance(value, _VizFuture):
                node = value.node
            elif is_trackable(value):
                node = self.object_id_to_task.get(id(value))
            if node is not None:
                found[id(node)] = node
            return value

        visit_collection(parameters, look)
        return list(found.values())

    # --- called by tasks and flows instead of running -----------------------------------------------------------------

    def task_called(self, task: Any, parameters: dict[str, Any]) -> Any:
        """Add a call of a task, and return a stand-in for its value; for an async task an awaitable of it."""
        _, value = self.call(task.name, parameters, task.viz_return_value)
        return _wrap_return_value(task, value)

    def task_submitted(self, task: Any, parameters: dict[str, Any]) -> Any:
        """Add a submitted task, and return a done future."""
        return _VizFuture(*self.call(task.name, parameters, task.viz_return_value))

    def task_mapped(self, task: Any, parameters: dict[str, Any]) -> Any:
        """Add a mapped task as one node for all its runs, and return a list of one future."""
        return PrefectFutureList([self.task_submitted(task, parameters)])

    def flow_called(self, flow: Any, parameters: dict[str, Any]) -> Any:
        """Add a call of a flow as one node, and return a stand-in for its value."""
        _, value = self.call(flow.name, parameters)
        return _wrap_return_value(flow, value)


def _wrap_return_value(body: Any, value: Any) -> Any:
    """Wrap a value as calling such a function would return it: an awaitable or a generator."""
    if body.isgenerator:
        items = value if isinstance(value, (list, tuple)) else [value]
        return _aitems(items) if body.isasync else iter(items)
    return _awaitable(value) if body.isasync else value


async def _awaitable(value: Any) -> Any:
    return value


async def _aitems(items: Any) -> AsyncGenerator[Any]:
    for item in items:
        yield item


class _Current(type):
    @property
    def current(cls) -> TaskVizTracker | None:
        return get_task_viz_tracker()


class TaskVizTrackerState(metaclass=_Current):
    """Holds the current tracker, as `TaskVizTrackerState.current`."""


def get_task_viz_tracker() -> TaskVizTracker | None:
    """Return the tracker that draws the flow being called here, or None."""
    return _functions.get_viz_tracker()


def track_viz_task(
    is_async: bool, task_name: str, parameters: dict[str, Any], viz_return_value: Any | None = None
) -> Any:
    """Add a call to the current graph, and return a stand-in for its value; for an async call an awaitable of it.

    Raises:
        FlowVisualizationError: No flow is being drawn here.
    """
    tracker = get_task_viz_tracker()
    if tracker is None:
        raise FlowVisualizationError("No flow is being drawn here: enter a TaskVizTracker first.")
    _, value = tracker.call(task_name, parameters, viz_return_value)
    return _awaitable(value) if is_async else value


# --- drawing a flow --------------------------------------------------------------------------------------------------


async def draw(flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskVizTracker:
    """Call the flow's function and return the drawing of what it called.

    Raises:
        ParameterBindError: The function cannot be called with these arguments.
        Exception: The exception of the function, with a hint.
    """
    parameters = flow.bind_arguments(args, kwargs)
    _warnings.warn(f"Drawing the flow {flow.name!r} executes its code outside of tasks and subflows.")
    with TaskVizTracker() as tracker:
        args, kwargs = flow.spec.unbind(parameters)
        try:
            if flow.isgenerator:
                await call_user(_consume, flow.fn(*args, **kwargs))
            else:
                await call_user(flow.fn, *args, **kwargs)
        except Exception as error:
            error.add_note(_HINT)
            raise
    return tracker


def _consume(generator: Generator[Any] | AsyncGenerator[Any]) -> Any:
    if isinstance(generator, AsyncGenerator):
        return _aconsume(generator)
    for _ in generator:
        pass
    return None


async def _aconsume(generator: AsyncGenerator[Any]) -> None:
    async for _ in generator:
        pass


def require_graphviz() -> None:
    """Raise an error if the package `graphviz` is not installed.

    Raises:
        GraphvizImportError: It is not installed.
    """
    try:
        graphviz.Digraph  # noqa: B018  # imports it
    except ImportError as error:
        raise GraphvizImportError(_NO_PACKAGE) from error


def build_task_dependencies(task_run_tracker: TaskVizTracker) -> graphviz.Digraph:
    """Return the drawing as a graph of the package `graphviz`.

    Raises:
        GraphvizImportError: The package is not installed.
    """
    require_graphviz()
    graph = graphviz.Digraph()
    for node in task_run_tracker.tasks:
        graph.node(node.name)
        for upstream in node.upstream_tasks:
            graph.edge(upstream.name, node.name)
    return graph


def visualize_task_dependencies(graph: graphviz.Digraph, flow_run_name: str) -> None:
    """Draw the graph into a picture and open it with the program for pictures.

    In a test, and where there is no screen, the picture is drawn but not opened.

    Raises:
        GraphvizExecutableNotFoundError: Graphviz itself is not installed.
        FlowVisualizationError: Graphviz or the program for pictures failed.
    """
    safe = "".join(sign if sign.isalnum() or sign in "-_ " else "_" for sign in flow_run_name)
    try:
        graph.render(filename=safe, directory=tempfile.gettempdir(), format="png", view=_has_screen(), cleanup=True)
    except graphviz.backend.ExecutableNotFound as error:
        raise GraphvizExecutableNotFoundError(_NO_PROGRAM) from error
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        raise FlowVisualizationError(f"The picture of {flow_run_name!r} could not be drawn: {error}") from error


def _has_screen() -> bool:
    if "PYTEST_CURRENT_TEST" in os.environ:
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def build_mermaid_dependencies(task_run_tracker: TaskVizTracker) -> str:
    """Return the drawing as the text of a Mermaid flowchart."""
    ids = _mermaid_ids(task_run_tracker.tasks)
    lines = ["flowchart TD"]
    for node in task_run_tracker.tasks:
        label = node.name.replace('"', "#quot;")
        lines.append(f'    {ids[id(node)]}["{label}"]')
    for node in task_run_tracker.tasks:
        lines += [f"    {ids[id(upstream)]} --> {ids[id(node)]}" for upstream in node.upstream_tasks]
    return "\n".join(lines)


def _mermaid_ids(nodes: list[VizTask]) -> dict[int, str]:
    """Return a word for each node: its name where that makes one, numbered where two names make the same."""
    ids: dict[int, str] = {}
    taken: set[str] = set()
    for node in nodes:
        word = wanted = "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in node.name)
        number = 1
        while word in taken:
            number += 1
            word = f"{wanted}_{number}"
        taken.add(word)
        ids[id(node)] = word
    return ids
