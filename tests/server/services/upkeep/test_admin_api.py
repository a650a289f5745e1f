"""What concerns the server as a whole: its settings, CSRF tokens, forms and known packages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

import prefect
from prefect.server.app import Server
from prefect.server.db.interface import Database
from prefect.server.services.core import form_errors
from prefect.settings import get_current_settings, temporary_settings
from prefect.settings.models.root import Settings
from tests.server.route_calls import call_route

CSRF = "/csrf-token"


async def test_settings_response_has_no_secrets(api: httpx.AsyncClient) -> None:
    secrets: dict[Any, Any] = {
        "PREFECT_API_KEY": "hush-1",
        "PREFECT_SERVER_API_AUTH_STRING": "hush-2:x",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://app:${PREFECT_SERVER_DATABASE_PASSWORD}@127.0.0.1/x",
        "PREFECT_SERVER_DATABASE_PASSWORD": "hush-3",
    }
    with temporary_settings(secrets):
        response = await api.get("/admin/settings")
    assert response.status_code == 200 and "hush" not in response.text
    shown = response.json()
    assert set(shown) == set(Settings.model_fields)
    assert shown["server"]["api"]["default_limit"] == get_current_settings().server.api.default_limit
    assert await call_route(api, "GET", "/admin/version") == prefect.__version__


async def test_collections_list_known_packages(api: httpx.AsyncClient) -> None:
    workers = await call_route(api, "GET", "/collections/views/{view}", view="aggregate-worker-metadata")
    process = workers["prefect"]["process"]
    assert process["default_base_job_configuration"]["job_configuration"]["command"] == "{{ command }}"
    assert process["default_base_job_configuration"]["variables"]["type"] == "object"
    assert "kubernetes" in workers["prefect-kubernetes"]
    blocks = await call_route(api, "GET", "/collections/views/{view}", view="aggregate-block-metadata")
    assert "secret" in blocks["prefect"]["block_types"]
    assert await call_route(api, "GET", "/collections/views/{view}", view="aggregate-flow-metadata") == {}
    await call_route(api, "GET", "/collections/views/{view}", None, 404, view="nothing")


# --- CSRF ------------------------------------------------------------------------------------------------------------


async def test_csrf_token_is_refused_when_protection_is_off(api: httpx.AsyncClient) -> None:
    await call_route(api, "GET", CSRF, None, 422, {"client": "c"})


async def test_changing_requests_need_the_clients_csrf_token(database: Database) -> None:
    with temporary_settings({"PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true"}):
        server = Server(get_current_settings(), database, loops=False)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test/api") as api:
            await _try_tokens(api)


async def _try_tokens(api: httpx.AsyncClient) -> None:
    async def status(method: str, path: str, token: str | None = None, client: str | None = None) -> int:
        sent = {"prefect-csrf-token": token, "prefect-csrf-client": client}
        headers = {name.encode(): value.encode() for name, value in sent.items() if value is not None}
        return (await api.request(method, path, json={}, headers=headers)).status_code

    await call_route(api, "GET", CSRF, None, 422)
    first = await call_route(api, "GET", CSRF, None, 200, {"client": "c"})
    token = (await call_route(api, "GET", CSRF, None, 200, {"client": "c"}))["token"]
    other = (await call_route(api, "GET", CSRF, None, 200, {"client": "d"}))["token"]
    assert len({first["token"], token, other}) == 3
    assert await status("POST", "/variables/filter", token, "c") == 200
    assert await status("GET", "/variables/name/x") == 404
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert await status(method, "/variables/filter") == 403
        assert await status(method, "/nothing", token, "c") == 404
    for pair in ((token, None), (None, "c"), (token, "d"), (first["token"], "c"), ("x", "c"), ("é", "c")):
        assert await status("POST", "/variables/filter", *pair) == 403
    refused = await api.post("/variables/filter", headers={"prefect-csrf-token": "x", "prefect-csrf-client": "c"})
    assert "Invalid CSRF token" in refused.json()["detail"], "the words by which clients know that they need another"


async def test_csrf_token_expires(database: Database) -> None:
    changed: dict[Any, Any] = {
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CSRF_TOKEN_EXPIRATION": str(timedelta(0).total_seconds()),
    }
    with temporary_settings(changed):
        server = Server(get_current_settings(), database, loops=False)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test/api") as api:
            token = (await call_route(api, "GET", CSRF, None, 200, {"client": "c"}))["token"]
            headers = {"prefect-csrf-token": token, "prefect-csrf-client": "c"}
            assert (await api.post("/variables/filter", json={}, headers=headers)).status_code == 403


# --- forms -----------------------------------------------------------------------------------------------------------

INTEGER = {"a": {"type": "integer"}}


async def wrong(api: httpx.AsyncClient, values: Any, properties: Any = INTEGER, **more: Any) -> Any:
    schema = {"type": "object", "properties": properties, **more}
    answer = await call_route(api, "POST", "/ui/schemas/validate", {"schema": schema, "values": values})
    assert answer["valid"] is (not answer["errors"])
    return answer["errors"]


def at(place: str | int, *errors: Any) -> dict[str, Any]:
    return {"index" if isinstance(place, int) else "property": place, "errors": list(errors)}


async def test_form_errors_have_their_locations(api: httpx.AsyncClient) -> None:
    assert await wrong(api, {"a": 1}) == []
    assert await wrong(api, {"a": None}) == [], "what need not be sent may be null"
    not_integer = "'x' is not of type 'integer'"
    assert await wrong(api, {"a": "x"}) == [at("a", not_integer)]
    assert await wrong(api, {}, required=["a"]) == [at("a", "'a' is a required property")]
    items = {"a": {"type": "array", "items": {"type": "object", "properties": INTEGER, "required": ["a"]}}}
    errors = await wrong(api, {"a": [{"a": 1}, {}, {"a": "x"}]}, items)
    assert errors == [at("a", at(1, at("a", "'a' is a required property")), at(2, at("a", not_integer)))]
    unexpected = await wrong(api, {"q": 1}, additionalProperties=False)
    assert len(unexpected) == 1 and "'q' was unexpected" in unexpected[0]
    for schema in ({"type": "objectx"}, {"properties": {"a": {"$ref": "#/definitions/None"}}}):
        await call_route(api, "POST", "/ui/schemas/validate", {"schema": schema, "values": {"a": 1}}, 422)


async def test_form_values_are_hydrated_before_validation(api: httpx.AsyncClient) -> None:
    await call_route(api, "POST", "/variables/", {"name": "one", "value": 1}, 201)
    await call_route(api, "POST", "/variables/", {"name": "text", "value": "t"}, 201)

    def kind(name: str, **more: Any) -> dict[str, Any]:
        return {"a": {"__prefect_kind": name, **more}}

    for value in (
        kind("json", value="1"),
        kind("jinja", template="{{ x }}"),
        kind("workspace_variable", variable_name="one"),
        kind("none", value=1),
        kind("json"),
    ):
        assert await wrong(api, value) == [], value
    assert await wrong(api, kind("json"), required=["a"]) == [at("a", "'a' is a required property")]
    for value in (
        kind("json", value="1x"),
        kind("json", value='"1"'),
        kind("jinja", template="{{ x "),
        kind("workspace_variable", variable_name="two"),
        kind("workspace_variable", variable_name="text"),
    ):
        (error,) = await wrong(api, value)
        assert error["property"] == "a" and len(error["errors"]) == 1, value


def test_form_errors_of_the_whole_precede_others() -> None:
    errors = form_errors._build_tree([(("a", 0), "item"), ((), "whole"), (("a",), "property")])  # pyright: ignore[reportPrivateUsage]
    assert errors == ["whole", at("a", "property", at(0, "item"))]
