"""Public path of functions of the engine that integrations use; see `prefect.engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._io import drive
from prefect._later import later
from prefect.context import EngineContext
from prefect.engine.dataflow import parameters as inputs
from prefect.engine.interruption.termination import raise_on_sigterm as capture_sigterm
from prefect.futures import PrefectFuture
from prefect.schemas.run_inputs import FlowRunResult, TaskRunResult
from prefect.schemas.states import State
from prefect.values.annotations import quote
from prefect.values.traversal import StopVisiting, visit_collection

if TYPE_CHECKING:
    from prefect._flow import Flow
    from prefect.client.orchestration import PrefectClient, SyncPrefectClient
    from prefect.tasks import Task

__all__ = [
    "capture_sigterm",
    "check_api_reachable",
    "collect_task_run_inputs",
    "collect_task_run_inputs_sync",
    "emit_task_run_state_change_event",
    "get_state_for_result",
    "link_state_to_flow_run_result",
    "link_state_to_result",
    "link_state_to_task_run_result",
    "propose_state",
    "propose_state_sync",
    "resolve_inputs",
    "resolve_inputs_sync",
    "resolve_to_final_result",
    "should_log_prints",
]


async def collect_task_run_inputs(expr: Any, max_depth: int = -1) -> set[TaskRunResult | FlowRunResult]:
    """Return the runs that a value depends on; see `collect_task_run_inputs_sync`."""
    return collect_task_run_inputs_sync(expr, max_depth=max_depth)


def collect_task_run_inputs_sync(
    expr: Any, future_cls: Any = PrefectFuture, max_depth: int = -1
) -> set[TaskRunResult | FlowRunResult]:
    """Return the runs that a value depends on: by futures, states and return values of tasks in it.

    Args:
        expr: The value; collections are searched.
        future_cls: The class of futures that count. It need not be one of this package: their `task_run_id` is read.
        max_depth: How many levels of collections are searched; a negative number has no limit.
    """
    context = EngineContext.get()
    tracked = context.run_results if context else None
    found: set[TaskRunResult | FlowRunResult] = set()

    def visit(value: Any) -> Any:
        origin = tracked.find(value) if tracked else None
        if origin is not None:
            found.add((TaskRunResult if origin.kind == "task_run" else FlowRunResult)(id=origin.run_id))
        if isinstance(value, future_cls) and (task_run_id := getattr(value, "task_run_id", None)) is not None:
            found.add(TaskRunResult(id=task_run_id))
            raise StopVisiting
        if isinstance(value, State):
            details = value.state_details
            if details.task_run_id:
                found.add(TaskRunResult(id=details.task_run_id))
            elif details.flow_run_id:
                found.add(FlowRunResult(id=details.flow_run_id))
            raise StopVisiting
        if isinstance(value, quote):
            raise StopVisiting
        return value

    visit_collection(expr, visit, max_depth=max_depth)
    return found


async def resolve_inputs(parameters: dict[str, Any], return_data: bool = True, max_depth: int = -1) -> dict[str, Any]:
    """Wait for the futures among the parameters and replace futures and states by their values.

    Args:
        parameters: The parameters by name.
        return_data: False only waits, and returns nothing of them.
        max_depth: Ignored: all depths are searched.

    Raises:
        UpstreamTaskError: The run whose result a parameter is did not complete.
    """
    found = inputs.collect_inputs(parameters, None)
    if return_data:
        return await inputs.resolve_inputs(parameters, found)
    for future in found.futures:
        await inputs.wait_for_future(future)
    return {}


def resolve_inputs_sync(parameters: dict[str, Any], return_data: bool = True, max_depth: int = -1) -> dict[str, Any]:
    """Wait for futures and resolve them as `resolve_inputs` does, from sync code."""
    return drive(resolve_inputs(parameters, return_data, max_depth))


async def propose_state(client: PrefectClient, state: State[Any], flow_run_id: UUID, force: bool = False) -> State[Any]:
    """Propose a state of a flow run.

    Returns:
        The state that it is in now.

    Raises:
        ObjectNotFound: There is no such run.
    """
    return _adopted(state, await client.set_flow_run_state(flow_run_id, state, force=force))


def propose_state_sync(
    client: SyncPrefectClient, state: State[Any], flow_run_id: UUID, force: bool = False
) -> State[Any]:
    """Propose a state as `propose_state` does, with a sync client."""
    return _adopted(state, client.set_flow_run_state(flow_run_id, state, force=force))


def _adopted(proposed: State[Any], answer: Any) -> State[Any]:
    if answer.state is None:
        return proposed
    if answer.state.data is None and answer.state.type == proposed.type:
        answer.state.data = proposed.data  # the value itself does not go through the API
    return answer.state


def link_state_to_task_run_result(state: State[Any], result: Any) -> None:
    """Record a value as the result of the state's task run, so that tasks it is passed to depend on that run."""
    _link(result, state.state_details.task_run_id, "task_run")


def link_state_to_flow_run_result(state: State[Any], result: Any) -> None:
    """Record a value as the result of the state's flow run, so that tasks it is passed to depend on that run."""
    _link(result, state.state_details.flow_run_id, "flow_run")


def _link(result: Any, run_id: UUID | None, kind: str) -> None:
    context = EngineContext.get()
    if context is not None and run_id is not None:
        context.run_results.track(result, run_id, kind)


def link_state_to_result(state: State[Any], result: Any, run_type: Any) -> None:
    """Record a value as the result of the state's run; `run_type` is `"task_run"` or `"flow_run"`, or its enum."""
    kind = getattr(run_type, "value", run_type)
    details = state.state_details
    _link(result, details.task_run_id if kind == "task_run" else details.flow_run_id, kind)


async def check_api_reachable(client: PrefectClient, fail_message: str) -> None:
    """Raise an error if the API of a client is not reachable.

    Raises:
        RuntimeError: It is not; the message begins with `fail_message`.
    """
    error = await client.api_healthcheck()
    if error is not None:
        raise RuntimeError(f"{fail_message} The API is not reachable: {error}") from error


def should_log_prints(flow_or_task: Flow[..., Any] | Task[..., Any]) -> bool:
    """Return whether a run in the current context logs its prints."""
    return flow_or_task.should_log_prints(EngineContext.get())


emit_task_run_state_change_event: Any = later(__name__, "emit_task_run_state_change_event", "events and automations")
get_state_for_result: Any = later(__name__, "get_state_for_result", "finding the run of a value")
resolve_to_final_result: Any = later(__name__, "resolve_to_final_result", "resolving values one by one")
