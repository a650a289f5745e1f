"""Events: emitting them, subscribing to them, and automations that react to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exported_names, exports

if TYPE_CHECKING:
    from prefect.events.clients import get_events_client as get_events_client
    from prefect.events.clients import get_events_subscriber as get_events_subscriber
    from prefect.events.schemas.deployment_triggers import DeploymentCompoundTrigger as DeploymentCompoundTrigger
    from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger as DeploymentEventTrigger
    from prefect.events.schemas.deployment_triggers import DeploymentMetricTrigger as DeploymentMetricTrigger
    from prefect.events.schemas.deployment_triggers import DeploymentSequenceTrigger as DeploymentSequenceTrigger
    from prefect.events.schemas.deployment_triggers import DeploymentTriggerTypes as DeploymentTriggerTypes
    from prefect.events.subscribers import FlowRunSubscriber as FlowRunSubscriber
    from prefect.events.utilities import emit_event as emit_event
    from prefect.schemas.automation_actions import Action as Action
    from prefect.schemas.automation_actions import ActionTypes as ActionTypes
    from prefect.schemas.automation_actions import CallWebhook as CallWebhook
    from prefect.schemas.automation_actions import CancelFlowRun as CancelFlowRun
    from prefect.schemas.automation_actions import ChangeFlowRunState as ChangeFlowRunState
    from prefect.schemas.automation_actions import DeclareIncident as DeclareIncident
    from prefect.schemas.automation_actions import DeleteFlowRun as DeleteFlowRun
    from prefect.schemas.automation_actions import DoNothing as DoNothing
    from prefect.schemas.automation_actions import PauseAutomation as PauseAutomation
    from prefect.schemas.automation_actions import PauseDeployment as PauseDeployment
    from prefect.schemas.automation_actions import PauseWorkPool as PauseWorkPool
    from prefect.schemas.automation_actions import PauseWorkQueue as PauseWorkQueue
    from prefect.schemas.automation_actions import ResumeAutomation as ResumeAutomation
    from prefect.schemas.automation_actions import ResumeDeployment as ResumeDeployment
    from prefect.schemas.automation_actions import ResumeWorkPool as ResumeWorkPool
    from prefect.schemas.automation_actions import ResumeWorkQueue as ResumeWorkQueue
    from prefect.schemas.automation_actions import RunDeployment as RunDeployment
    from prefect.schemas.automation_actions import SendNotification as SendNotification
    from prefect.schemas.automation_actions import SuspendFlowRun as SuspendFlowRun
    from prefect.schemas.automation_actions import UnknownAction as UnknownAction
    from prefect.schemas.automations import Automation as Automation
    from prefect.schemas.automations import AutomationCore as AutomationCore
    from prefect.schemas.automations import CompositeTrigger as CompositeTrigger
    from prefect.schemas.automations import CompoundTrigger as CompoundTrigger
    from prefect.schemas.automations import EventTrigger as EventTrigger
    from prefect.schemas.automations import MetricTrigger as MetricTrigger
    from prefect.schemas.automations import MetricTriggerOperator as MetricTriggerOperator
    from prefect.schemas.automations import MetricTriggerQuery as MetricTriggerQuery
    from prefect.schemas.automations import Posture as Posture
    from prefect.schemas.automations import ResourceTrigger as ResourceTrigger
    from prefect.schemas.automations import SequenceTrigger as SequenceTrigger
    from prefect.schemas.automations import Trigger as Trigger
    from prefect.schemas.automations import TriggerTypes as TriggerTypes
    from prefect.schemas.events import Event as Event
    from prefect.schemas.events import ReceivedEvent as ReceivedEvent
    from prefect.schemas.events import RelatedResource as RelatedResource
    from prefect.schemas.events import Resource as Resource
    from prefect.schemas.events import ResourceSpecification as ResourceSpecification


_EXPORTS = {
    "prefect.events.clients": "get_events_client get_events_subscriber",
    "prefect.events.schemas.deployment_triggers": (
        "DeploymentCompoundTrigger DeploymentEventTrigger DeploymentMetricTrigger DeploymentSequenceTrigger "
        "DeploymentTriggerTypes"
    ),
    "prefect.events.subscribers": "FlowRunSubscriber",
    "prefect.events.utilities": "emit_event",
    "prefect.schemas.automation_actions": (
        "Action ActionTypes CallWebhook CancelFlowRun ChangeFlowRunState DeclareIncident DeleteFlowRun DoNothing "
        "PauseAutomation PauseDeployment PauseWorkPool PauseWorkQueue ResumeAutomation ResumeDeployment "
        "ResumeWorkPool ResumeWorkQueue RunDeployment SendNotification SuspendFlowRun UnknownAction"
    ),
    "prefect.schemas.automations": (
        "Automation AutomationCore CompositeTrigger CompoundTrigger EventTrigger MetricTrigger MetricTriggerOperator "
        "MetricTriggerQuery Posture ResourceTrigger SequenceTrigger Trigger TriggerTypes"
    ),
    "prefect.schemas.events": "Event ReceivedEvent RelatedResource Resource ResourceSpecification",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
__all__ = exported_names(_EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]
