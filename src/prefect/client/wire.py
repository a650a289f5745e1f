"""The codec of the REST API for states and runs: request bodies out of states and records, objects out of answers.

Everything that creates runs or proposes states builds its requests here: the client, the engine and the outbox. It
sends nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.types import new_id

if TYPE_CHECKING:
    from prefect.schemas import responses, runs, states
    from prefect.schemas.responses import OrchestrationResult
    from prefect.schemas.runs import FlowRun, FlowRunPolicy, TaskRun
    from prefect.schemas.states import State
else:
    responses, runs, states = lazy_from("prefect.schemas", "responses", "runs", "states")

PENDING: Mapping[str, Any] = {"type": "PENDING"}

_FLOW_RUN_FIELDS = (
    *("name", "flow_id", "flow_version", "deployment_id", "parameters", "context", "tags", "parent_task_run_id"),
    *("empirical_policy", "idempotency_key", "work_pool_name", "work_queue_name", "job_variables"),
)
_TASK_RUN_FIELDS = (
    *("id", "name", "flow_run_id", "task_key", "dynamic_key", "task_version"),
    *("empirical_policy", "tags", "labels", "task_inputs"),
)
_RUN_ID_DETAILS = frozenset(("flow_run_id", "task_run_id"))

# --- requests ---------------------------------------------------------------------------------------------------------


def dump_state(state: State[Any]) -> dict[str, Any]:
    """Return a state as a request holds it: without id and time, which the API assigns, or a value in memory."""
    body: dict[str, Any] = {"type": state.type.value, "name": state.name, "message": state.message}
    details = state.state_details.model_dump(mode="json", exclude_defaults=True)
    if details:
        body["state_details"] = details
    data = dump_result_metadata(state.data)
    if data is not None:
        body["data"] = data
    return body


def dump_result_metadata(data: Any) -> Any:
    """Return where a stored result is, as JSON; None for data that exists only in this process."""
    metadata = getattr(data, "metadata", data)
    dump = getattr(metadata, "model_dump", None)
    return dump(mode="json") if dump is not None else None


def dump_recorded_state(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a journal record of a state as a request holds it."""
    body = {"type": record["type"], "name": record["name"], "message": record.get("message")}
    return {**body, "state_details": own_details(record), "data": record.get("data")}


def own_details(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the details of a recorded state without the ids of the run that it belongs to."""
    details: Mapping[str, Any] = record.get("details") or {}
    return {name: value for name, value in details.items() if name not in _RUN_ID_DETAILS}


def propose_state_body(state: State[Any], *, force: bool, **run_id: UUID) -> dict[str, Any]:
    """Return the body of a `set_state` request.

    The transition gets an id, so that a request repeated after a lost response counts once.

    Args:
        state: The proposed state.
        force: Skip the orchestration rules that could reject it.
        run_id: `flow_run_id` or `task_run_id`.
    """
    body = dump_state(state)
    ids = {name: str(value) for name, value in {"transition_id": new_id(), **run_id}.items()}
    body["state_details"] = {**body.get("state_details", {}), **ids}
    return {"state": body, "force": force}


def force_state_body(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a `set_state` request for a recorded state, which the server must accept."""
    return {"state": dump_recorded_state(record), "force": True}


def create_flow_run_body(values: Mapping[str, Any], *, state: Mapping[str, Any] = PENDING) -> dict[str, Any]:
    """Return the body that creates a flow run.

    Args:
        values: Columns of the run; those that are None, and those that the request does not have, are left out.
        state: Its first state, as a request holds it.
    """
    return {**_pick(values, _FLOW_RUN_FIELDS), "state": dict(state)}


def update_policy_body(policy: FlowRunPolicy) -> dict[str, Any]:
    """Return the body that replaces the `empirical_policy` of a flow run."""
    return {"empirical_policy": policy.model_dump(mode="json", exclude_defaults=True)}


def create_task_run_body(values: Mapping[str, Any], *, state: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the body that creates a task run; as `create_flow_run_body`."""
    body = _pick(values, _TASK_RUN_FIELDS)
    return body if state is None else {**body, "state": dict(state)}


def _pick(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names if values.get(name) is not None}


# --- answers ----------------------------------------------------------------------------------------------------------


def parse_state(answer: Any) -> State[Any]:
    """Return the state that an answer holds."""
    return states.State.model_validate(answer)


def parse_flow_run(answer: Any) -> FlowRun:
    """Return the flow run that an answer holds."""
    return runs.FlowRun.model_validate(answer)


def parse_task_run(answer: Any) -> TaskRun:
    """Return the task run that an answer holds."""
    return runs.TaskRun.model_validate(answer)


def parse_proposal_answer(
    answer: Mapping[str, Any], proposed: State[Any], request: Mapping[str, Any]
) -> OrchestrationResult[Any]:
    """Return the answer to a proposed state; arguments as for `parse_entered_state`."""
    result = responses.OrchestrationResult.model_validate(answer)
    if result.state is not None:
        _keep_value(result.state, answer, proposed, request)
    return result


def parse_entered_state(answer: Mapping[str, Any], proposed: State[Any], request: Mapping[str, Any]) -> State[Any]:
    """Return the state that a run is in after a proposal.

    When it is the proposed one, it keeps the value that the proposed one has in this process: a result in memory, or an
    exception.

    Args:
        answer: The answer to `set_state`.
        proposed: The proposed state.
        request: The body that proposed it.
    """
    state = parse_state(answer["state"])
    _keep_value(state, answer, proposed, request)
    return state


def _keep_value(state: State[Any], answer: Mapping[str, Any], proposed: State[Any], request: Mapping[str, Any]) -> None:
    if proposed.data is not None and was_entered(answer["status"], state, request):
        vars(state)["data"] = proposed.data


def was_entered(status: str, state: State[Any], request: Mapping[str, Any]) -> bool:
    """Return whether a run's state after a proposal is the proposed one.

    A rejection may be the response to a request that was repeated because its first response was lost: then the state
    has the transition id of the request.
    """
    transition_id = state.state_details.transition_id
    return status == "ACCEPT" or str(transition_id) == request["state"]["state_details"]["transition_id"]
