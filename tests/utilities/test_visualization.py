"""The tracker of task calls that draws the dependencies of a flow."""

import sys

import pytest

from prefect.utilities import visualization
from prefect.utilities.visualization import TaskVizTracker, build_mermaid_dependencies, track_viz_task


def test_tracker_records_calls_and_their_dependencies():
    with TaskVizTracker() as tracker:
        assert visualization.get_task_viz_tracker() is tracker
        one = track_viz_task(False, "one", {"x": 1})
        listed = track_viz_task(False, "two", {"x": one, "y": [one]}, viz_return_value=[9])
        track_viz_task(False, "one", {"x": {"deep": listed}})
    assert visualization.get_task_viz_tracker() is None
    assert listed == [9]
    assert {t.name: [up.name for up in t.upstream_tasks] for t in tracker.tasks} == {
        "one-0": [],
        "two-0": ["one-0"],
        "one-1": ["two-0"],
    }
    assert build_mermaid_dependencies(tracker).splitlines() == [
        "flowchart TD",
        '    one_0["one-0"]',
        '    two_0["two-0"]',
        '    one_1["one-1"]',
        "    one_0 --> two_0",
        "    two_0 --> one_1",
    ]


def test_tracker_links_no_source_to_shared_values():
    with TaskVizTracker() as tracker:
        track_viz_task(False, "one", {}, viz_return_value=5)
        track_viz_task(False, "two", {"x": 5})
    assert tracker.tasks[1].upstream_tasks == []


async def test_track_viz_task_is_awaited_for_async_tasks():
    with TaskVizTracker() as tracker:
        task = await track_viz_task(True, "one", {})
    assert tracker.tasks == [task]


def test_build_task_dependencies_raises_when_graphviz_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(visualization.GraphvizImportError, match="pip install graphviz"):
        visualization.build_task_dependencies(TaskVizTracker())
