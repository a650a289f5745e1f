"""Variables, saved searches and artifacts over the API, on both databases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import orjson
import pytest

from tests.server.route_calls import UNKNOWN_ID, call_route, find_events


async def variable(api: httpx.AsyncClient, name: str, value: Any = 1, **more: Any) -> Any:
    return await call_route(api, "POST", "/variables/", {"name": name, "value": value, **more}, 201)


@pytest.mark.parametrize("value", ["text", 1, 1.5, True, None, [1, None], {"a": {"b": [1, None]}}])
async def test_variable_holds_any_json(api: httpx.AsyncClient, value: Any) -> None:
    made = await variable(api, "v", value)
    assert await call_route(api, "GET", "/variables/name/{name}", name="v") == made
    assert await call_route(api, "GET", "/variables/{id}", id=made["id"]) == made
    assert made["value"] == value and made["tags"] == []


async def test_find_variables_by_name_and_tags(api: httpx.AsyncClient) -> None:
    for name, tags in (("blue-1", ["x", "y"]), ("blue_2", ["x"]), ("red", [])):
        await variable(api, name, tags=tags)

    async def names(criteria: Any, **more: Any) -> list[str]:
        body = {"variables": criteria, **more}
        found = [row["name"] for row in await call_route(api, "POST", "/variables/filter", body)]
        if not more:
            assert await call_route(api, "POST", "/variables/count", {"variables": criteria}) == len(found)
        return found

    assert await names(None) == ["blue-1", "blue_2", "red"]
    assert await names({"name": {"like_": "BLUE"}}) == ["blue-1", "blue_2"]
    assert await names({"name": {"any_": ["red", "blue-1"]}}, sort="NAME_DESC") == ["red", "blue-1"]
    assert await names({"tags": {"all_": ["x", "y"]}}) == ["blue-1"]
    assert await names({"tags": {"is_null_": True}}) == ["red"]
    assert await names({"name": {"any_": ["red"]}, "tags": {"all_": ["y"]}, "operator": "or_"}) == ["blue-1", "red"]
    assert await names(None, sort="CREATED_DESC", limit=1, offset=1) == ["blue_2"]
    assert await names(None, limit=0) == []


async def test_invalid_variables_are_refused(api: httpx.AsyncClient) -> None:
    await variable(api, "one")
    await variable(api, "other")
    await call_route(api, "POST", "/variables/", {"name": "one", "value": 2}, 409)
    for body in (
        {"name": "One", "value": 1},
        {"name": "a/b", "value": 1},
        {"name": "n" * 256, "value": 1},
        {"name": "two"},
        {"name": "two", "value": "x" * 5001},
        {"name": "two", "value": 1, "tags": None},
        {"name": "two", "value": 1, "unknown": 1},
    ):
        await call_route(api, "POST", "/variables/", body, 422)
    for body in (
        {"limit": -1},
        {"limit": 201},
        {"offset": -1},
        {"sort": "X"},
        {"variables": {"value": {"any_": ["x"]}}},
    ):
        await call_route(api, "POST", "/variables/filter", body, 422)
    for body in ({"name": "other"}, {"name": None}, {"tags": None}):
        await call_route(api, "PATCH", "/variables/name/{name}", body, 409, name="one")
    for method, body in (("GET", None), ("PATCH", {"value": 1}), ("DELETE", None)):
        await call_route(api, method, "/variables/{id}", body, 404, id=UNKNOWN_ID)
        await call_route(api, method, "/variables/name/{name}", body, 404, name="nobody")


async def test_variable_change_and_removal_emit_events(api: httpx.AsyncClient) -> None:
    made = await variable(api, "v", 1, tags=["t"])
    await call_route(api, "PATCH", "/variables/name/{name}", {"value": None, "name": "w"}, 204, name="v")
    await call_route(api, "PATCH", "/variables/{id}", {}, 204, id=made["id"])
    now = await call_route(api, "GET", "/variables/{id}", id=made["id"])
    assert (now["name"], now["value"], now["tags"]) == ("w", None, ["t"])
    assert datetime.fromisoformat(now["updated"]) > datetime.fromisoformat(made["updated"])
    await call_route(api, "DELETE", "/variables/name/{name}", None, 204, name="w")
    emitted = await find_events(api, *(f"prefect.variable.{what}" for what in ("created", "updated", "deleted")))
    assert [event["event"].rpartition(".")[2] for event in emitted] == ["created", "updated", "updated", "deleted"]
    assert emitted[1]["payload"] == {"name": "w", "value": None, "tags": ["t"]}
    assert emitted[0]["resource"] == {
        "prefect.resource.id": f"prefect.variable.{made['id']}",
        "prefect.resource.name": "v",
    }


# --- saved searches --------------------------------------------------------------------------------------------------


async def test_saved_search_is_replaced_by_name(api: httpx.AsyncClient) -> None:
    criteria = {"object": "flow", "property": "name", "type": "string", "operation": "equals", "value": "x"}
    first = await call_route(api, "PUT", "/saved_searches/", {"name": "s", "filters": [criteria]}, 201)
    await call_route(api, "PUT", "/saved_searches/", {"name": "a"}, 201)
    again = await call_route(api, "PUT", "/saved_searches/", {"name": "s", "filters": []})
    assert (again["id"], again["filters"]) == (first["id"], [])
    found = await call_route(api, "POST", "/saved_searches/filter", {})
    assert [search["name"] for search in found] == ["a", "s"]
    assert (await call_route(api, "POST", "/saved_searches/filter", {"limit": 1, "offset": 1}))[0] == again
    await call_route(api, "PUT", "/saved_searches/", {"name": "s", "filters": [{"object": "flow"}]}, 422)
    assert await call_route(api, "GET", "/saved_searches/{id}", id=first["id"]) == again
    await call_route(api, "DELETE", "/saved_searches/{id}", None, 204, id=first["id"])
    for method in ("GET", "DELETE"):
        await call_route(api, method, "/saved_searches/{id}", None, 404, id=first["id"])


# --- artifacts -------------------------------------------------------------------------------------------------------


async def artifact(api: httpx.AsyncClient, **values: Any) -> Any:
    return await call_route(api, "POST", "/artifacts/", values, 201)


async def test_latest_artifact_of_a_key_is_its_collection(api: httpx.AsyncClient) -> None:
    await artifact(api, key="k", type="markdown", data="old", description="d", metadata_={"a": "b"})
    newest = await artifact(api, key="k", type="table", data=[{"a": 1}])
    await artifact(api, data={"no": "key"})
    assert await call_route(api, "GET", "/artifacts/{key}/latest", key="k") == newest
    assert await call_route(api, "POST", "/artifacts/count", {}) == 3
    (collection,) = await call_route(api, "POST", "/artifacts/latest/filter", {})
    assert collection == {**newest, "id": collection["id"], "latest_id": newest["id"]}
    assert (
        await call_route(api, "POST", "/artifacts/latest/count", {"artifacts": {"type": {"any_": ["markdown"]}}}) == 0
    )
    assert await call_route(api, "POST", "/artifacts/latest/count", {"artifacts": {"key": {"any_": ["k"]}}}) == 1


async def test_find_artifacts_by_filters(api: httpx.AsyncClient) -> None:
    flow = await call_route(api, "POST", "/flows/", {"name": "f"}, 201)
    run = await call_route(api, "POST", "/flow_runs/", {"flow_id": flow["id"], "name": "r"}, 201)
    await artifact(api, key="a-1", type="table", flow_run_id=run["id"])
    await artifact(api, key="b-1", type="result")
    await artifact(api, key=None)

    async def keys(**body: Any) -> list[str | None]:
        found = [row["key"] for row in await call_route(api, "POST", "/artifacts/filter", {"sort": "KEY_ASC", **body})]
        assert await call_route(api, "POST", "/artifacts/count", body) == len(found)
        return found

    assert await keys(artifacts={"key": {"like_": "_-1"}}) == ["a-1", "b-1"]
    assert await keys(artifacts={"key": {"exists_": False}}) == [None]
    assert await keys(artifacts={"type": {"not_any_": ["table"]}}) == ["b-1"]
    assert await keys(artifacts={"flow_run_id": {"any_": [run["id"]]}}) == ["a-1"]
    assert await keys(flow_runs={"name": {"any_": ["r"]}}) == ["a-1"]
    assert await keys(flows={"name": {"any_": ["f"]}}) == ["a-1"]
    assert await keys(deployments={"name": {"any_": ["d"]}}) == []
    assert await keys(task_runs={"name": {"any_": ["t"]}}) == []


async def test_artifact_is_changed_and_removed(api: httpx.AsyncClient) -> None:
    first = await artifact(api, key="k", data=1)
    second = await artifact(api, key="k", data=2)
    await call_route(api, "PATCH", "/artifacts/{id}", {"data": {"x": 3}}, 204, id=second["id"])
    assert (await call_route(api, "GET", "/artifacts/{id}", id=second["id"]))["data"] == {"x": 3}
    await call_route(api, "DELETE", "/artifacts/{id}", None, 204, id=second["id"])
    assert (await call_route(api, "GET", "/artifacts/{key}/latest", key="k"))["id"] == first["id"]
    await call_route(api, "DELETE", "/artifacts/{id}", None, 204, id=first["id"])
    await call_route(api, "GET", "/artifacts/{key}/latest", None, 404, key="k")
    for method, body in (("GET", None), ("PATCH", {"data": 1}), ("DELETE", None)):
        await call_route(api, method, "/artifacts/{id}", body, 404, id=UNKNOWN_ID)
    await call_route(api, "POST", "/artifacts/", {"key": "K 1"}, 422)


async def test_artifact_collections_emit_events(api: httpx.AsyncClient) -> None:
    await artifact(api, data="without a key")
    first = await artifact(api, key="k", type="table", data=1, description="d", flow_run_id=UNKNOWN_ID)
    second = await artifact(api, key="k", data=2)
    for made in (second, first):
        await call_route(api, "DELETE", "/artifacts/{id}", None, 204, id=made["id"])
    emitted = await find_events(
        api, *(f"prefect.artifact-collection.{what}" for what in ("created", "updated", "deleted"))
    )
    assert [event["event"].rpartition(".")[2] for event in emitted] == ["created", "updated", "deleted"]
    assert emitted[0]["resource"]["prefect.resource.name"] == "k"
    assert emitted[0]["related"] == [
        {"prefect.resource.id": f"prefect.artifact.{first['id']}", "prefect.resource.role": "latest"},
        {"prefect.resource.id": f"prefect.flow-run.{UNKNOWN_ID}", "prefect.resource.role": "flow-run"},
    ]
    assert emitted[0]["payload"] == {"key": "k", "type": "table", "data": 1, "description": "d"}


async def test_journalled_artifacts_emit_their_events_once(api: httpx.AsyncClient) -> None:
    def record(number: int, key: str | None) -> dict[str, Any]:
        created = f"2026-01-01T00:00:0{number}.000000Z"
        id_ = UNKNOWN_ID[:-1] + str(number)
        return {"kind": "artifact", "id": id_, "key": key, "type": "table", "data": number, "created": created}

    lines = b"\n".join(orjson.dumps(record(number, key)) for number, key in ((1, "a"), (2, None), (3, "b"), (4, "a")))
    for _ in range(2):
        response = await api.post("/journal", content=lines)
        assert (response.status_code, response.json()) == (200, {"records": 4, "dead_lettered": 0})
    assert await call_route(api, "POST", "/artifacts/count", {}) == 4
    criteria = {"occurred": {"since": "2025-12-31T00:00:00Z"}, "event": {"prefix": ["prefect.artifact-collection."]}}
    emitted = (await call_route(api, "POST", "/events/filter", {"filter": {**criteria, "order": "ASC"}}))["events"]
    what = [(event["event"].rpartition(".")[2], event["payload"]["data"]) for event in emitted]
    assert what == [("created", 1), ("created", 3), ("updated", 4)]
