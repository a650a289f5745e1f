# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Automations as they are sent and answered. The server measures nothing, so it has no metric triggers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, Field

from prefect.schemas import automation_actions as actions
from prefect.schemas import automations
from prefect.schemas.automation_actions import (
    CallWebhook,
    CancelFlowRun,
    ChangeFlowRunState,
    DeleteFlowRun,
    DoNothing,
    PauseAutomation,
    PauseDeployment,
    PauseWorkPool,
    PauseWorkQueue,
    ResumeAutomation,
    ResumeDeployment,
    ResumeFlowRun,
    ResumeWorkPool,
    ResumeWorkQueue,
    SendNotification,
    SuspendFlowRun,
)
from prefect.schemas.automations import Posture
from prefect.schemas.base import ActionBaseModel, PrefectBaseModel
from prefect.schemas.wire.base import Stored
from prefect.types import new_id


class EventTrigger(automations.EventTrigger):
    """Fires when events happen, or when they do not."""

    id: UUID = Field(default_factory=new_id)
    posture: Literal[Posture.Reactive, Posture.Proactive]


class CompoundTrigger(automations.CompoundTrigger):
    """Fires when any, all or some number of its triggers have fired."""

    id: UUID = Field(default_factory=new_id)
    triggers: list[TriggerTypes]
    within: timedelta | None


class SequenceTrigger(automations.SequenceTrigger):
    """Fires when its triggers have fired in their order."""

    id: UUID = Field(default_factory=new_id)
    triggers: list[TriggerTypes]
    within: timedelta | None


TriggerTypes: TypeAlias = EventTrigger | CompoundTrigger | SequenceTrigger
"""What an automation can wait for."""


class RunDeployment(actions.RunDeployment):
    """Run a deployment, after a delay if one is given."""

    schedule_after: Annotated[timedelta, AfterValidator(actions.check_not_negative)] = Field(default_factory=timedelta)


ActionTypes: TypeAlias = (
    DoNothing
    | RunDeployment
    | PauseDeployment
    | ResumeDeployment
    | CancelFlowRun
    | DeleteFlowRun
    | ChangeFlowRunState
    | PauseWorkQueue
    | ResumeWorkQueue
    | SendNotification
    | CallWebhook
    | PauseAutomation
    | ResumeAutomation
    | SuspendFlowRun
    | ResumeFlowRun
    | PauseWorkPool
    | ResumeWorkPool
)
"""What an automation can do."""


class _Automation(PrefectBaseModel):
    """What automations have in common, whether they are sent or answered."""

    name: str
    description: str = ""
    enabled: bool = True
    tags: list[str] = Field(default_factory=list)
    trigger: TriggerTypes
    actions: list[ActionTypes]
    actions_on_trigger: list[ActionTypes] = Field(default_factory=list[ActionTypes])
    actions_on_resolve: list[ActionTypes] = Field(default_factory=list[ActionTypes])


class Automation(_Automation, Stored):
    """An automation that is stored."""


class AutomationCreate(_Automation, ActionBaseModel):
    """A new automation."""

    owner_resource: str | None = None


class AutomationUpdate(_Automation, ActionBaseModel):
    """New values for an automation."""


class AutomationPartialUpdate(ActionBaseModel):
    """Whether an automation is enabled."""

    enabled: bool = True
