"""The runs that the code is in, as emitted events name them.

Runs are known higher up: `prefect.context` binds the function that finds them, and without it there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class CurrentRuns(NamedTuple):
    """The current flow run and task run, each None outside of one, and the name of the flow."""

    flow_run: Any = None
    task_run: Any = None
    flow_name: str | None = None


_find_runs: Callable[[], CurrentRuns] = CurrentRuns


def bind_run_finder(find_runs: Callable[[], CurrentRuns]) -> None:
    """Bind the function that returns the runs of the calling thread or coroutine."""
    global _find_runs
    _find_runs = find_runs


def find_current_runs() -> CurrentRuns:
    """Return the current runs."""
    return _find_runs()
