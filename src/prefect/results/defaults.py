"""Persistence of the current run's result: whether, and in which store; outside of a run by the settings.

Every run calls this (hot path), so it must import nothing heavy.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_from

if TYPE_CHECKING:
    from prefect import settings
    from prefect.results import store
else:
    settings, store = lazy_from("prefect", "settings", "results.store")


def get_default_persist_setting() -> bool:
    """Return whether flows persist their results by default (`PREFECT_RESULTS_PERSIST_BY_DEFAULT`)."""
    return settings.get_current_settings().results.persist_by_default


def get_default_persist_setting_for_tasks() -> bool:
    """Return whether tasks persist their results by default.

    `PREFECT_TASKS_DEFAULT_PERSIST_RESULT` if it is set, else `PREFECT_RESULTS_PERSIST_BY_DEFAULT`.
    """
    return should_persist_task_by_default(None)


def should_persist_task_by_default(inherited: bool | None) -> bool:
    """Return whether a task without the option persists its results.

    Args:
        inherited: What its flow does; None outside of a flow. `PREFECT_TASKS_DEFAULT_PERSIST_RESULT` goes before.
    """
    current = settings.get_current_settings()
    for_tasks = current.tasks.default_persist_result
    if for_tasks is not None:
        return for_tasks
    return current.results.persist_by_default if inherited is None else inherited


def should_ship_inline() -> bool:
    """Return the setting `PREFECT_RESULTS_SHIP_INLINE`: whether a server gets small results as JSON."""
    return settings.get_current_settings().results.ship_inline


def should_persist_result() -> bool:
    """Return whether the current run persists its result; outside of a run, the default for flows."""
    run = _run_context()
    return get_default_persist_setting() if run is None else run.persist_result


def get_result_store() -> store.ResultStore:
    """Return the store of the current run; outside of a run, a new store with the defaults."""
    run = _run_context()
    return store.ResultStore() if run is None else run.result_store


def _run_context() -> Any:
    # Contexts import results, so results cannot import them; if they are not imported, no run is going on.
    context = sys.modules.get("prefect.context")
    return context and (context.TaskRunContext.get() or context.FlowRunContext.get())
