"""States on their way to the API and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.types import new_id

if TYPE_CHECKING:
    from prefect.schemas import responses
    from prefect.schemas.states import State
else:
    responses = lazy("prefect.schemas.responses")


def as_request(state: State[Any]) -> dict[str, Any]:
    """A state as a request holds it: without its id and time, which the API gives, and without a value in memory."""
    values: dict[str, Any] = {"type": state.type.value, "name": state.name, "message": state.message}
    details = state.state_details.model_dump(mode="json", exclude_defaults=True)
    if details:
        values["state_details"] = details
    metadata = getattr(state.data, "metadata", state.data)
    dump = getattr(metadata, "model_dump", None)
    if dump is not None:
        values["data"] = dump(mode="json")
    return values


def as_transition(state: State[Any], force: bool, **run_id: UUID) -> dict[str, Any]:
    """The request that a run enters a state.

    The transition has an id of its own, so that a request that is sent again because its answer was lost counts once.

    Args:
        state: The state.
        force: Whether to skip the rules that could refuse it.
        run_id: `flow_run_id` or `task_run_id`.
    """
    values = as_request(state)
    ids = {"transition_id": new_id(), **run_id}
    values["state_details"] = {**values.get("state_details", {}), **{name: str(id) for name, id in ids.items()}}
    return {"state": values, "force": force}


def orchestrated(answer: Any, proposed: State[Any]) -> responses.OrchestrationResult[Any]:
    """The answer to a proposed state, with the value that the proposed state carries in this process."""
    result = responses.OrchestrationResult.model_validate(answer)
    if result.state is not None and result.status.value == "ACCEPT" and result.state.data is None:
        result.state.data = proposed.data
    return result
