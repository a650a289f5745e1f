"""Results of subflows in earlier attempts of a flow run, which a retry in another process does not compute again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pydantic_core

from prefect.client import wire
from prefect.context import EngineContext
from prefect.engine.orchestration.subflow import ParentTaskRun
from prefect.logging.loggers import get_logger
from prefect.schemas.states import State

if TYPE_CHECKING:
    from prefect.engine.orchestration.orchestrator import Orchestrator
    from prefect.engine.protocols import RunnableFlow


async def find_former_result(
    orchestrator: Orchestrator,
    flow: RunnableFlow,
    parameters: dict[str, Any],
    call: ParentTaskRun,
    parent: EngineContext,
) -> tuple[State[Any], Any] | None:
    """Return the state and value of a subflow's call in an attempt of another process, if its result was kept.

    Args:
        orchestrator: Asks the API that has the runs.
        flow: The called flow.
        parameters: Its parameters. Only what JSON can represent is known to be the same.
        call: The call, by its number among those of the flow.
        parent: The context of the flow run that calls it.
    """
    values = call.creation_values
    criteria = {"flow_run_id": {"any_": [str(values["flow_run_id"])]}, "name": {"any_": [values["name"]]}}
    try:
        pydantic_core.to_jsonable_python(parameters)
        body = {"task_runs": criteria, "sort": "ID_DESC", "limit": 1}
        found = await orchestrator.call_api("POST", "/task_runs/filter", body)
        if (child := _find_child(found, values["task_key"])) is None:
            return None
        run = wire.parse_flow_run(await orchestrator.call_api("GET", "/flow_runs/{id}", id=child))
        state = cast("State[Any] | None", vars(run)["state"])
        if state is None or not state.is_completed() or (key := getattr(state.data, "storage_key", None)) is None:
            return None
        if key in parent.refreshed_results or run.parameters != flow.serialize_parameters(parameters):
            return None
        value = await state.aresult()
    except Exception as error:  # an unavailable server, a result that is lost: the subflow runs again
        get_logger("engine").debug("The subflow %r runs again: %s", flow.name, error)
        return None
    parent.run_results.track(value, run.id, "flow_run")
    return state, value


def _find_child(task_runs: list[dict[str, Any]], task_key: str) -> str | None:
    """Return the flow run that the first of these task runs stands for."""
    if not task_runs or task_runs[0]["task_key"] != task_key or task_runs[0]["state"] is None:
        return None
    return task_runs[0]["state"]["state_details"]["child_flow_run_id"]
