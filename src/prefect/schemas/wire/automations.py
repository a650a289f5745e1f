# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Automations in requests and responses.

The interface describes no metric triggers for a server of one's own; this one takes them all the same, so they are not
in the OpenAPI document.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
    field_validator,
)

from prefect.schemas import automation_actions as actions
from prefect.schemas import automations
from prefect.schemas.automation_actions import (
    CancelFlowRun,
    ChangeFlowRunState,
    DeleteFlowRun,
    DoNothing,
    PauseAutomation,
    PauseDeployment,
    PauseWorkQueue,
    ResumeAutomation,
    ResumeDeployment,
    ResumeFlowRun,
    ResumeWorkQueue,
    SuspendFlowRun,
)
from prefect.schemas.automations import Posture
from prefect.schemas.base import ActionBaseModel
from prefect.schemas.wire.base import Stored
from prefect.schemas.wire.checks import check_parameters, check_template
from prefect.types import new_id
from prefect.types._annotated import DurationOrSecondsTimeDelta


class EventTrigger(automations.EventTrigger):
    """Fires when events happen, or when they do not."""

    id: UUID = Field(default_factory=new_id)
    posture: Literal[Posture.Reactive, Posture.Proactive]


class CompoundTrigger(automations.CompoundTrigger):
    """Fires when any, all or some number of its triggers have fired."""

    id: UUID = Field(default_factory=new_id)
    triggers: list[TriggerTypes]
    within: DurationOrSecondsTimeDelta | None


class SequenceTrigger(automations.SequenceTrigger):
    """Fires when its triggers have fired in their order."""

    id: UUID = Field(default_factory=new_id)
    triggers: list[TriggerTypes]
    within: DurationOrSecondsTimeDelta | None


class MetricTrigger(automations.MetricTrigger):
    """Fires when a metric of flow runs crosses a threshold."""

    id: UUID = Field(default_factory=new_id)


def _validate_trigger(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    is_metric = automations.trigger_discriminator(value) == "metric"
    return MetricTrigger.model_validate(value) if is_metric else handler(value)


def _dump_trigger(value: Any, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
    return value.model_dump(mode=info.mode) if isinstance(value, MetricTrigger) else handler(value)


class _DescribedTriggers:
    """Leaves the serializer out of the JSON schema, which then describes the triggers of the interface."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler({name: value for name, value in schema.items() if name != "serialization"})  # pyright: ignore[reportArgumentType]


TriggerTypes: TypeAlias = Annotated[
    EventTrigger | CompoundTrigger | SequenceTrigger,
    WrapValidator(_validate_trigger),
    WrapSerializer(_dump_trigger),
    _DescribedTriggers(),
]
"""The triggers of an automation."""


class RunDeployment(actions.RunDeployment):
    """Run a deployment, after an optional delay. Strings in the parameters are templates."""

    schedule_after: actions.ScheduleDelay = Field(default_factory=timedelta)

    _check_parameters = field_validator("parameters")(check_parameters)


class SendNotification(actions.SendNotification):
    """Send a templated message through a notification block."""

    _check_templates = field_validator("subject", "body")(check_template)


def _as_text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value, indent=2)


class CallWebhook(actions.CallWebhook):
    """Call a webhook that a block describes, with a templated payload; other data is converted to JSON."""

    payload: Annotated[str, BeforeValidator(_as_text)] = ""

    _check_template = field_validator("payload")(check_template)


class PauseWorkPool(actions.PauseWorkPool, actions.SelectingAction):
    """Pause a work pool."""

    target = "work_pool_id"


class ResumeWorkPool(actions.ResumeWorkPool, actions.SelectingAction):
    """Resume a paused work pool."""

    target = "work_pool_id"


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
"""The actions of an automation."""


class _Automation(automations.AutomationFields):
    """Fields of automations in requests and responses."""

    trigger: TriggerTypes
    actions: list[ActionTypes]
    actions_on_trigger: list[ActionTypes] = Field(default_factory=list[ActionTypes])
    actions_on_resolve: list[ActionTypes] = Field(default_factory=list[ActionTypes])


class Automation(_Automation, Stored):
    """A stored automation."""


class AutomationCreate(_Automation, ActionBaseModel):
    """A new automation."""

    owner_resource: str | None = None


class AutomationUpdate(_Automation, ActionBaseModel):
    """New values for an automation."""


class AutomationPartialUpdate(ActionBaseModel):
    """Whether an automation is enabled."""

    enabled: bool = True
