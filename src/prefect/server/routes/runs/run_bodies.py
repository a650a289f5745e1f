"""Request and response handling that the operations of flow runs and of task runs share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias

from prefect.schemas import wire
from prefect.server.routes.core.operation import In, StatusResponse

HistoryInterval: TypeAlias = Annotated[timedelta, In("body", "history_interval_seconds")]
"""The length of the intervals for which runs are counted."""


def read_new_run(run: wire.FlowRunCreate | wire.TaskRunCreate) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the fields of a run to create, and its first state."""
    values = run.model_dump(exclude={"state", "empirical_policy"})
    is_set = "empirical_policy" in run.model_fields_set
    values["empirical_policy"] = run.empirical_policy.model_dump(mode="json", exclude_defaults=True) if is_set else {}
    return values, run.state and run.state.model_dump(exclude_unset=True)


def build_state_response(answer: Any, begun_at: datetime) -> Any:
    """Return the response to a proposed state: 201 when the run has entered a state since `begun_at`."""
    entered = answer["state"] is not None and answer["state"]["timestamp"] >= begun_at
    return StatusResponse(201, answer) if entered else answer
