"""Triggers, actions and automations: what is refused, what is filled in, and how they are told apart."""

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


def test_a_proactive_trigger_waits_ten_seconds_when_nothing_is_said() -> None:
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
def test_an_event_trigger_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EventTrigger.model_validate(values)


def test_what_a_trigger_matches_becomes_a_specification() -> None:
    trigger = EventTrigger.model_validate({"match": {"a": "b"}, "match_related": [{"c": ["d", "e"]}]})

    assert trigger.match == ResourceSpecification.model_validate({"a": "b"})
    assert trigger.match_related == [ResourceSpecification.model_validate({"c": ["d", "e"]})]


@pytest.mark.parametrize("field", ["range", "firing_for"])
def test_a_metric_is_looked_at_for_five_minutes_at_least(field: str) -> None:
    assert MetricTriggerQuery.model_validate({**QUERY, field: 300}).model_dump(mode="json")[field] == 300.0
    with pytest.raises(ValidationError, match=f"`{field}` must be at least 300 seconds"):
        MetricTriggerQuery.model_validate({**QUERY, field: 299})


@pytest.mark.parametrize(("require", "message"), [(0, "at least 1"), (3, "at most 2")])
def test_a_compound_trigger_requires_what_it_can_have(require: int, message: str) -> None:
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
def test_a_trigger_is_known_by_its_type_or_its_looks(value: Any, kind: str) -> None:
    assert trigger_discriminator(value) == kind


def test_an_automation_comes_back_from_its_json() -> None:
    metric = MetricTrigger(metric=MetricTriggerQuery.model_validate(QUERY))
    inner = SequenceTrigger(triggers=[EventTrigger(expect={"a.b"}), metric], within=timedelta(seconds=3))
    automation = AutomationCore(
        name="all",
        trigger=CompoundTrigger(require="any", triggers=[inner]),
        actions=[actions.RunDeployment(deployment_id=ID, schedule_after=timedelta(seconds=5))],
    )

    assert AutomationCore.model_validate_json(automation.model_dump_json()) == automation


def test_a_trigger_of_a_deployment_runs_it() -> None:
    trigger = EventTrigger(expect={"a"})
    with pytest.raises(ValueError, match="call set_deployment_id first"):
        trigger.as_automation()

    trigger.set_deployment_id(ID)
    automation = trigger.as_automation()

    assert automation.name == f"Automation for deployment {ID}"
    assert automation.owner_resource == f"prefect.deployment.{ID}"
    assert automation.actions == [actions.RunDeployment(deployment_id=ID)]
    assert automation.trigger is trigger


def test_triggers_describe_themselves_a_line_for_each() -> None:
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
def test_an_action_is_about_what_is_selected_or_inferred(kind: type[actions.Action], field: str) -> None:
    assert kind.model_validate({field: ID}).model_dump()["source"] == "selected"
    assert kind.model_validate({"source": "inferred"}).model_dump()[field] is None
    with pytest.raises(ValidationError, match=f"{field} is required"):
        kind.model_validate({})
    with pytest.raises(ValidationError, match=f"{field} must not be set"):
        kind.model_validate({"source": "inferred", field: ID})


def test_a_run_is_not_scheduled_into_the_past() -> None:
    for kind in (actions.RunDeployment, wire.RunDeployment):
        with pytest.raises(ValidationError, match="must not be negative"):
            kind.model_validate({"deployment_id": ID, "schedule_after": -1})


def test_an_action_of_an_unknown_type_is_kept_and_sent_back() -> None:
    values = {"type": "fly-away", "speed": {"unit": "knots", "value": 3}}
    automation = AutomationCore.model_validate({"name": "n", "trigger": {"type": "event"}, "actions": [values]})

    (action,) = automation.actions
    assert isinstance(action, actions.UnknownAction)
    assert action.describe_for_cli() == "Fly away"
    assert automation.model_dump(mode="json")["actions"] == [values]


def test_an_action_of_a_known_type_must_be_valid() -> None:
    with pytest.raises(ValidationError, match="deployment_id is required"):
        AutomationCore.model_validate(
            {"name": "n", "trigger": {"type": "event"}, "actions": [{"type": "pause-deployment"}]}
        )


def test_a_metric_may_have_any_name() -> None:
    query = MetricTriggerQuery.model_validate({**QUERY, "name": "temperature"})

    assert query.model_dump(mode="json")["name"] == "temperature"
    assert MetricTrigger(metric=query).describe_for_cli() == "Metric: temperature > 1.0 for 0:05:00"


def test_actions_describe_themselves() -> None:
    assert actions.PauseWorkPool(work_pool_id=ID).describe_for_cli() == "Pause work pool"


# --- as the server has them ------------------------------------------------------------------------------------------


def created(trigger: dict[str, Any]) -> wire.AutomationCreate:
    return wire.AutomationCreate.model_validate(
        {"name": "n", "trigger": trigger, "actions": [{"type": "cancel-flow-run"}]}
    )


def test_the_server_gives_each_trigger_an_id() -> None:
    trigger = created(
        {"type": "sequence", "within": 60, "triggers": [{"type": "event", "posture": "Reactive"}]},
    ).trigger

    assert isinstance(trigger, wire.SequenceTrigger)
    assert isinstance(trigger.triggers[0], wire.EventTrigger)
    assert trigger.id != trigger.triggers[0].id


def test_the_server_asks_for_what_a_client_may_leave_out() -> None:
    with pytest.raises(ValidationError, match="posture"):
        created({"type": "event"})
    with pytest.raises(ValidationError, match="within"):
        created({"type": "sequence", "triggers": []})
    with pytest.raises(ValidationError):
        created({"type": "metric", "metric": QUERY})


def test_the_server_checks_triggers_as_the_client_does() -> None:
    with pytest.raises(ValidationError, match="at least 10 seconds"):
        created({"type": "event", "posture": "Proactive", "within": 1})
    with pytest.raises(ValidationError, match="at most 0"):
        created({"type": "compound", "require": 1, "within": None, "triggers": []})
