"""The public path of automations and their triggers; they live in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
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
    from prefect.schemas.automations import PrefectMetric as PrefectMetric
    from prefect.schemas.automations import ResourceSpecificationDict as ResourceSpecificationDict
    from prefect.schemas.automations import ResourceTrigger as ResourceTrigger
    from prefect.schemas.automations import SequenceTrigger as SequenceTrigger
    from prefect.schemas.automations import Trigger as Trigger
    from prefect.schemas.automations import TriggerTypes as TriggerTypes
    from prefect.schemas.automations import trigger_discriminator as trigger_discriminator


_EXPORTS = {
    "prefect.schemas.automation_actions": "UnknownAction",
    "prefect.schemas.automations": (
        "Automation AutomationCore CompositeTrigger CompoundTrigger EventTrigger MetricTrigger MetricTriggerOperator "
        "MetricTriggerQuery Posture PrefectMetric ResourceSpecificationDict ResourceTrigger SequenceTrigger Trigger "
        "TriggerTypes trigger_discriminator"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
