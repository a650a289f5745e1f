"""The page of an automation, the test of its trigger, and what its form chooses from."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.server.services.pages import automations
from tests.server.route_client import RouteClient

TRIGGER: dict[str, Any] = {
    "type": "event",
    "expect": ["prefect.flow-run.Failed"],
    "match": {"prefect.resource.id": "prefect.flow-run.*"},
    "for_each": ["prefect.resource.id"],
    "posture": "Reactive",
    "threshold": 1,
    "within": 0,
}
TEST = "/ui/forms/automation-test"


async def test_trigger_is_tested_on_past_events(call: RouteClient) -> None:
    await call.flow_run("FAILED", name="broken")
    await call.flow_run("COMPLETED", name="fine")
    answer = await call("POST", TEST, {"trigger": TRIGGER})
    assert (answer["total"], answer["has_metric"]) == (1, False)
    assert [(each["event"], each["resource"]) for each in answer["firings"]] == [("prefect.flow-run.Failed", "broken")]


async def test_invalid_trigger_is_refused_with_the_place_of_what_is_wrong(call: RouteClient) -> None:
    trigger = {"type": "event", "posture": "Proactive", "within": 2}
    code, answer = await call.send("POST", TEST, {"trigger": trigger})
    assert code == 422 and "at least 10 seconds" in str(answer)


async def test_trigger_test_returns_the_time_up_to_which_it_read_many_events(
    call: RouteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automations, "TESTED_EVENTS", 2)
    for number in range(4):
        await call.flow_run("FAILED", name=f"run-{number}")
    answer = await call("POST", TEST, {"trigger": TRIGGER})
    assert (answer["events"], answer["total"]) == (2, 2)


async def test_page_of_an_automation_without_firings(call: RouteClient) -> None:
    automation = {"name": "watch", "trigger": TRIGGER, "actions": [{"type": "do-nothing"}]}
    id_ = (await call("POST", "/automations/", automation))["id"]
    page = await call("GET", "/ui/forms/automation/{id}", id=id_)
    assert (page["automation"]["name"], page["firings"]) == ("watch", [])


async def test_choices_name_what_actions_can_act_on(call: RouteClient) -> None:
    await call("POST", "/block_types/install_system_block_types")
    flow = await call.flow("etl")
    await call("POST", "/deployments/", {"name": "prod", "flow_id": flow})
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    for slug, data in (("slack-webhook", {"url": "https://x"}), ("webhook", {"url": "https://x"})):
        page = await call("GET", "/ui/forms/block-type/{slug}", slug=slug)
        schema = {"block_type_id": page["type"]["id"], "block_schema_id": page["schema_id"]}
        await call("POST", "/block_documents/", {"name": "team", "data": data, **schema})
    choices = await call("GET", "/ui/forms/automation-choices")
    names = {kind: [each["name"] for each in rows] for kind, rows in choices.items()}
    assert names == {
        "flows": ["etl"],
        "deployments": ["etl / prod"],
        "work_pools": ["local"],
        "work_queues": ["local / default"],
        "automations": [],
        "notifiers": ["Slack Webhook / team"],
        "webhooks": ["Webhook / team"],
    }
