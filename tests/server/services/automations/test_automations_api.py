"""Automations over the API, on both databases."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.server.route_calls import UNKNOWN_ID, call_route, find_events

TRIGGER = {"type": "event", "posture": "Reactive", "expect": ["prefect.flow-run.Failed"], "within": 0}
RUN = {"type": "run-deployment", "source": "selected", "deployment_id": UNKNOWN_ID}


async def automation(api: httpx.AsyncClient, name: str = "a", **values: Any) -> Any:
    body = {"name": name, "trigger": TRIGGER, "actions": [{"type": "do-nothing"}], **values}
    return await call_route(api, "POST", "/automations/", body, 201)


async def test_automation_round_trips(api: httpx.AsyncClient) -> None:
    both = {"type": "compound", "require": "any", "triggers": [TRIGGER, TRIGGER], "within": 60}
    made = await automation(api, trigger=both, actions=[RUN], actions_on_trigger=[{"type": "cancel-flow-run"}])
    assert await call_route(api, "GET", "/automations/{id}", id=made["id"]) == made
    assert (made["enabled"], made["description"], made["tags"]) == (True, "", [])
    assert made["trigger"]["within"] == 60 and made["trigger"]["require"] == "any"
    assert [trigger["expect"] for trigger in made["trigger"]["triggers"]] == [["prefect.flow-run.Failed"]] * 2
    assert len({made["trigger"]["id"], *(trigger["id"] for trigger in made["trigger"]["triggers"])}) == 3
    assert made["actions"] == [{**RUN, "parameters": None, "job_variables": None, "schedule_after": 0.0}]


@pytest.mark.parametrize(
    "values",
    [
        {"actions": [{"type": "nothing-known"}]},
        {"actions": [{"type": "run-deployment", "source": "selected"}]},
        {"actions": [{"type": "run-deployment", "source": "inferred", "deployment_id": UNKNOWN_ID}]},
        {"actions": [{"type": "send-notification", "block_document_id": UNKNOWN_ID, "subject": "{{ x ", "body": ""}]},
        {"actions": [{**RUN, "parameters": {"x": {"__prefect_kind": "jinja", "template": "{{ x "}}}]},
        {"trigger": {}},
        {"trigger": {"type": "sequence", "triggers": [TRIGGER]}},
        {"trigger": {"type": "compound", "require": 2, "triggers": [TRIGGER], "within": None}},
        {"trigger": {**TRIGGER, "posture": "Proactive", "within": 5}},
        {"unknown": 1},
    ],
)
async def test_invalid_automations_are_refused(api: httpx.AsyncClient, values: dict[str, Any]) -> None:
    body = {"name": "a", "trigger": TRIGGER, "actions": [], **values}
    await call_route(api, "POST", "/automations/", body, 422)


async def test_find_automations_by_filters(api: httpx.AsyncClient) -> None:
    for name, tags in (("b", ["x", "y"]), ("c", ["x"]), ("a", [])):
        await automation(api, name, tags=tags)

    async def names(criteria: Any = None, **more: Any) -> list[str]:
        found = await call_route(api, "POST", "/automations/filter", {"automations": criteria, **more})
        if not more:
            assert await call_route(api, "POST", "/automations/count", {"automations": criteria}) == len(found)
        return [row["name"] for row in found]

    assert await names() == ["a", "b", "c"]
    assert await names(sort="CREATED_DESC", limit=2) == ["a", "c"]
    assert await names({"name": {"any_": ["c", "a"]}}) == ["a", "c"]
    assert await names({"tags": {"all_": ["x", "y"]}}) == ["b"]
    assert await names({"tags": {"any_": ["y", "z"]}}) == ["b"]
    assert await names({"tags": {"is_null_": True}}) == ["a"]
    assert await names({"created": {"before_": "2020-01-01T00:00:00Z"}}) == []
    await call_route(api, "POST", "/automations/filter", {"automations": {"unknown": {}}}, 422)


async def test_automation_change_and_removal_emit_events(api: httpx.AsyncClient) -> None:
    made = await automation(api, tags=["t"])
    await call_route(api, "PATCH", "/automations/{id}", {"enabled": False}, 204, id=made["id"])
    await call_route(api, "PATCH", "/automations/{id}", {}, 204, id=made["id"])
    patched = await call_route(api, "GET", "/automations/{id}", id=made["id"])
    assert {**patched, "updated": None} == {**made, "enabled": False, "updated": None}
    body = {"name": "b", "trigger": TRIGGER, "actions": [{"type": "cancel-flow-run"}]}
    await call_route(api, "PUT", "/automations/{id}", body, 204, id=made["id"])
    replaced = await call_route(api, "GET", "/automations/{id}", id=made["id"])
    assert (replaced["name"], replaced["tags"], replaced["enabled"]) == ("b", [], True)
    await call_route(api, "PATCH", "/automations/{id}", {"name": "c"}, 422, id=made["id"])
    await call_route(api, "PUT", "/automations/{id}", {"name": "c"}, 422, id=made["id"])
    await call_route(api, "DELETE", "/automations/{id}", None, 204, id=made["id"])
    for method, sent in (("GET", None), ("PATCH", {}), ("PUT", body), ("DELETE", None)):
        refused = await call_route(api, method, "/automations/{id}", sent, 404, id=made["id"])
        assert list(refused) == ["exception_message"]
    emitted = await find_events(api, *(f"prefect.automation.{what}" for what in ("created", "updated", "deleted")))
    assert [event["event"].rpartition(".")[2] for event in emitted] == ["created", *["updated"] * 3, "deleted"]
    assert emitted[0]["payload"] == made
    assert emitted[-1]["payload"] == replaced


async def test_find_related_automations_by_owner_and_action(api: httpx.AsyncClient) -> None:
    owned = await automation(api, "owned", owner_resource="my.owner")
    acting = await automation(api, "acting", actions_on_trigger=[RUN])
    related, owner = "/automations/related-to/{resource_id}", "/automations/owned-by/{resource_id}"
    resource = f"prefect.deployment.{UNKNOWN_ID}"
    assert await call_route(api, "GET", related, resource_id="my.owner") == [owned]
    assert await call_route(api, "GET", related, resource_id=resource) == [acting]
    assert await call_route(api, "GET", related, resource_id="nothing") == []
    body = {"name": "renamed", "trigger": TRIGGER, "actions": []}
    for made in (owned, acting):
        await call_route(api, "PUT", "/automations/{id}", body, 204, id=made["id"])
    assert await call_route(api, "GET", related, resource_id=resource) == []
    await call_route(api, "DELETE", owner, None, 202, resource_id=resource)
    await call_route(api, "DELETE", owner, None, 202, resource_id="my.owner")
    assert [row["id"] for row in await call_route(api, "POST", "/automations/filter", {})] == [acting["id"]]


async def test_action_templates_are_validated(api: httpx.AsyncClient) -> None:
    for route in ("/automations/templates/validate", "/templates/validate"):
        for template in (None, "", "hello {{ flow.name }}", "{% for x in y %}{{ x }}{% endfor %}"):
            await call_route(api, "POST", route, template, 204)
        wrong = await call_route(api, "POST", route, "fine\n{{ x ", 422)
        assert (wrong["error"]["line"], wrong["error"]["source"]) == (2, "fine\n{{ x ")
        assert "end of print statement" in wrong["error"]["message"]
        await call_route(api, "POST", route, "{% for a in b %}" * 3 + "{% endfor %}" * 3, 422)
        await call_route(api, "POST", route, 5, 422)
