"""The absence of events, and metrics: what the clock brings about, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.server import store
from prefect.server.loops import automations as loop
from prefect.server.loops.automations import TriggerEvaluator
from prefect.types import now
from tests.server.clock import Clock
from tests.server.route_calls import UNKNOWN_ID, call_route
from tests.server.services.automations.reactions import Reactions


@pytest.fixture
def clock(reactions: Reactions, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the server; the one that cannot be set runs along with it, unless a test has it lag behind."""
    made = Clock(monkeypatch, now())
    monkeypatch.setattr(loop, "CATCH_UP_SECONDS", 0.0)
    monkeypatch.setattr(loop.time, "monotonic", lambda: made.at.timestamp() - getattr(made, "lag", 0.0))
    return made


async def emit(reactions: Reactions, clock: Clock, name: str, resource: str = "x.1") -> None:
    await reactions.emit(name, resource, occurred=clock.at.isoformat())
    await reactions.evaluate()


DONE = {"posture": "Proactive", "after": ["s"], "expect": ["done"], "within": 60, "for_each": ["prefect.resource.id"]}


async def test_absent_event_fires_once_for_each_resource(reactions: Reactions, clock: Clock) -> None:
    await reactions.automation(DONE)
    for resource in ("x.1", "x.2", "x.3"):
        await emit(reactions, clock, "s", resource)
    clock.advance(seconds=30)
    await emit(reactions, clock, "done", "x.2")
    clock.advance(seconds=29)
    await reactions.evaluate()
    assert await reactions.events("triggered") == []
    clock.advance(seconds=2)
    for _ in range(3):
        await reactions.evaluate()
    labels = [
        event["payload"]["triggering_labels"]["prefect.resource.id"] for event in await reactions.events("triggered")
    ]
    assert sorted(labels) == ["x.1", "x.3"]
    assert await reactions.rows(store.buckets) == []


async def test_window_survives_a_restart_which_gives_late_events_time_to_arrive(
    reactions: Reactions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CATCH_UP_SECONDS", 15.0)
    await reactions.automation(DONE)
    await emit(reactions, clock, "s", "x.1")
    await emit(reactions, clock, "s", "x.2")
    clock.advance(seconds=90)
    reactions.evaluator = TriggerEvaluator(reactions.executor)
    await reactions.evaluate()
    assert await reactions.events("triggered") == []
    await reactions.emit("done", "x.2", occurred=(clock.at.replace(microsecond=0)).isoformat())
    clock.advance(seconds=16)
    await reactions.evaluate()
    labels = [
        event["payload"]["triggering_labels"]["prefect.resource.id"] for event in await reactions.events("triggered")
    ]
    assert "x.1" in labels


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_windows_are_moved_when_the_clock_is_set(reactions: Reactions, clock: Clock, jump: float) -> None:
    await reactions.automation(DONE)
    await emit(reactions, clock, "s")
    await reactions.evaluate()
    clock.advance(seconds=jump)
    clock.lag = jump  # pyright: ignore[reportAttributeAccessIssue]
    await reactions.evaluate()
    clock.advance(seconds=50)
    await reactions.evaluate()
    assert await reactions.events("triggered") == []
    clock.advance(seconds=11)
    await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1


async def test_window_without_a_start_begins_with_the_automation(reactions: Reactions, clock: Clock) -> None:
    await reactions.automation({"posture": "Proactive", "expect": ["beat"], "within": 60})
    await reactions.evaluate()
    for _ in range(2):
        clock.advance(seconds=61)
        await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 2


async def test_buckets_that_are_of_no_use_any_more_are_removed(reactions: Reactions, clock: Clock) -> None:
    await reactions.automation({"threshold": 2, "within": 60, "for_each": ["prefect.resource.id"]})
    await emit(reactions, clock, "a")
    clock.advance(seconds=125)
    await reactions.evaluate()
    assert await reactions.rows(store.buckets) == []


# --- metrics ---------------------------------------------------------------------------------------------------------


def metric(name: str, operator: str, threshold: float, **match: Any) -> dict[str, Any]:
    query = {"name": name, "operator": operator, "threshold": threshold, "range": 3600, "firing_for": 300}
    return {"type": "metric", "metric": query, **match}


async def test_metric_trigger_fires_and_is_resolved(reactions: Reactions, clock: Clock) -> None:
    flow_id = (await reactions.api.post("/flows/", json={"name": "etl"})).json()["id"]
    other_id = (await reactions.api.post("/flows/", json={"name": "other"})).json()["id"]

    async def run(state: str, flow: str = flow_id) -> None:
        body = {"flow_id": flow, "state": {"type": "RUNNING"}}
        id_ = (await call_route(reactions.api, "POST", "/flow_runs/", body, 201))["id"]
        await reactions.api.post(f"/flow_runs/{id_}/set_state", json={"state": {"type": state}, "force": True})

    only_flow = {"match_related": {"prefect.resource.id": f"prefect.flow.{flow_id}", "prefect.resource.role": "flow"}}
    await reactions.automation(metric("successes", "<", 60, **only_flow), actions_on_resolve=[{"type": "do-nothing"}])
    await run("COMPLETED")
    await run("FAILED")
    for _ in range(3):
        await run("COMPLETED", other_id)
    for _ in range(7):
        await reactions.evaluate()
        clock.advance(seconds=61)
    (triggered,) = await reactions.events("triggered")
    assert triggered["payload"]["triggering_value"] == 50.0
    for _ in range(2):
        await run("COMPLETED")
    await reactions.evaluate()
    (resolved,) = await reactions.events("resolved")
    assert resolved["payload"]["triggering_value"] == 75.0
    await reactions.act()
    assert len(await reactions.events("action.executed")) == 2


@pytest.mark.parametrize(
    "trigger",
    [
        metric("weather", "<", 1),
        metric("duration", "<", 1, match={"owner": "me"}),
        metric("duration", "<", 1, match={"prefect.resource.id": "prefect.flow.x"}),
        metric("lateness", ">", 1, match_related={"prefect.resource.id": f"prefect.variable.{UNKNOWN_ID}"}),
    ],
)
async def test_metric_trigger_that_no_query_can_serve_is_refused(reactions: Reactions, trigger: dict[str, Any]) -> None:
    body = {"name": "a", "trigger": trigger, "actions": []}
    await call_route(reactions.api, "POST", "/automations/", body, 422)
