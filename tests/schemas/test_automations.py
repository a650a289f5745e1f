"""Validation, defaults and type discrimination of triggers, actions and automations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from prefect.schemas import automation_actions as actions
from prefect.schemas import wire
from prefect.schemas.automations import (
    AutomationCore,
    CompoundTrigger,
    EventTrigger,
    MetricTrigger,
    MetricTriggerQuery,
    Posture,
    SequenceTrigger,
    trigger_discriminator,
)
from prefect.schemas.events import ResourceSpecification

ID = UUID(int=1)
QUERY: dict[str, Any] = {"name": "lateness", "operator": ">", "threshold": 1}


def test_proactive_trigger_defaults_to_ten_seconds() -> None:
    assert EventTrigger(posture=Posture.Proactive).within == timedelta(seconds=10)
    assert EventTrigger(posture=Posture.Reactive).within == timedelta(0)
    assert EventTrigger(posture=Posture.Proactive, within=timedelta(minutes=1)).within == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"posture": "Proactive", "within": 9}, "at least 10 seconds"),
        ({"within": -1}, "greater than or equal to 0"),
        ({"posture": "Metric"}, "Posture"),
    ],
)
def test_event_trigger_rejects_invalid_values(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EventTrigger.model_validate(values)


def test_event_trigger_converts_match_to_specification() -> None:
    trigger = EventTrigger.model_validate({"match": {"a": "b"}, "match_related": [{"c": ["d", "e"]}]})

    assert trigger.match == ResourceSpecification.model_validate({"a": "b"})
    assert trigger.match_related == [ResourceSpecification.model_validate({"c": ["d", "e"]})]


@pytest.mark.parametrize("field", ["range", "firing_for"])
def test_metric_query_requires_five_minutes(field: str) -> None:
    assert MetricTriggerQuery.model_validate({**QUERY, field: 300}).model_dump(mode="json")[field] == 300.0
    with pytest.raises(ValidationError, match=f"`{field}` must be at least 300 seconds"):
        MetricTriggerQuery.model_validate({**QUERY, field: 299})


@pytest.mark.parametrize(("require", "message"), [(0, "at least 1"), (3, "at most 2")])
def test_compound_trigger_require_is_bounded_by_triggers(require: int, message: str) -> None:
    triggers = [EventTrigger(), EventTrigger()]
    assert CompoundTrigger(require=2, triggers=[*triggers]).require == 2
    with pytest.raises(ValidationError, match=message):
        CompoundTrigger(require=require, triggers=[*triggers])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"type": "compound"}, "compound"),
        ({"require": "any", "triggers": []}, "compound"),
        ({"triggers": []}, "sequence"),
        ({"posture": "Metric"}, "metric"),
        ({"posture": "Reactive"}, "event"),
        ({}, "event"),
        (SequenceTrigger(triggers=[]), "sequence"),
    ],
)
def test_trigger_discriminator_uses_type_or_fields(value: Any, kind: str) -> None:
    assert trigger_discriminator(value) == kind


def test_automation_round_trips_through_json() -> None:
    metric = MetricTrigger(metric=MetricTriggerQuery.model_validate(QUERY))
    inner = SequenceTrigger(triggers=[EventTrigger(expect={"a.b"}), metric], within=timedelta(seconds=3))
    automation = AutomationCore(
        name="all",
        trigger=CompoundTrigger(require="any", triggers=[inner]),
        actions=[actions.RunDeployment(deployment_id=ID, schedule_after=timedelta(seconds=5))],
    )

    assert AutomationCore.model_validate_json(automation.model_dump_json()) == automation


def test_deployment_trigger_builds_automation() -> None:
    trigger = EventTrigger(expect={"a"})
    with pytest.raises(ValueError, match="call set_deployment_id first"):
        trigger.as_automation()

    trigger.set_deployment_id(ID)
    automation = trigger.as_automation()

    assert automation.name == f"Automation for deployment {ID}"
    assert automation.owner_resource == f"prefect.deployment.{ID}"
    assert automation.actions == [actions.RunDeployment(deployment_id=ID)]
    assert automation.trigger is trigger


def test_describe_for_cli_has_line_per_trigger() -> None:
    events = EventTrigger(expect={"b", "a"}, threshold=2)
    metric = MetricTrigger(metric=MetricTriggerQuery.model_validate(QUERY))
    sequence = SequenceTrigger(triggers=[metric])

    assert CompoundTrigger(require="any", triggers=[events, sequence]).describe_for_cli().splitlines() == [
        "Any of:",
        "  Reactive: expecting 2 of {'a', 'b'}",
        "  In this order:",
        "    Metric: lateness > 1.0 for 0:05:00",
    ]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (actions.RunDeployment, "deployment_id"),
        (actions.PauseDeployment, "deployment_id"),
        (actions.ResumeWorkQueue, "work_queue_id"),
        (actions.PauseAutomation, "automation_id"),
    ],
)
def test_action_requires_id_when_source_is_selected(kind: type[actions.Action], field: str) -> None:
    assert kind.model_validate({field: ID}).model_dump()["source"] == "selected"
    assert kind.model_validate({"source": "inferred"}).model_dump()[field] is None
    with pytest.raises(ValidationError, match=f"{field} is required"):
        kind.model_validate({})
    with pytest.raises(ValidationError, match=f"{field} must not be set"):
        kind.model_validate({"source": "inferred", field: ID})


def test_run_deployment_rejects_negative_delay() -> None:
    for kind in (actions.RunDeployment, wire.RunDeployment):
        with pytest.raises(ValidationError, match="must not be negative"):
            kind.model_validate({"deployment_id": ID, "schedule_after": -1})


def test_unknown_action_keeps_its_fields() -> None:
    values = {"type": "fly-away", "speed": {"unit": "knots", "value": 3}}
    automation = AutomationCore.model_validate({"name": "n", "trigger": {"type": "event"}, "actions": [values]})

    (action,) = automation.actions
    assert isinstance(action, actions.UnknownAction)
    assert action.describe_for_cli() == "Fly away"
    assert automation.model_dump(mode="json")["actions"] == [values]


def test_known_action_must_be_valid() -> None:
    with pytest.raises(ValidationError, match="deployment_id is required"):
        AutomationCore.model_validate(
            {"name": "n", "trigger": {"type": "event"}, "actions": [{"type": "pause-deployment"}]}
        )


def test_metric_query_accepts_any_name() -> None:
    query = MetricTriggerQuery.model_validate({**QUERY, "name": "temperature"})

    assert query.model_dump(mode="json")["name"] == "temperature"
    assert MetricTrigger(metric=query).describe_for_cli() == "Metric: temperature > 1.0 for 0:05:00"


def test_action_describe_for_cli() -> None:
    assert actions.PauseWorkPool(work_pool_id=ID).describe_for_cli() == "Pause work pool"


# --- the server's schemas --------------------------------------------------------------------------------------------


def created(trigger: dict[str, Any]) -> wire.AutomationCreate:
    return wire.AutomationCreate.model_validate(
        {"name": "n", "trigger": trigger, "actions": [{"type": "cancel-flow-run"}]}
    )


def test_automation_create_assigns_trigger_ids() -> None:
    trigger = created(
        {"type": "sequence", "within": 60, "triggers": [{"type": "event", "posture": "Reactive"}]},
    ).trigger

    assert isinstance(trigger, wire.SequenceTrigger)
    assert isinstance(trigger.triggers[0], wire.EventTrigger)
    assert trigger.id != trigger.triggers[0].id


def test_automation_create_requires_optional_client_fields() -> None:
    with pytest.raises(ValidationError, match="posture"):
        created({"type": "event"})
    with pytest.raises(ValidationError, match="within"):
        created({"type": "sequence", "triggers": []})


def test_automation_create_takes_metric_triggers() -> None:
    made = created({"type": "metric", "metric": QUERY})
    assert made.model_dump(mode="json")["trigger"]["metric"]["name"] == QUERY["name"]


def test_automation_create_validates_triggers() -> None:
    with pytest.raises(ValidationError, match="at least 10 seconds"):
        created({"type": "event", "posture": "Proactive", "within": 1})
    with pytest.raises(ValidationError, match="at most 0"):
        created({"type": "compound", "require": 1, "within": None, "triggers": []})
