"""Automations: triggers and the actions they start.

A trigger waits for events, for the absence of events, or for a metric; a composite trigger waits for others. The models
describe triggers; nothing here evaluates them.
"""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import (
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from prefect.schemas.automation_actions import ActionTypesOrUnknown, RunDeployment
from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.events import ResourceSpecification
from prefect.types._annotated import DurationOrSecondsTimeDelta, NonNegativeDuration
from prefect.types.enums import AutoEnum

MIN_PROACTIVE_WINDOW = timedelta(seconds=10)
"""The shortest time in which a proactive trigger can expect something."""

MIN_METRIC_PERIOD = timedelta(seconds=300)
"""The shortest time over which a metric is evaluated."""

ResourceSpecificationDict: TypeAlias = dict[str, str | list[str]]
Match: TypeAlias = Annotated[ResourceSpecification | ResourceSpecificationDict, Field(union_mode="left_to_right")]
"""Which resources are meant; a dictionary becomes a specification."""


def _match_all_resources() -> ResourceSpecification:
    return ResourceSpecification.model_validate({})


class Posture(AutoEnum):
    """The posture of a trigger: it waits for events, for their absence, or for a metric."""

    Reactive = auto()
    Proactive = auto()
    Metric = auto()


class Trigger(PrefectBaseModel, ABC):
    """Base class of the triggers; `type` identifies the kind.

    A trigger in the definition of a deployment runs that deployment: call `set_deployment_id`, then `as_automation`.
    """

    type: str

    _deployment_id: UUID | None = PrivateAttr(default=None)

    @abstractmethod
    def describe_for_cli(self, indent: int = 0) -> str:
        """Describe the trigger, one line per part, at an indentation level of two spaces each."""

    def set_deployment_id(self, deployment_id: UUID) -> None:
        """Assign the trigger to a deployment."""
        self._deployment_id = deployment_id

    def owner_resource(self) -> str | None:
        """Return the resource that the automation of this trigger belongs to: the deployment."""
        return f"prefect.deployment.{self._deployment_id}"

    def actions(self) -> list[ActionTypesOrUnknown]:
        """Return the actions of this trigger's automation: run the deployment.

        Raises:
            ValueError: The trigger is not assigned to a deployment.
        """
        if self._deployment_id is None:
            raise ValueError("The trigger belongs to no deployment yet: call set_deployment_id first.")
        options = {name: getattr(self, name) for name in ("parameters", "job_variables") if hasattr(self, name)}
        delay = getattr(self, "schedule_after", timedelta(0))
        return [RunDeployment(deployment_id=self._deployment_id, schedule_after=delay, **options)]

    def as_automation(self) -> AutomationCore:
        """Return the automation that runs the trigger's deployment when it fires.

        Raises:
            ValueError: The trigger is not assigned to a deployment.
        """
        actions = self.actions()
        fields: dict[str, Any] = {
            "name": getattr(self, "name", None) or f"Automation for deployment {self._deployment_id}",
            "description": getattr(self, "description", ""),
            "enabled": getattr(self, "enabled", True),
            "trigger": self,
            "actions": actions,
            "owner_resource": self.owner_resource(),
        }
        return AutomationCore(**fields)


class ResourceTrigger(Trigger):
    """Base class of the triggers that select resources (`match`) and related resources (`match_related`)."""

    match: Match = Field(default_factory=_match_all_resources)
    match_related: Match | list[Match] = Field(default_factory=_match_all_resources)


class EventTrigger(ResourceTrigger):
    """Fires when events happen, or when they do not.

    Attributes:
        after: Events of which one must have happened first.
        expect: The events to wait for; any event when it is empty.
        for_each: Labels of the resource; events are counted separately for each combination of their values.
        posture: `Reactive` fires when the events happen, `Proactive` when they do not.
        threshold: The number of events.
        within: The time window. For a proactive trigger at least 10 seconds, which is also its default.
    """

    type: Literal["event"] = "event"  # pyright: ignore[reportIncompatibleVariableOverride]
    after: set[str] = Field(default_factory=set[str])
    expect: set[str] = Field(default_factory=set[str])
    for_each: set[str] = Field(default_factory=set[str])
    posture: Literal[Posture.Reactive, Posture.Proactive] = Posture.Reactive
    threshold: int = 1
    within: NonNegativeDuration = timedelta(0)

    @model_validator(mode="after")
    def _time_to_expect(self) -> Self:
        if self.posture is Posture.Proactive:
            if not self.within:
                vars(self)["within"] = MIN_PROACTIVE_WINDOW
            elif self.within < MIN_PROACTIVE_WINDOW:
                raise ValueError("A proactive trigger must wait at least 10 seconds: make `within` 10 or more.")
        return self

    def describe_for_cli(self, indent: int = 0) -> str:
        """Describe the trigger at an indentation level of two spaces each."""
        expected = f"{{{', '.join(map(repr, sorted(self.expect)))}}}" if self.expect else "any event"
        if self.posture is Posture.Proactive:
            text = f"Proactive: expecting {self.threshold} of {expected} within {self.within}"
        else:
            text = f"Reactive: expecting {self.threshold} of {expected}"
        return textwrap.indent(text, "  " * indent)


class MetricTriggerOperator(Enum):
    """The comparison operator of a metric."""

    LT = "<"
    LTE = "<="
    GT = ">"
    GTE = ">="


class PrefectMetric(Enum):
    """The metrics."""

    lateness = "lateness"
    duration = "duration"
    successes = "successes"


class MetricTriggerQuery(PrefectBaseModel):
    """A condition on a metric over `range` that must hold for `firing_for`; both are at least 5 minutes."""

    name: PrefectMetric | str
    threshold: float
    operator: MetricTriggerOperator
    range: timedelta = MIN_METRIC_PERIOD
    firing_for: timedelta = MIN_METRIC_PERIOD

    @field_validator("range", "firing_for")
    @classmethod
    def _check_min_period(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        if value < MIN_METRIC_PERIOD:
            raise ValueError(f"`{info.field_name}` must be at least 300 seconds (5 minutes).")
        return value


class MetricTrigger(ResourceTrigger):
    """Fires when a metric of flow runs crosses a threshold, and is resolved when it is back within it."""

    type: Literal["metric"] = "metric"  # pyright: ignore[reportIncompatibleVariableOverride]
    posture: Literal[Posture.Metric] = Posture.Metric
    metric: MetricTriggerQuery

    def describe_for_cli(self, indent: int = 0) -> str:
        """Describe the trigger at an indentation level of two spaces each."""
        query = self.metric
        name = query.name.value if isinstance(query.name, PrefectMetric) else query.name
        text = f"Metric: {name} {query.operator.value} {query.threshold} for {query.range}"
        return textwrap.indent(text, "  " * indent)


class CompositeTrigger(Trigger):
    """Base class of the triggers that combine others, optionally `within` a time window."""

    type: Literal["compound", "sequence"]  # pyright: ignore[reportIncompatibleVariableOverride]
    triggers: list[TriggerTypes]
    within: DurationOrSecondsTimeDelta | None = None

    def _describe_parts(self, title: str, indent: int) -> str:
        parts = [trigger.describe_for_cli(indent + 1) for trigger in self.triggers]
        return "\n".join([textwrap.indent(title, "  " * indent), *parts])


def check_required(require: int | Literal["any", "all"], triggers: Sequence[Trigger]) -> None:
    """Raise ValueError unless a compound trigger requires between one and all of its triggers."""
    if isinstance(require, int):
        if require < 1:
            raise ValueError("`require` must be at least 1.")
        if require > len(triggers):
            raise ValueError(f"`require` must be at most {len(triggers)}, the number of triggers.")


class CompoundTrigger(CompositeTrigger):
    """Fires when any, all or some number of its triggers have fired."""

    type: Literal["compound"] = "compound"  # pyright: ignore[reportIncompatibleVariableOverride]
    require: int | Literal["any", "all"]

    @model_validator(mode="after")
    def _check_required_count(self) -> Self:
        check_required(self.require, self.triggers)
        return self

    def describe_for_cli(self, indent: int = 0) -> str:
        """Describe the trigger, one line per nested trigger, at an indentation level of two spaces each."""
        return self._describe_parts(f"{str(self.require).capitalize()} of:", indent)


class SequenceTrigger(CompositeTrigger):
    """Fires when its triggers have fired in their order."""

    type: Literal["sequence"] = "sequence"  # pyright: ignore[reportIncompatibleVariableOverride]

    def describe_for_cli(self, indent: int = 0) -> str:
        """Describe the trigger, one line per nested trigger, at an indentation level of two spaces each."""
        return self._describe_parts("In this order:", indent)


def trigger_discriminator(value: Any) -> str:
    """Return the trigger type of a value, inferred from its fields if `type` is missing ("event" by default)."""
    if not isinstance(value, dict):
        return getattr(value, "type", "event")
    fields: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    if "type" in fields:
        return fields["type"]
    if "triggers" in fields:
        return "compound" if "require" in fields else "sequence"
    return "metric" if fields.get("posture") == Posture.Metric.value else "event"


TriggerTypes: TypeAlias = Annotated[
    Annotated[EventTrigger, Tag("event")]
    | Annotated[MetricTrigger, Tag("metric")]
    | Annotated[CompoundTrigger, Tag("compound")]
    | Annotated[SequenceTrigger, Tag("sequence")],
    Discriminator(trigger_discriminator),
]
"""The triggers of an automation."""


class AutomationFields(PrefectBaseModel):
    """Fields of every automation: its trigger, and its actions."""

    name: str
    description: str = ""
    enabled: bool = True
    tags: list[str] = Field(default_factory=list)
    trigger: TriggerTypes
    actions: list[ActionTypesOrUnknown]
    actions_on_trigger: list[ActionTypesOrUnknown] = Field(default_factory=list[ActionTypesOrUnknown])
    actions_on_resolve: list[ActionTypesOrUnknown] = Field(default_factory=list[ActionTypesOrUnknown])


class AutomationCore(AutomationFields):
    """A trigger and its actions: `actions` whenever it fires, and `actions_on_trigger` and `actions_on_resolve`
    at the beginning and the end of a triggered period.
    """

    owner_resource: str | None = None


class Automation(AutomationCore):
    """A stored automation."""

    id: UUID
