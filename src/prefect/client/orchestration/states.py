"""States on their way to the API and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy

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
        values["details"] = details
    metadata = getattr(state.data, "metadata", state.data)
    dump = getattr(metadata, "model_dump", None)
    if dump is not None:
        values["data"] = dump(mode="json")
    return values


def orchestrated(answer: Any, proposed: State[Any]) -> responses.OrchestrationResult[Any]:
    """The answer to a proposed state, with the value that the proposed state carries in this process."""
    result = responses.OrchestrationResult.model_validate(answer)
    if result.state is not None and result.status.value == "ACCEPT" and result.state.data is None:
        result.state.data = proposed.data
    return result
