# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""States in requests and responses."""

from __future__ import annotations

from enum import auto
from typing import Any
from uuid import UUID

from pydantic import Field

from prefect.schemas import states
from prefect.schemas.actions import runs as actions
from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.responses import SetStateStatus, StateResponseDetails
from prefect.schemas.states import StateType
from prefect.types import now
from prefect.types._annotated import AwareDateTime
from prefect.types.enums import AutoEnum


class StateDetails(states.StateDetails):
    """Further data of a state."""

    deferred: bool | None = False


class State(PrefectBaseModel):
    """The state of a run."""

    id: UUID
    type: StateType
    name: str | None = None
    timestamp: AwareDateTime = Field(default_factory=now)
    message: str | None = None
    data: Any | None = None
    state_details: StateDetails = Field(default_factory=StateDetails)


class ObservedState(PrefectBaseModel):
    """A type and a name of states that runs have had."""

    state_type: str
    state_name: str
    first_seen: AwareDateTime
    last_seen: AwareDateTime


class ObservedStateSort(AutoEnum):
    """The order of observed states."""

    NAME_ASC = auto()
    LAST_SEEN_DESC = auto()


class StateCreate(actions.StateCreate):
    """A proposed state of a run."""

    state_details: StateDetails = Field(default_factory=StateDetails)
    data: Any | None = None


class OrchestrationResult(PrefectBaseModel):
    """The response to a proposed state: the run's current state, and the reason."""

    state: State | None
    status: SetStateStatus
    details: StateResponseDetails


class FlowRunOrchestrationResult(PrefectBaseModel):
    """The response to a proposed state of one of several flow runs."""

    flow_run_id: UUID
    status: SetStateStatus
    state: State | None = None
    details: StateResponseDetails
