"""The running flow, as plain values."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.context import EngineContext, TaskRunContext
from prefect.runtime._attributes import attributes, find_url
from prefect.runtime._attributes import type_cast as type_cast
from prefect.types import now

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.schemas import runs
else:
    orchestration = lazy("prefect.client.orchestration")

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "api_url",
    "flow_name",
    "flow_version",
    "id",
    "job_variables",
    "name",
    "parameters",
    "parent_deployment_id",
    "parent_flow_run_id",
    "root_flow_run_id",
    "run_count",
    "scheduled_start_time",
    "tags",
    "ui_url",
]


def get_run() -> runs.FlowRun | None:
    """Return the current flow run; outside of a run the one that `PREFECT__FLOW_RUN_ID` names, read from the API."""
    context = EngineContext.get()
    if context is not None and context.flow_run is not None:
        return context.flow_run
    run_id = get_id()
    if run_id is None:
        return None
    try:
        return get_api_client().read_flow_run(UUID(run_id))
    except ValueError as error:
        raise ValueError(f"PREFECT__FLOW_RUN_ID is {run_id!r}, which is not the id of a flow run.") from error


def get_api_client() -> SyncPrefectClient:
    """Return a client of the API."""
    return orchestration.get_client(sync_client=True)


def get_id() -> str | None:
    """Return the flow run's id, also in a task that runs in another process."""
    context = EngineContext.get()
    if context is not None and context.flow_run is not None:
        return str(context.flow_run.id)
    task = TaskRunContext.get()
    if task is not None and task.task_run.flow_run_id is not None:
        return str(task.task_run.flow_run_id)
    return os.environ.get("PREFECT__FLOW_RUN_ID")


def get_tags() -> list[str]:
    """Return the flow run's tags."""
    run = get_run()
    return list(run.tags) if run else []


def get_run_count() -> int:
    """Return the number of this attempt, from 1; 0 outside of a flow."""
    run = get_run()
    return run.run_count if run else 0


def get_name() -> str | None:
    """Return the flow run's name."""
    run = get_run()
    return run.name if run else None


def get_flow_name() -> str | None:
    """Return the flow's name."""
    context = EngineContext.get()
    if context is not None and context.flow is not None:
        return context.flow.name
    run = get_run()
    return get_api_client().read_flow(run.flow_id).name if run else None


def get_flow_version() -> str | None:
    """Return the flow's version."""
    context = EngineContext.get()
    if context is not None and context.flow is not None:
        return context.flow.version
    run = get_run()
    return run.flow_version if run else None


def get_scheduled_start_time() -> datetime:
    """Return the scheduled start time; the current time outside of a flow."""
    run = get_run()
    return (run.expected_start_time if run else None) or now()


def get_parameters() -> dict[str, Any]:
    """Return the arguments of the call."""
    context = EngineContext.get()
    if context is not None and context.flow_run is not None:
        return context.parameters or {}
    run = get_run()
    return run.parameters if run else {}


def get_job_variables() -> dict[str, Any] | None:
    """Return the job variables of a deployed run."""
    run = get_run()
    return (run.job_variables or {}) if run else None


def get_parent_flow_run_id() -> str | None:
    """Return the id of the flow run that this one is a subflow of."""
    parent = _find_parent_id(get_run())
    return str(parent) if parent else None


def get_root_flow_run_id() -> str | None:
    """Return the id of the outermost flow run that this one is in."""
    context = EngineContext.get()
    while context is not None and context.parent is not None:
        context = context.parent
    run = context.flow_run if context is not None and context.flow_run else get_run()
    while (parent := _read_parent_id(run)) is not None:
        run = get_api_client().read_flow_run(parent)
    return str(run.id) if run else get_id()


def get_parent_deployment_id() -> str | None:
    """Return the id of the deployment that the parent flow run belongs to."""
    context = EngineContext.get()
    parent = context.parent.flow_run if context is not None and context.parent is not None else None
    if parent is None and (parent_id := _find_parent_id(get_run())) is not None:
        parent = get_api_client().read_flow_run(parent_id)
    return str(parent.deployment_id) if parent is not None and parent.deployment_id else None


def _find_parent_id(run: runs.FlowRun | None) -> UUID | None:
    context = EngineContext.get()
    parent = context.parent if context else None
    return parent.flow_run.id if parent is not None and parent.flow_run else _read_parent_id(run)


def _read_parent_id(run: runs.FlowRun | None) -> UUID | None:
    """Return the parent flow run's id, which a run that was started by another process knows through its task run."""
    if run is None or run.parent_task_run_id is None:
        return None
    return get_api_client().read_task_run(run.parent_task_run_id).flow_run_id


def get_flow_run_api_url() -> str | None:
    """Return the URL of the run in the API."""
    return find_url("flow-run", get_id(), "api")


def get_flow_run_ui_url() -> str | None:
    """Return the URL of the run in the web page."""
    return find_url("flow-run", get_id(), "ui")


FIELDS = {
    "id": get_id,
    "tags": get_tags,
    "scheduled_start_time": get_scheduled_start_time,
    "name": get_name,
    "flow_name": get_flow_name,
    "parameters": get_parameters,
    "parent_flow_run_id": get_parent_flow_run_id,
    "parent_deployment_id": get_parent_deployment_id,
    "root_flow_run_id": get_root_flow_run_id,
    "run_count": get_run_count,
    "api_url": get_flow_run_api_url,
    "ui_url": get_flow_run_ui_url,
    "flow_version": get_flow_version,
    "job_variables": get_job_variables,
}

__getattr__, __dir__ = attributes("flow_run", FIELDS)
