"""Submitting a run for task workers: its parameters are stored, and the API schedules it.

Neither the parameters nor the result go to the API. A process that dies between the two steps leaves stored parameters
without a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.client import wire
from prefect.client.orchestration.base import wait_for_own_records
from prefect.context import EngineContext, TaskRunContext, current_tags
from prefect.engine.dataflow.parameters import Link, as_reiterable, collect_inputs, resolve_inputs
from prefect.logging.loggers import get_logger
from prefect.schemas.runs import TaskRun
from prefect.types import new_id, now

if TYPE_CHECKING:
    from prefect.client import transport
    from prefect.engine.protocols import RunnableTask
    from prefect.results import deferred
else:
    deferred, transport = lazy_from("prefect", "results.deferred", "client.transport")


_CONTEXTS = ("flow_run_context", "task_run_context", "tags_context", "settings_context")
_NO_CONTEXT: dict[str, Any] = {}
"""The contexts of the call are not stored: settings have secrets, and the tags are the run's."""


async def submit_run(
    task: RunnableTask,
    parameters: dict[str, Any],
    wait_for: Iterable[Any] | None = None,
    dependencies: dict[str, list[Link]] | None = None,
    run_id: UUID | None = None,
) -> TaskRun:
    """Schedule a run of a task for the task workers that serve it, and return it.

    Futures and states among the parameters are resolved here.

    Args:
        task: The task.
        parameters: The arguments by name.
        wait_for: Runs to wait for in addition to those among the parameters.
        dependencies: Dependencies to record in addition to those that the parameters show.
        run_id: The id of the run; a new one if None.

    Raises:
        UpstreamTaskError: A run among the parameters or in `wait_for` did not complete.
    """
    flow = EngineContext.get()
    links = await _wait_for_upstreams(wait_for, flow)
    inputs = collect_inputs(parameters, flow.run_results if flow else None)
    values = await resolve_inputs(parameters, inputs, flow)
    run_id = run_id or new_id()
    tags = sorted(current_tags() or ())
    stored: dict[str, Any] = {"parameters": values, "context": dict.fromkeys(_CONTEXTS, _NO_CONTEXT)}
    await deferred.store_parameters(await deferred.open_store(task), run_id, stored)
    task_inputs = _merge(inputs.links, links, dependencies or {}, _find_parents())
    run = await _create(task, run_id, flow, tags, task_inputs)
    get_logger("tasks").debug("Submitted the task run %r for a task worker.", run.name)
    return run


async def _wait_for_upstreams(wait_for: Iterable[Any] | None, flow: EngineContext | None) -> dict[str, list[Link]]:
    if wait_for is None:
        return {}
    awaited = {"wait_for": as_reiterable(wait_for)}
    inputs = collect_inputs(awaited, flow.run_results if flow else None)
    await resolve_inputs(awaited, inputs, flow)
    return inputs.links


def _find_parents() -> dict[str, list[Link]]:
    parent = TaskRunContext.get()
    return {} if parent is None else {"__parents__": [{"input_type": "task_run", "id": parent.task_run_id}]}


def _merge(*links: dict[str, list[Link]]) -> dict[str, list[Link]]:
    merged: dict[str, list[Link]] = {}
    for each in links:
        for name, found in each.items():
            merged[name] = merged.get(name, []) + [link for link in found if link not in merged.get(name, [])]
    return merged


async def _create(
    task: RunnableTask,
    run_id: UUID,
    flow: EngineContext | None,
    tags: list[str],
    task_inputs: dict[str, list[Link]],
) -> TaskRun:
    flow_run = flow.flow_run if flow else None
    columns: dict[str, Any] = {
        "id": run_id,
        "name": f"{task.name}-{run_id.hex[-3:]}" if flow_run else task.name,
        "flow_run_id": flow_run.id if flow_run else None,
        "task_key": task.task_key,
        "dynamic_key": f"{task.task_key}-{run_id.hex}",
        "task_version": task.version,
        "tags": sorted({*task.tags, *tags}),
        "task_inputs": task_inputs,
        "empirical_policy": task.policy,
    }
    details = {"deferred": True, "task_parameters_id": run_id, "scheduled_time": now(), "task_run_id": run_id}
    state = {"type": "SCHEDULED", "name": "Scheduled", "state_details": details}
    await wait_for_own_records()  # the flow run's own
    body = wire.create_task_run_body(columns, state=state)
    answer = await transport.get_shared_transport().call("POST", "/task_runs/", {}, body)
    return wire.parse_task_run(answer)
