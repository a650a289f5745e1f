"""The public path of what draws flows; it lives in `prefect._drawing`, above tasks and flows."""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect._drawing import (
        FlowVisualizationError,
        GraphvizExecutableNotFoundError,
        GraphvizImportError,
        TaskVizTracker,
        TaskVizTrackerState,
        VisualizationUnsupportedError,
        VizTask,
        build_mermaid_dependencies,
        build_task_dependencies,
        get_task_viz_tracker,
        track_viz_task,
        visualize_task_dependencies,
    )

__all__ = [
    "FlowVisualizationError",
    "GraphvizExecutableNotFoundError",
    "GraphvizImportError",
    "TaskVizTracker",
    "TaskVizTrackerState",
    "VisualizationUnsupportedError",
    "VizTask",
    "build_mermaid_dependencies",
    "build_task_dependencies",
    "get_task_viz_tracker",
    "track_viz_task",
    "visualize_task_dependencies",
]

_EXPORTS = {
    "prefect._drawing": (
        "FlowVisualizationError GraphvizExecutableNotFoundError GraphvizImportError TaskVizTracker "
        "TaskVizTrackerState VisualizationUnsupportedError VizTask build_mermaid_dependencies build_task_dependencies "
        "get_task_viz_tracker track_viz_task visualize_task_dependencies"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
