"""Actions of automations.

The target of an action is selected by id (`source` is "selected") or inferred from the triggering event ("inferred").
The models describe actions; nothing here executes them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, get_args
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.states import StateType
from prefect.types._annotated import DurationSchema

Source: TypeAlias = Literal["selected", "inferred"]


class Action(PrefectBaseModel):
    """Base class of the actions; `type` identifies the kind."""

    type: str

    def describe_for_cli(self) -> str:
        """Return a short description of the action, for example `Pause deployment`."""
        return self.type.replace("-", " ").capitalize()


class DoNothing(Action):
    """Do nothing, for testing an automation."""

    type: Literal["do-nothing"] = "do-nothing"  # pyright: ignore[reportIncompatibleVariableOverride]


class SelectingAction(Action):
    """Base class of the actions whose target is selected by id, or inferred from the event; `target` names the id."""

    target: ClassVar[str]

    source: Source = "selected"

    @model_validator(mode="after")
    def _selected_or_inferred(self) -> Self:
        id = getattr(self, self.target)
        if self.source == "selected" and id is None:
            raise ValueError(f"{self.target} is required, because the source is 'selected'.")
        if self.source == "inferred" and id is not None:
            raise ValueError(f"{self.target} must not be set, because the source is 'inferred'.")
        return self


class DeploymentAction(SelectingAction):
    """Base class of the actions on a deployment."""

    target = "deployment_id"

    deployment_id: UUID | None = None


def check_not_negative(value: timedelta) -> timedelta:
    """Return the delay; raise ValueError unless it is not negative."""
    if value < timedelta(0):
        raise ValueError("schedule_after must not be negative.")
    return value


ScheduleDelay: TypeAlias = Annotated[
    timedelta, AfterValidator(check_not_negative), DurationSchema(number={"minimum": 0.0}, output={"minimum": 0.0})
]
"""How long after the trigger fired a run is due."""


class RunDeployment(DeploymentAction):
    """Run a deployment, after an optional delay."""

    type: Literal["run-deployment"] = "run-deployment"  # pyright: ignore[reportIncompatibleVariableOverride]
    parameters: dict[str, Any] | None = None
    job_variables: dict[str, Any] | None = None
    schedule_after: ScheduleDelay = timedelta(0)


class PauseDeployment(DeploymentAction):
    """Pause a deployment."""

    type: Literal["pause-deployment"] = "pause-deployment"  # pyright: ignore[reportIncompatibleVariableOverride]


class ResumeDeployment(DeploymentAction):
    """Resume a paused deployment."""

    type: Literal["resume-deployment"] = "resume-deployment"  # pyright: ignore[reportIncompatibleVariableOverride]


class ChangeFlowRunState(Action):
    """Set the state of the flow run of the triggering event; `force` skips the orchestration rules."""

    type: Literal["change-flow-run-state"] = "change-flow-run-state"  # pyright: ignore[reportIncompatibleVariableOverride]
    name: str | None = None
    state: StateType
    message: str | None = None
    force: bool = False


class CancelFlowRun(Action):
    """Cancel the flow run of the triggering event."""

    type: Literal["cancel-flow-run"] = "cancel-flow-run"  # pyright: ignore[reportIncompatibleVariableOverride]


class DeleteFlowRun(Action):
    """Delete the flow run of the triggering event."""

    type: Literal["delete-flow-run"] = "delete-flow-run"  # pyright: ignore[reportIncompatibleVariableOverride]


class ResumeFlowRun(Action):
    """Resume the paused flow run of the triggering event."""

    type: Literal["resume-flow-run"] = "resume-flow-run"  # pyright: ignore[reportIncompatibleVariableOverride]


class SuspendFlowRun(Action):
    """Suspend the flow run of the triggering event."""

    type: Literal["suspend-flow-run"] = "suspend-flow-run"  # pyright: ignore[reportIncompatibleVariableOverride]


class CallWebhook(Action):
    """Call a webhook that a block describes."""

    type: Literal["call-webhook"] = "call-webhook"  # pyright: ignore[reportIncompatibleVariableOverride]
    block_document_id: UUID
    payload: str = ""


class SendNotification(Action):
    """Send a message through a notification block."""

    type: Literal["send-notification"] = "send-notification"  # pyright: ignore[reportIncompatibleVariableOverride]
    block_document_id: UUID
    subject: str = Field(default="Prefect automated notification")
    body: str


class WorkPoolAction(Action):
    """Base class of the actions on a work pool."""

    source: Source = "selected"
    work_pool_id: UUID | None = None


class PauseWorkPool(WorkPoolAction):
    """Pause a work pool."""

    type: Literal["pause-work-pool"] = "pause-work-pool"  # pyright: ignore[reportIncompatibleVariableOverride]


class ResumeWorkPool(WorkPoolAction):
    """Resume a paused work pool."""

    type: Literal["resume-work-pool"] = "resume-work-pool"  # pyright: ignore[reportIncompatibleVariableOverride]


class WorkQueueAction(SelectingAction):
    """Base class of the actions on a work queue."""

    target = "work_queue_id"

    work_queue_id: UUID | None = None


class PauseWorkQueue(WorkQueueAction):
    """Pause a work queue."""

    type: Literal["pause-work-queue"] = "pause-work-queue"  # pyright: ignore[reportIncompatibleVariableOverride]


class ResumeWorkQueue(WorkQueueAction):
    """Resume a paused work queue."""

    type: Literal["resume-work-queue"] = "resume-work-queue"  # pyright: ignore[reportIncompatibleVariableOverride]


class AutomationAction(SelectingAction):
    """Base class of the actions on an automation."""

    target = "automation_id"

    automation_id: UUID | None = None


class PauseAutomation(AutomationAction):
    """Pause an automation."""

    type: Literal["pause-automation"] = "pause-automation"  # pyright: ignore[reportIncompatibleVariableOverride]


class ResumeAutomation(AutomationAction):
    """Resume a paused automation."""

    type: Literal["resume-automation"] = "resume-automation"  # pyright: ignore[reportIncompatibleVariableOverride]


class DeclareIncident(Action):
    """Declare an incident; only the cloud can."""

    type: Literal["declare-incident"] = "declare-incident"  # pyright: ignore[reportIncompatibleVariableOverride]


class UnknownAction(Action):
    """An action of an unknown type; its fields are kept and sent back unchanged."""

    model_config = ConfigDict(extra="allow")


ActionTypes: TypeAlias = (
    DoNothing
    | RunDeployment
    | PauseDeployment
    | ResumeDeployment
    | ResumeFlowRun
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
    | PauseWorkPool
    | ResumeWorkPool
    | DeclareIncident
)
"""The actions of an automation."""

KNOWN_ACTION_TYPES = frozenset(action.model_fields["type"].default for action in get_args(ActionTypes))


def action_discriminator(value: Any) -> str:
    """Return "unknown" for an action whose type names none of `ActionTypes`, else "known"."""
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return "unknown" if isinstance(name, str) and name not in KNOWN_ACTION_TYPES else "known"


ActionTypesOrUnknown: TypeAlias = Annotated[
    Annotated[ActionTypes, Tag("known")] | Annotated[UnknownAction, Tag("unknown")],
    Discriminator(action_discriminator),
]
"""The actions of a stored automation: a newer server may know actions that this version does not."""
