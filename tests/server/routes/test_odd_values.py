"""Values that no client should send: whatever comes, the server answers, and never with an error of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server.route_calls import UNKNOWN_ID

DEEP: Any = []
for _ in range(99):
    DEEP = [DEEP]

VALUES = [2**63, -(2**63) - 1, 1e308, -1, 0, True, None, "", "\0", "a\0b", "%_\\", "x" * 6000, [], {}, DEEP]

TRIGGER = {"type": "event", "posture": "Reactive"}


def requests(value: Any, number: int) -> Iterator[tuple[str, str, Any]]:
    """Requests that have the value wherever there is room for one."""
    text = value if isinstance(value, str) else None
    for name, body in (
        ("variables", {"name": f"v{number}", "value": value}),
        ("variables", {"name": value, "value": 1, "tags": [value]}),
        ("variables", {"name": f"t{number}", "value": 1, "tags": [value]}),
        ("v2/concurrency_limits", {"name": f"l{number}", "limit": value}),
        ("v2/concurrency_limits", {"name": value, "limit": 1, "denied_slots": value}),
        ("v2/concurrency_limits", {"name": f"d{number}", "limit": 1, "slot_decay_per_second": value}),
        ("v2/concurrency_limits", {"name": f"a{number}", "limit": 1, "active_slots": value}),
        ("concurrency_limits", {"tag": value, "concurrency_limit": 1}),
        ("concurrency_limits", {"tag": "tag", "concurrency_limit": value}),
        ("artifacts", {"data": value, "description": text, "type": text}),
        ("artifacts", {"key": value, "metadata_": {"a": value}}),
        ("automations", {"name": value, "trigger": {**TRIGGER, "within": value}, "actions": []}),
        (
            "automations",
            {"name": "a", "trigger": {**TRIGGER, "match": {"x": value}, "threshold": value}, "actions": []},
        ),
        ("automations", {"name": "a", "trigger": TRIGGER, "actions": value, "description": text or ""}),
        ("block_types", {"name": value, "slug": value, "description": text}),
        ("block_schemas", {"block_type_id": UNKNOWN_ID, "fields": value}),
        ("block_documents", {"name": value, "data": value, "block_schema_id": UNKNOWN_ID, "block_type_id": UNKNOWN_ID}),
    ):
        yield "POST", f"/{name}/", body
    searched = {"object": "o", "property": "p", "type": "t", "operation": "o", "value": value}
    yield "PUT", "/saved_searches/", {"name": f"s{number}", "filters": [searched]}
    yield "PUT", "/saved_searches/", {"name": value, "filters": value}
    for change in ("limit", "active_slots", "slot_decay_per_second", "active", "name"):
        yield "PATCH", f"/v2/concurrency_limits/l{number}", {change: value}
    for what in ("increment", "decrement"):
        yield "POST", f"/v2/concurrency_limits/{what}", {"names": [f"l{number}", f"d{number}"], "slots": 1}
        yield "POST", f"/v2/concurrency_limits/{what}", {"names": [value], "slots": value, "occupancy_seconds": value}
        yield "POST", f"/concurrency_limits/{what}", {"names": [value, "tag"], "task_run_id": UNKNOWN_ID}
    for name, criteria in (
        ("variables", {"name": {"like_": value}}),
        ("variables", {"name": {"any_": [value]}, "tags": {"all_": [value]}}),
        ("artifacts", {"key": {"like_": value, "any_": [value]}}),
        ("automations", {"tags": {"any_": [value]}, "name": {"any_": [value]}}),
        ("block_types", {"name": {"like_": value}}),
        ("block_schemas", {"block_capabilities": {"all_": [value]}}),
        ("block_documents", {"name": {"like_": value}}),
    ):
        yield "POST", f"/{name}/filter", {name: criteria}
        yield "POST", f"/{name}/filter", {"limit": value}
        yield "POST", f"/{name}/filter", {"offset": value}
        yield "POST", f"/{name}/filter", {}
    for form in (
        {"schema": {"properties": {"a": value}}, "values": {"a": value}},
        {"schema": {"properties": {"a": {"enum": [value], "pattern": "(("}}}, "values": {"a": "x"}},
        *(
            {"schema": {}, "values": {"a": {"__prefect_kind": kind, "value": value, "template": value}}}
            for kind in ("json", "jinja", "workspace_variable", "none", value)
        ),
    ):
        yield "POST", "/ui/schemas/validate", form
    yield "POST", "/automations/templates/validate", value


async def test_odd_values_never_cause_a_server_error(api: httpx.AsyncClient) -> None:
    for number, value in enumerate(VALUES):
        for method, path, body in requests(value, number):
            response = await api.request(method, path, json=body)
            assert response.status_code < 500, f"{method} {path} {str(body)[:200]}: {response.text[:200]}"


async def test_odd_secrets_and_references_never_cause_a_server_error(api: httpx.AsyncClient) -> None:
    made = (await api.post("/block_types/", json={"name": "t", "slug": "t"})).json()["id"]
    for number, value in enumerate(VALUES):
        fields = {"secret_fields": ["a", "b.c.d", "*", "a.*.b", ""], "properties": value, "definitions": value}
        for described in (fields, {"secret_fields": value}, {"secret_fields": [value]}, {**fields, "definitions": {}}):
            body = {"block_type_id": made, "fields": {"title": number, **described}}
            schema = await api.post("/block_schemas/", json=body)
            assert schema.status_code < 500, f"{body}: {schema.text[:200]}"
        for data in ({"a": value, "b": {"c": value}, "*": 1, "": value}, {"a": {"$ref": value}}, {"$ref": value}):
            body = {"block_type_id": made, "name": f"d{number}", "data": data}
            response = await api.post("/block_documents/", json={**body, "block_schema_id": schema.json().get("id")})
            assert response.status_code < 500, f"{body}: {response.text[:200]}"
            if response.status_code == 201:
                path = f"/block_documents/{response.json()['id']}"
                for change in (data, value, {"a": value}):
                    assert (await api.patch(path, json={"data": change})).status_code < 500
                assert (await api.get(path)).status_code == 200
                await api.delete(path)


@pytest.mark.parametrize(("depth", "status"), [(99, 201), (100, 422)])
async def test_deeply_nested_body_is_refused(api: httpx.AsyncClient, depth: int, status: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    response = await api.post("/variables/", json={"name": "deep", "value": value})
    assert response.status_code == status, response.text
    if status == 422:
        assert "nested" in response.json()["exception_detail"][0]["ctx"]["error"]


async def test_filter_with_very_many_values_succeeds(api: httpx.AsyncClient) -> None:
    names = [f"n{number}" for number in range(40_000)]
    for path, body in (
        ("/variables/filter", {"variables": {"name": {"any_": names}}}),
        ("/variables/filter", {"variables": {"tags": {"all_": names}}}),
        ("/automations/filter", {"automations": {"tags": {"any_": names}}}),
        ("/block_schemas/filter", {"block_schemas": {"block_capabilities": {"all_": names}}}),
        ("/v2/concurrency_limits/increment", {"names": names, "slots": 1}),
        ("/concurrency_limits/increment", {"names": names, "task_run_id": UNKNOWN_ID}),
    ):
        response = await api.post(path, json=body)
        assert (response.status_code, response.json()) == (200, []), f"{path}: {response.text[:200]}"
