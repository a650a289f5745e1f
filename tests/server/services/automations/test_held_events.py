"""Events that arrive before the one that they follow: they are evaluated behind it, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prefect.server import store
from prefect.server.loops.automations import TriggerEvaluator
from prefect.server.services.automations.held_events import HOLD_DURATION
from prefect.types import new_id, now
from tests.server.clock import Clock
from tests.server.services.automations.reactions import Reactions


def sequence(*names: str) -> dict[str, Any]:
    """Return a trigger that fires when events of these names come one after the other."""
    one = {"type": "event", "posture": "Reactive", "threshold": 1, "within": 0}
    return {"type": "sequence", "within": 60, "triggers": [{**one, "expect": [name]} for name in names]}


@pytest.mark.parametrize("restarts", [False, True])
async def test_follower_that_arrives_first_is_evaluated_behind_its_leader(reactions: Reactions, restarts: bool) -> None:
    await reactions.automation(sequence("a", "b", "c"))
    first, second = new_id(), new_id()
    at = now()
    await reactions.emit("c", follows=str(second), occurred=at.isoformat())
    await reactions.evaluate()
    await reactions.emit("b", id=str(second), follows=str(first), occurred=(at + timedelta(seconds=1)).isoformat())
    await reactions.evaluate()
    assert len(await reactions.rows(store.held_events)) == 2
    if restarts:
        reactions.evaluator = TriggerEvaluator(reactions.executor)
    await reactions.emit("a", id=str(first), occurred=(at + timedelta(seconds=2)).isoformat())
    await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1
    assert await reactions.rows(store.held_events) == []


async def test_follower_is_evaluated_when_a_leader_arrives_that_no_automation_reacts_to(reactions: Reactions) -> None:
    await reactions.automation({"expect": ["b"]})
    await reactions.evaluate()
    first = new_id()
    await reactions.emit("b", follows=str(first))
    await reactions.evaluate()
    assert len(await reactions.rows(store.held_events)) == 1
    await reactions.emit("a", id=str(first))
    assert len(await reactions.rows(store.event_queue)) == 1  # what wakes the evaluation
    await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1


async def test_follower_of_an_event_that_was_evaluated_is_not_held(reactions: Reactions) -> None:
    await reactions.automation(sequence("a", "b"))
    first = await reactions.emit("a")
    await reactions.evaluate()
    earlier = (now() - timedelta(seconds=1)).isoformat()  # by its own clock
    await reactions.emit("b", follows=first, occurred=earlier)
    await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1


async def test_follower_of_an_event_that_never_arrives_is_evaluated_after_a_time(
    reactions: Reactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reactions.automation({"expect": ["b"]})
    await reactions.emit("b", follows=str(new_id()))
    await reactions.evaluate()
    assert await reactions.events("triggered") == []
    Clock(monkeypatch, now()).advance(seconds=HOLD_DURATION.total_seconds())
    await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1


async def test_state_events_are_not_held(reactions: Reactions) -> None:
    """The first state of a scheduled run has no event."""
    await reactions.automation({"expect": ["prefect.flow-run.Pending"]})
    await reactions.emit("prefect.flow-run.Pending", follows=str(new_id()))
    await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1
