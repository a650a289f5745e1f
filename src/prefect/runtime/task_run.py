"""The running task, as plain values."""

from __future__ import annotations

from typing import Any

from prefect.context import TaskRunContext
from prefect.runtime._attributes import attributes, find_url
from prefect.runtime._attributes import type_cast as type_cast

__all__ = ["api_url", "id", "name", "parameters", "run_count", "tags", "task_name", "ui_url"]  # pyright: ignore[reportUnsupportedDunderAll]


def get_id() -> str | None:
    """Return the task run's id."""
    context = TaskRunContext.get()
    return str(context.task_run.id) if context else None


def get_tags() -> list[str]:
    """Return the task run's tags."""
    context = TaskRunContext.get()
    return list(context.task_run.tags) if context else []


def get_run_count() -> int:
    """Return the number of this attempt, from 1; 0 outside of a task."""
    context = TaskRunContext.get()
    return context.task_run.run_count if context else 0


def get_name() -> str | None:
    """Return the task run's name."""
    context = TaskRunContext.get()
    return context.task_run.name if context else None


def get_task_name() -> str | None:
    """Return the task's name."""
    context = TaskRunContext.get()
    return context.task.name if context else None


def get_parameters() -> dict[str, Any]:
    """Return the arguments of the call."""
    context = TaskRunContext.get()
    return context.parameters if context else {}


def get_task_run_api_url() -> str | None:
    """Return the URL of the run in the API."""
    return find_url("task-run", get_id(), "api")


def get_task_run_ui_url() -> str | None:
    """Return the URL of the run in the web page."""
    return find_url("task-run", get_id(), "ui")


FIELDS = {
    "id": get_id,
    "tags": get_tags,
    "name": get_name,
    "parameters": get_parameters,
    "run_count": get_run_count,
    "task_name": get_task_name,
    "api_url": get_task_run_api_url,
    "ui_url": get_task_run_ui_url,
}

__getattr__, __dir__ = attributes("task_run", FIELDS)
