"""Public import path of the actions of automations, which are defined in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.automation_actions import Action as Action
    from prefect.schemas.automation_actions import ActionTypes as ActionTypes
    from prefect.schemas.automation_actions import ActionTypesOrUnknown as ActionTypesOrUnknown
    from prefect.schemas.automation_actions import AutomationAction as AutomationAction
    from prefect.schemas.automation_actions import CallWebhook as CallWebhook
    from prefect.schemas.automation_actions import CancelFlowRun as CancelFlowRun
    from prefect.schemas.automation_actions import ChangeFlowRunState as ChangeFlowRunState
    from prefect.schemas.automation_actions import DeclareIncident as DeclareIncident
    from prefect.schemas.automation_actions import DeleteFlowRun as DeleteFlowRun
    from prefect.schemas.automation_actions import DeploymentAction as DeploymentAction
    from prefect.schemas.automation_actions import DoNothing as DoNothing
    from prefect.schemas.automation_actions import PauseAutomation as PauseAutomation
    from prefect.schemas.automation_actions import PauseDeployment as PauseDeployment
    from prefect.schemas.automation_actions import PauseWorkPool as PauseWorkPool
    from prefect.schemas.automation_actions import PauseWorkQueue as PauseWorkQueue
    from prefect.schemas.automation_actions import ResumeAutomation as ResumeAutomation
    from prefect.schemas.automation_actions import ResumeDeployment as ResumeDeployment
    from prefect.schemas.automation_actions import ResumeFlowRun as ResumeFlowRun
    from prefect.schemas.automation_actions import ResumeWorkPool as ResumeWorkPool
    from prefect.schemas.automation_actions import ResumeWorkQueue as ResumeWorkQueue
    from prefect.schemas.automation_actions import RunDeployment as RunDeployment
    from prefect.schemas.automation_actions import SendNotification as SendNotification
    from prefect.schemas.automation_actions import SuspendFlowRun as SuspendFlowRun
    from prefect.schemas.automation_actions import UnknownAction as UnknownAction
    from prefect.schemas.automation_actions import WorkPoolAction as WorkPoolAction
    from prefect.schemas.automation_actions import WorkQueueAction as WorkQueueAction


_EXPORTS = {
    "prefect.schemas.automation_actions": (
        "Action ActionTypes ActionTypesOrUnknown AutomationAction CallWebhook CancelFlowRun ChangeFlowRunState "
        "DeclareIncident "
        "DeleteFlowRun DeploymentAction DoNothing PauseAutomation PauseDeployment PauseWorkPool PauseWorkQueue "
        "ResumeAutomation ResumeDeployment ResumeFlowRun ResumeWorkPool ResumeWorkQueue RunDeployment "
        "SendNotification SuspendFlowRun UnknownAction WorkPoolAction WorkQueueAction"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
