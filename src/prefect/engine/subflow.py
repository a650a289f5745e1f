"""The task run that stands for a subflow in its parent flow run: its states follow the subflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect._lazy import lazy_modules
from prefect.context import EngineContext, TaskRunContext, current_tags
from prefect.engine.core import RunRecord
from prefect.engine.parameters import Link
from prefect.logging.loggers import get_logger
from prefect.types import new_id, now

if TYPE_CHECKING:
    import pydantic_core

    from prefect.client import wire
    from prefect.engine.orchestration import Orchestrator
    from prefect.engine.protocols import RunnableFlow
    from prefect.journal.writer import Journal
    from prefect.schemas.states import State
else:
    pydantic_core, wire = lazy_modules("pydantic_core", "prefect.client.wire")


class ParentTaskRun:
    """The task run that stands for one call of a subflow.

    Args:
        flow: The called flow.
        parent: The context of the flow run that calls it.
        links: The runs that its arguments depend on.
    """

    def __init__(self, flow: RunnableFlow, parent: EngineContext, links: dict[str, list[Link]]) -> None:
        assert parent.flow_run is not None
        name = flow.name
        keys = parent.task_run_dynamic_keys
        number = keys[name] = keys.get(name, -1) + 1
        caller = TaskRunContext.get()
        if caller is not None:
            links["__parents__"] = [{"input_type": "task_run", "id": caller.task_run_id}]
        self.id = new_id()
        self.creation_values: dict[str, Any] = {
            "id": self.id,
            "flow_run_id": parent.flow_run.id,
            "name": f"{name}-{number}",
            "task_key": flow.key,
            "task_version": flow.version,
            "dynamic_key": str(number),
            "tags": sorted(current_tags() or ()),
            "task_inputs": links,
            "empirical_policy": {"retries": 0, "retry_delay": 0},
            "created": now(),
        }
        self._states: ParentTaskRunStates | None = None

    def start_recording(self, journal: Journal, child_id: UUID) -> None:
        """Record it, and the states that follow. A server that has created it does so itself."""
        self._states = ParentTaskRunStates(RunRecord(journal, "task_run", self.id, self.creation_values), child_id)

    def record_state(self, state: dict[str, Any]) -> None:
        """Record the child's state as this run's."""
        if self._states is not None:
            self._states.record_state(state)


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
    except Exception as error:  # a server that is away, a result that is lost: the subflow runs again
        get_logger("engine").debug("The subflow %r runs again: %s", flow.name, error)
        return None
    parent.run_results.track(value, run.id, "flow_run")
    return state, value


def _find_child(task_runs: list[dict[str, Any]], task_key: str) -> str | None:
    """Return the flow run that the first of these task runs stands for."""
    if not task_runs or task_runs[0]["task_key"] != task_key or task_runs[0]["state"] is None:
        return None
    return task_runs[0]["state"]["state_details"]["child_flow_run_id"]


class ParentTaskRunStates:
    """Records the states of a flow run as those of the task run that stands for it.

    Args:
        record: The record of the task run.
        child_id: The flow run.
    """

    def __init__(self, record: RunRecord, child_id: UUID) -> None:
        self._record = record
        self._child_id = child_id

    def record_state(self, state: dict[str, Any]) -> None:
        """Record the child's state as this run's."""
        own = {name: state[name] for name in ("type", "name", "timestamp", "message", "data") if name in state}
        self._record.add_state({"id": new_id(), **own, "details": {"child_flow_run_id": self._child_id}})
