"""Options of triggers that are no fields of their own classes."""

from datetime import timedelta

import pytest

from prefect.schemas import automations
from prefect.schemas.automations import (
    CompositeTrigger,
    CompoundTrigger,
    EventTrigger,
    MetricTrigger,
    ResourceTrigger,
    SequenceTrigger,
    Trigger,
)

EVENT = EventTrigger(expect={"shop.paid"}, posture="Reactive", threshold=2, within=10)
METRIC = MetricTrigger(metric={"name": "duration", "threshold": 3.0, "operator": ">"})


@pytest.mark.parametrize(
    "trigger",
    [EVENT, METRIC, CompoundTrigger(triggers=[EVENT, METRIC], require="any"), SequenceTrigger(triggers=[EVENT])],
)
def test_description_is_indented_by_two_spaces_a_level(trigger: Trigger) -> None:
    plain = trigger.describe_for_cli()

    assert trigger.describe_for_cli(indent=2).splitlines() == [f"    {line}" for line in plain.splitlines()]


def describe(self: Trigger, indent: int = 0) -> str:
    return " " * indent


def test_composite_trigger_keeps_its_window() -> None:
    class Both(CompositeTrigger):
        describe_for_cli = describe

    Both.model_rebuild(_types_namespace=vars(automations))

    assert Both(type="compound", triggers=[EVENT], within=60).within == timedelta(minutes=1)


def test_resource_trigger_keeps_what_it_matches() -> None:
    class Matching(ResourceTrigger):
        describe_for_cli = describe

    Matching.model_rebuild(_types_namespace=vars(automations))
    made = Matching(type="event", match={"prefect.resource.id": "a.*"}, match_related={"prefect.resource.role": "b"})

    assert made.match.root == {"prefect.resource.id": "a.*"}
    assert made.match_related.root == {"prefect.resource.role": "b"}
