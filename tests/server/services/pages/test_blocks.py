"""The catalogue of block types, and what the form of a block needs."""

from __future__ import annotations

from tests.server.route_client import RouteClient

TYPE = "/ui/forms/block-type/{slug}"


async def test_catalogue_counts_named_blocks(call: RouteClient) -> None:
    await call("POST", "/block_types/install_system_block_types")
    page = await call("GET", TYPE, slug="secret")
    schema = {"block_type_id": page["type"]["id"], "block_schema_id": page["schema_id"]}
    for name in ("one", "two"):
        await call("POST", "/block_documents/", {"name": name, "data": {"value": "hidden-value"}, **schema})
    await call("POST", "/block_documents/", {"is_anonymous": True, "data": {"value": "x"}, **schema})
    rows = {row["slug"]: row for row in (await call("GET", "/ui/forms/block-types"))["rows"]}
    assert (rows["secret"]["blocks"], rows["slack-webhook"]["blocks"]) == (2, 0)
    assert rows["slack-webhook"]["capabilities"] == ["notify"]


async def test_form_is_the_latest_schema_of_the_type(call: RouteClient) -> None:
    type_id = (await call("POST", "/block_types/", {"name": "Own", "slug": "own"}))["id"]
    assert (await call("GET", TYPE, slug="own"))["schema_id"] is None
    for field in ("old", "new"):
        fields = {"type": "object", "properties": {field: {"type": "string"}}}
        await call("POST", "/block_schemas/", {"block_type_id": type_id, "fields": fields, "capabilities": []})
    assert list((await call("GET", TYPE, slug="own"))["form"]["properties"]) == ["new"]


async def test_form_of_an_unknown_type_is_not_found(call: RouteClient) -> None:
    await call("GET", TYPE, status=404, slug="none")
