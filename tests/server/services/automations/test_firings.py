"""From an event to a firing, on both databases: what is counted once, and what is remembered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from prefect.server import store
from prefect.server.loops.automations import ActionExecutor, TriggerEvaluator
from prefect.triggers import trees
from prefect.types import now
from tests.server.route_calls import call_route
from tests.server.services.automations.reactions import Reactions


async def test_event_fires_an_automation(reactions: Reactions) -> None:
    automation_id = await reactions.automation({"for_each": ["prefect.resource.id"], "within": 60})
    event_id = await reactions.emit()
    await reactions.emit("b")
    await reactions.react()
    (triggered,) = await reactions.events("triggered")
    (begun,) = await reactions.events("action.triggered")
    (executed,) = await reactions.events("action.executed")
    assert triggered["resource"] == {
        "prefect.resource.id": f"prefect.automation.{automation_id}",
        "prefect.resource.name": "watch",
        "prefect.posture": "Reactive",
    }
    assert triggered["payload"]["triggering_labels"] == {"prefect.resource.id": "x.1"}
    assert triggered["payload"]["triggering_event"]["id"] == event_id
    cause = {"prefect.resource.id": f"prefect.event.{event_id}", "prefect.resource.role": "triggering-event"}
    assert triggered["related"] == [cause]
    own = {
        "prefect.resource.id": f"prefect.event.{triggered['id']}",
        "prefect.resource.role": "automation-triggered-event",
    }
    assert executed["related"] == begun["related"] == [own, cause]
    assert (begun["follows"], executed["follows"]) == (event_id, begun["id"])
    assert executed["resource"] == {**triggered["resource"], "prefect.trigger-type": "event"}
    payload = {"action_index": 0, "action_type": "do-nothing"}
    assert executed["payload"] == {**payload, "invocation": executed["payload"]["invocation"]} == begun["payload"]
    await reactions.react()
    assert await reactions.rows(store.event_queue) == await reactions.rows(store.action_jobs) == []


async def test_actions_on_trigger_are_caused_by_the_event_of_the_firing(reactions: Reactions) -> None:
    await reactions.automation(None, {"type": "do-nothing"}, actions_on_trigger=[{"type": "do-nothing"}])
    await reactions.emit()
    await reactions.react()
    (triggered,) = await reactions.events("triggered")
    executed = {event["payload"]["action_index"]: event for event in await reactions.events("action.executed")}
    assert set(executed) == {0, 1}
    assert executed[1]["related"][-1]["prefect.resource.id"] == f"prefect.event.{triggered['id']}"


async def test_repeated_delivery_of_an_event_counts_once(reactions: Reactions) -> None:
    await reactions.automation({"threshold": 2, "within": 60})
    event = {"id": str(UUID(int=7)), "occurred": now().isoformat(), "event": "a"}
    body = [{**event, "resource": {"prefect.resource.id": "x"}}]
    for _ in range(3):
        await call_route(reactions.api, "POST", "/events", body, 204)
        await reactions.evaluate()
    assert await reactions.events("triggered") == []


async def test_two_evaluators_fire_once(reactions: Reactions) -> None:
    await reactions.automation()
    await reactions.emit()
    for evaluator in (TriggerEvaluator(ActionExecutor()), TriggerEvaluator(ActionExecutor())):
        await evaluator.run_once(reactions.environment)
    assert len(await reactions.events("triggered")) == 1
    assert len(await reactions.rows(store.firings)) == 1


async def test_event_evaluated_again_does_not_fire_again(reactions: Reactions) -> None:
    await reactions.automation()
    await reactions.emit()
    queued = await reactions.rows(store.event_queue)
    await reactions.react()
    await reactions.environment.database.write(lambda tx: store.event_queue.add(tx, queued))
    await reactions.react()
    assert len(await reactions.events("triggered")) == len(await reactions.events("action.executed")) == 1


async def test_counts_survive_a_restart(reactions: Reactions) -> None:
    await reactions.automation({"threshold": 3, "within": 60})
    for _ in range(3):
        await reactions.emit()
        reactions.evaluator = TriggerEvaluator(reactions.executor)
        await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1


async def test_events_are_not_queued_without_an_enabled_automation(reactions: Reactions) -> None:
    automation_id = await reactions.automation(enabled=False)
    await reactions.emit()
    assert await reactions.rows(store.event_queue) == []
    await call_route(reactions.api, "PATCH", "/automations/{id}", {"enabled": True}, 204, id=automation_id)
    await reactions.emit()
    await reactions.react()
    assert len(await reactions.events("triggered")) == 1


async def test_changed_automation_reacts_by_its_new_trigger(reactions: Reactions) -> None:
    automation_id = await reactions.automation()
    await reactions.emit()
    await reactions.evaluate()
    trigger = {"type": "event", "posture": "Reactive", "expect": ["b"]}
    body = {"name": "watch", "trigger": trigger, "actions": []}
    await call_route(reactions.api, "PUT", "/automations/{id}", body, 204, id=automation_id)
    await reactions.emit("a")
    await reactions.emit("b")
    await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 2


@pytest.mark.parametrize("how", ["disable", "delete", "change"])
async def test_automation_forgets_when_it_is_disabled_or_deleted_or_gets_another_trigger(
    reactions: Reactions, how: str
) -> None:
    automation_id = await reactions.automation({"threshold": 2, "within": 60})
    await reactions.emit()
    await reactions.evaluate()
    assert len(await reactions.rows(store.buckets)) == 1
    route = "/automations/{id}"
    if how == "delete":
        await call_route(reactions.api, "DELETE", route, None, 204, id=automation_id)
    elif how == "disable":
        await call_route(reactions.api, "PATCH", route, {"enabled": False}, 204, id=automation_id)
    else:
        trigger = {"type": "event", "posture": "Reactive", "expect": ["a"], "threshold": 2, "within": 60}
        body = {"name": "watch", "trigger": trigger, "actions": []}
        await call_route(reactions.api, "PUT", route, body, 204, id=automation_id)
    assert await reactions.rows(store.buckets) == []


async def test_trigger_ids_of_two_automations_may_be_the_same(reactions: Reactions) -> None:
    trigger = {"id": str(UUID(int=5)), "threshold": 2, "within": 60}
    for name in ("one", "two"):
        await reactions.automation(trigger, name=name)
    await reactions.emit()
    await reactions.emit()
    await reactions.evaluate()
    names = [event["resource"]["prefect.resource.name"] for event in await reactions.events("triggered")]
    assert sorted(names) == ["one", "two"]


async def test_automation_does_not_react_to_its_own_events(reactions: Reactions) -> None:
    await reactions.automation({"expect": []})
    await reactions.emit()
    for _ in range(3):
        await reactions.react()
    triggered = [event["payload"]["triggering_event"]["event"] for event in await reactions.events("triggered")]
    assert triggered == ["a"]


async def test_automation_reacts_to_another_one(reactions: Reactions) -> None:
    await reactions.automation(name="first")
    await reactions.automation({"expect": ["prefect.automation.triggered"]}, name="second")
    await reactions.emit()
    await reactions.react()
    await reactions.react()
    names = [event["resource"]["prefect.resource.name"] for event in await reactions.events("triggered")]
    assert names == ["first", "second"]


async def test_trigger_that_cannot_be_evaluated_harms_no_other(
    reactions: Reactions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = await reactions.automation(name="bad")
    await reactions.automation(name="good")
    observe = trees.TriggerTree.observe

    def fail(tree: trees.TriggerTree, *args: Any) -> Any:
        if str(tree.automation_id) == bad:
            raise ZeroDivisionError
        return observe(tree, *args)

    monkeypatch.setattr(trees.TriggerTree, "observe", fail)
    await reactions.emit()
    await reactions.react()
    names = [event["resource"]["prefect.resource.name"] for event in await reactions.events("triggered")]
    assert names == ["good"] and bad in caplog.text


async def test_stored_trigger_that_cannot_be_read_harms_no_other(
    reactions: Reactions, caplog: pytest.LogCaptureFixture
) -> None:
    bad = await reactions.automation(name="bad")
    await reactions.automation(name="good")
    row = {"id": UUID(bad), "trigger": {"type": "of a newer release"}, "updated": now()}
    await reactions.environment.database.write(lambda tx: store.automations.change(tx, [row], ["trigger", "updated"]))
    await reactions.emit()
    await reactions.react()
    names = [event["resource"]["prefect.resource.name"] for event in await reactions.events("triggered")]
    assert names == ["good"] and "'bad'" in caplog.text
