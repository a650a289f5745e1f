"""Triggers in the definition of a deployment: automation triggers that run it, with the name of the automation."""

from __future__ import annotations

from abc import ABC
from datetime import timedelta
from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Field, Tag

from prefect.schemas.automations import (
    CompoundTrigger,
    EventTrigger,
    MetricTrigger,
    SequenceTrigger,
    TriggerTypes,
    trigger_discriminator,
)
from prefect.schemas.base import PrefectBaseModel


class BaseDeploymentTrigger(PrefectBaseModel, ABC):
    """Further fields of the triggers of a deployment: the automation's name, and how the deployment is run.

    Attributes:
        name: The automation's name; made of the deployment's if None.
        description: What the automation is for.
        enabled: Whether it does anything.
        parameters: Arguments of the runs, by name; values may be templates.
        job_variables: What the work pool's job template is filled with.
        schedule_after: How long after the trigger fires the run is due.
    """

    name: str | None = None
    description: str = ""
    enabled: bool = True
    parameters: dict[str, Any] | None = None
    job_variables: dict[str, Any] | None = None
    schedule_after: timedelta = Field(default=timedelta(0), ge=timedelta(0))


class DeploymentEventTrigger(BaseDeploymentTrigger, EventTrigger):
    """Runs the deployment when events happen, or when they do not."""


class DeploymentMetricTrigger(BaseDeploymentTrigger, MetricTrigger):
    """Runs the deployment when a metric passes a threshold."""


class DeploymentCompoundTrigger(BaseDeploymentTrigger, CompoundTrigger):
    """Runs the deployment when several triggers have fired."""

    triggers: list[TriggerTypes]


class DeploymentSequenceTrigger(BaseDeploymentTrigger, SequenceTrigger):
    """Runs the deployment when several triggers have fired in their order."""

    triggers: list[TriggerTypes]


def deployment_trigger_discriminator(value: Any) -> str:
    """Return the type of the trigger that a value describes: its `type`, or the type that its fields imply."""
    return trigger_discriminator(value)


DeploymentTriggerTypes: TypeAlias = Annotated[
    Annotated[DeploymentEventTrigger, Tag("event")]
    | Annotated[DeploymentMetricTrigger, Tag("metric")]
    | Annotated[DeploymentCompoundTrigger, Tag("compound")]
    | Annotated[DeploymentSequenceTrigger, Tag("sequence")],
    Discriminator(deployment_trigger_discriminator),
]
"""The triggers of a deployment."""

# Their fields name the other triggers, by a name of the module of their base classes.
for model in (DeploymentCompoundTrigger, DeploymentSequenceTrigger):
    model.model_rebuild(_types_namespace={"TriggerTypes": TriggerTypes})
