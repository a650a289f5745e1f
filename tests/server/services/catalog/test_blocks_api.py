"""Blocks over the API, on both databases: types, schemas, documents with their secrets and references."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from prefect.schemas.block_checksums import compute_checksum
from prefect.server import store
from prefect.server.db.interface import KEY_FILE, Database, Transaction
from prefect.server.services.catalog import secret_fields, system_blocks
from prefect.server.services.security import encryption
from prefect.server.services.upkeep import startup
from prefect.settings import get_current_settings, temporary_settings
from tests.server.route_calls import UNKNOWN_ID, call_route, find_events, is_id

DOCUMENT = "/block_documents/{id}"


async def kind(api: httpx.AsyncClient, slug: str, **fields: Any) -> tuple[str, str]:
    """A new block type with a schema: their ids."""
    made = await call_route(api, "POST", "/block_types/", {"name": slug.title(), "slug": slug}, 201)
    body = {"block_type_id": made["id"], "fields": {"title": slug, "type": "object", "properties": {}, **fields}}
    return made["id"], (await call_route(api, "POST", "/block_schemas/", body, 201))["id"]


async def document(
    api: httpx.AsyncClient,
    block_type: tuple[str, str],
    data: Any,
    name: str | None = "doc",
    status: int = 201,
    **more: Any,
) -> Any:
    body = {"name": name, "data": data, "block_type_id": block_type[0], "block_schema_id": block_type[1], **more}
    return await call_route(api, "POST", "/block_documents/", body, status)


async def get_data(api: httpx.AsyncClient, id_: str, secrets: bool = True) -> Any:
    query = {"include_secrets": str(secrets).lower()}
    return (await call_route(api, "GET", DOCUMENT, None, 200, query, id=id_))["data"]


def reference(made: Any) -> dict[str, Any]:
    return {"$ref": {"block_document_id": made["id"]}}


# --- types and schemas -----------------------------------------------------------------------------------------------


async def test_block_type_is_read_by_id_and_slug(api: httpx.AsyncClient) -> None:
    body = {"name": "My Thing", "slug": "my-thing", "logo_url": "http://a.b/l.png", "code_example": "x"}
    made = await call_route(api, "POST", "/block_types/", body, 201)
    assert not made["is_protected"]
    assert await call_route(api, "GET", "/block_types/{id}", id=made["id"]) == made
    assert await call_route(api, "GET", "/block_types/slug/{slug}", slug="my-thing") == made
    await call_route(api, "PATCH", "/block_types/{id}", {"description": "d"}, 204, id=made["id"])
    assert (await call_route(api, "GET", "/block_types/{id}", id=made["id"]))["description"] == "d"
    await call_route(api, "POST", "/block_types/", {"name": "Other", "slug": "my-thing"}, 409)
    for name in ("Prefect Thing", "prefect"):
        await call_route(api, "POST", "/block_types/", {"name": name, "slug": "p"}, 403)
    for wrong in ({"name": "a/b", "slug": "x"}, {"name": "", "slug": "x"}, {"name": "x", "slug": "Not A Slug"}):
        await call_route(api, "POST", "/block_types/", wrong, 422)
    await call_route(api, "DELETE", "/block_types/{id}", None, 204, id=made["id"])
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        await call_route(api, method, "/block_types/{id}", body, 404, id=made["id"])
    await call_route(api, "GET", "/block_types/slug/{slug}", None, 404, slug="my-thing")
    emitted = await find_events(api, *(f"prefect.block-type.{what}" for what in ("created", "updated", "deleted")))
    assert [event["event"].rpartition(".")[2] for event in emitted] == ["created", "updated", "deleted"]
    assert emitted[2]["payload"]["description"] == "d"


async def test_block_schema_is_identified_by_its_checksum(api: httpx.AsyncClient) -> None:
    block_type = await kind(api, "thing")
    fields = {"title": "T", "type": "object", "properties": {}, "secret_fields": ["a"]}
    body = {"block_type_id": block_type[0], "fields": fields, "capabilities": ["can"]}
    made = await call_route(api, "POST", "/block_schemas/", body, 201)
    assert made["block_type"]["slug"] == "thing" and made["version"] == "non-versioned"
    again = {**body, "capabilities": [], "fields": {**fields, "secret_fields": []}}
    assert await call_route(api, "POST", "/block_schemas/", again, 200) == made
    newer = await call_route(api, "POST", "/block_schemas/", {**body, "version": "2"}, 201)
    assert newer["checksum"] == made["checksum"]
    by_checksum = "/block_schemas/checksum/{checksum}"
    assert await call_route(api, "GET", by_checksum, checksum=made["checksum"]) == newer
    one = {"version": "non-versioned"}
    assert await call_route(api, "GET", by_checksum, None, 200, one, checksum=made["checksum"]) == made
    await call_route(api, "GET", by_checksum, None, 404, {"version": "9"}, checksum=made["checksum"])
    assert await call_route(api, "GET", "/block_schemas/{id}", id=made["id"]) == made
    criteria = {"block_schemas": {"block_capabilities": {"all_": ["can"]}}}
    assert [row["id"] for row in await call_route(api, "POST", "/block_schemas/filter", criteria)] == [
        newer["id"],
        made["id"],
    ]
    assert [row["slug"] for row in await call_route(api, "POST", "/block_types/filter", criteria)] == ["thing"]
    assert await call_route(api, "GET", "/block_capabilities/") == ["can"]
    await call_route(api, "POST", "/block_schemas/", {**body, "block_type_id": UNKNOWN_ID}, 404)
    await call_route(api, "DELETE", "/block_schemas/{id}", None, 204, id=made["id"])
    await call_route(api, "GET", "/block_schemas/{id}", None, 404, id=made["id"])


BASE = {"title": "Ck", "type": "object", "properties": {"a": {"type": "string"}}, "block_type_slug": "ck"}


def test_compute_checksum_matches_the_interface() -> None:
    assert compute_checksum(BASE) == "sha256:16b61b45072c8d5b2e6abccda336f9c270d1ec27ea639ebc338b615caa0a8a45"


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ({"secret_fields": ["a"]}, True),
        ({"definitions": {"Unused": {"type": "string"}}}, True),
        (
            {"definitions": {"Block": {"block_type_slug": "b"}}, "properties": {"a": {"$ref": "#/definitions/Block"}}},
            True,
        ),
        ({"definitions": {"Used": {"type": "string"}}, "properties": {"a": {"$ref": "#/definitions/Used"}}}, False),
        ({"description": "d"}, False),
    ],
)
def test_compute_checksum_disregards_secrets_and_unused_definitions(more: dict[str, Any], same: bool) -> None:
    fields = {**BASE, **more}
    without = {name: value for name, value in fields.items() if name in BASE}
    assert (compute_checksum(fields) == compute_checksum(without)) is same


async def test_compute_checksum_includes_nested_definitions() -> None:
    fields = {**BASE, "properties": {"a": {"$ref": "#/definitions/A"}}}
    needed = {"A": {"anyOf": [{"$ref": "#/definitions/B"}]}, "B": {"enum": [1]}}
    more = {**needed, "C": {"enum": [2]}}
    assert compute_checksum({**fields, "definitions": needed}) == compute_checksum({**fields, "definitions": more})


# --- the known types -------------------------------------------------------------------------------------------------


async def test_install_block_types_is_idempotent_and_protects_them(api: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert await call_route(api, "POST", "/block_types/install_system_block_types", {}) is None
    types = await call_route(api, "POST", "/block_types/filter", {})
    assert len(types) == len(system_blocks.load_block_types()) > 50
    assert {row["slug"] for row in types if row["is_protected"]} == {"local-file-system", "secret", "webhook"}
    secret = next(row for row in types if row["slug"] == "secret")
    criteria = {"block_schemas": {"block_type_id": {"any_": [secret["id"]]}}}
    (schema,) = await call_route(api, "POST", "/block_schemas/filter", criteria)
    assert schema["checksum"] == "sha256:c078ed9c1e813e224c0b353d7ad4564a11d51d3198d9ac0686478165a1911c78"
    await call_route(api, "DELETE", "/block_types/{id}", None, 403, id=secret["id"])
    await call_route(api, "DELETE", "/block_schemas/{id}", None, 403, id=schema["id"])
    made = await document(api, (secret["id"], schema["id"]), {"value": "hush"})
    assert made["data"] == {"value": "********"}
    await call_route(api, "PUT", "/admin/storage", {"default_result_storage_block_id": made["id"]}, 422)


async def test_default_storage_must_read_and_write_paths(api: httpx.AsyncClient) -> None:
    await call_route(api, "POST", "/block_types/install_system_block_types", {})
    files = await call_route(api, "GET", "/block_types/slug/{slug}", slug="local-file-system")
    criteria = {"block_schemas": {"block_type_id": {"any_": [files["id"]]}}}
    (schema,) = await call_route(api, "POST", "/block_schemas/filter", criteria)
    made = await document(api, (files["id"], schema["id"]), {"basepath": "/tmp"})
    chosen = {"default_result_storage_block_id": made["id"]}
    assert await call_route(api, "PUT", "/admin/storage", chosen) == chosen
    assert await call_route(api, "GET", "/admin/storage") == chosen
    await call_route(api, "DELETE", "/admin/storage", None, 204)
    assert await call_route(api, "GET", "/admin/storage") == {"default_result_storage_block_id": None}
    await call_route(api, "PUT", "/admin/storage", {"default_result_storage_block_id": UNKNOWN_ID}, 404)


# --- documents -------------------------------------------------------------------------------------------------------

SECRETS = ["token", "headers.*", "auth.password"]
DATA = {"token": "t", "headers": {"x": "1", "y": {"z": 2}}, "auth": {"user": "u", "password": "p"}, "open": 5}
SHOWN = {
    "token": "********",
    "headers": {"x": "********", "y": {"z": "********"}},
    "auth": {"user": "u", "password": "********"},
    "open": 5,
}


async def test_document_masks_secrets_unless_requested(api: httpx.AsyncClient) -> None:
    block_type = await kind(api, "thing", secret_fields=SECRETS)
    made = await document(api, block_type, DATA)
    assert made["data"] == SHOWN and made["block_type_name"] == "Thing"
    assert await call_route(api, "GET", DOCUMENT, id=made["id"]) == made
    assert await get_data(api, made["id"]) == DATA
    by_name = "/block_types/slug/{slug}/block_documents/name/{block_document_name}"
    assert await call_route(api, "GET", by_name, slug="thing", block_document_name="doc") == made
    shown = await call_route(
        api, "GET", by_name, None, 200, {"include_secrets": "true"}, slug="thing", block_document_name="doc"
    )
    assert shown["data"] == DATA
    of_type = "/block_types/slug/{slug}/block_documents"
    assert await call_route(api, "GET", of_type, slug="thing") == [made]
    assert (await call_route(api, "GET", of_type, None, 200, {"include_secrets": "true"}, slug="thing"))[0][
        "data"
    ] == DATA
    assert (await call_route(api, "POST", "/block_documents/filter", {"include_secrets": True}))[0]["data"] == DATA
    await call_route(api, "GET", of_type, None, 404, slug="nothing")
    for slug, name in (("thing", "other"), ("nothing", "doc")):
        await call_route(api, "GET", by_name, None, 404, slug=slug, block_document_name=name)


async def test_secrets_are_encrypted_in_the_database(api: httpx.AsyncClient, database: Database) -> None:
    made = await document(api, await kind(api, "thing"), {"a": "find-me"})

    async def texts(tx: Transaction) -> list[str]:
        return [row["data"] for row in await store.block_documents.find(tx)]

    assert all("find-me" not in text for text in await database.read(texts))
    assert await get_data(api, made["id"]) == {"a": "find-me"}


async def test_configured_key_reads_data_encrypted_before(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    block_type = await kind(api, "thing")
    before = await document(api, block_type, {"a": 1}, "before")
    monkeypatch.setenv(encryption.KEY_VARIABLE, Fernet.generate_key().decode())
    after = await document(api, block_type, {"a": 2}, "after")
    assert (await get_data(api, before["id"]), await get_data(api, after["id"])) == ({"a": 1}, {"a": 2})
    monkeypatch.setenv(encryption.KEY_VARIABLE, Fernet.generate_key().decode())
    assert await get_data(api, before["id"]) == {"a": 1}
    await call_route(api, "GET", DOCUMENT, None, 422, {"include_secrets": "true"}, id=after["id"])
    monkeypatch.setenv(encryption.KEY_VARIABLE, "no key")
    await call_route(api, "GET", DOCUMENT, None, 422, id=before["id"])


async def test_key_is_a_private_file_next_to_a_sqlite_database(
    api: httpx.AsyncClient, database: Database, tmp_path: Path
) -> None:
    made = await document(api, await kind(api, "thing"), {"a": 1})
    path = database.memory.get(KEY_FILE)
    if path is None:
        return  # PostgreSQL: every server finds the key in the database
    assert path == tmp_path / "encryption.key" and stat.S_IMODE(path.stat().st_mode) == 0o600
    key = path.read_bytes()
    assert key not in (tmp_path / "store.db").read_bytes() + (tmp_path / "store.db-wal").read_bytes()
    await document(api, await kind(api, "other"), {"a": 1})
    assert path.read_bytes() == key and [each.name for each in tmp_path.glob(".encryption*")] == []
    assert await get_data(api, made["id"]) == {"a": 1}


async def test_rotated_key_reads_what_the_one_before_encrypted(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    block_type = await kind(api, "thing")
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv(encryption.KEY_VARIABLE, old)
    before = await document(api, block_type, {"a": 1}, "before")
    monkeypatch.setenv(encryption.KEY_VARIABLE, f"{new}, {old}")
    after = await document(api, block_type, {"a": 2}, "after")
    assert await get_data(api, before["id"]) == {"a": 1}
    monkeypatch.setenv(encryption.KEY_VARIABLE, new)
    assert await get_data(api, after["id"]) == {"a": 2}


async def test_blocks_are_encrypted_anew_so_that_old_keys_can_be_dropped(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    block_type = await kind(api, "thing")
    lost, old, new = (Fernet.generate_key().decode() for _ in range(3))
    generated = await document(api, block_type, {"a": 1}, "generated")
    monkeypatch.setenv(encryption.KEY_VARIABLE, lost)
    gone = await document(api, block_type, {"a": 2}, "gone")
    monkeypatch.setenv(encryption.KEY_VARIABLE, old)
    before = await document(api, block_type, {"a": 3}, "before")
    monkeypatch.setenv(encryption.KEY_VARIABLE, f"{new}, {old}")
    assert await encryption.reencrypt_all(database) == (2, ["gone"])
    monkeypatch.setenv(encryption.KEY_VARIABLE, new)
    if path := database.memory.get(KEY_FILE):
        path.unlink()
    assert [await get_data(api, one["id"]) for one in (generated, before)] == [{"a": 1}, {"a": 3}]
    monkeypatch.setenv(encryption.KEY_VARIABLE, f"{new}, {lost}")
    assert await get_data(api, gone["id"]) == {"a": 2}
    assert await encryption.reencrypt_all(database) == (3, [])


async def test_block_whose_key_is_missing_is_named_and_can_be_listed_replaced_and_deleted(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    block_type = await kind(api, "thing", properties={"a": {"type": "string"}})
    monkeypatch.setenv(encryption.KEY_VARIABLE, Fernet.generate_key().decode())
    lost = await document(api, block_type, {"a": "1"}, "lost")
    gone = await document(api, block_type, {"a": "1"}, "gone")
    monkeypatch.setenv(encryption.KEY_VARIABLE, Fernet.generate_key().decode())
    await document(api, block_type, {"a": "2"}, "well")
    refused = await call_route(api, "GET", DOCUMENT, None, 422, {"include_secrets": "true"}, id=lost["id"])
    assert "'lost' cannot be read: it was encrypted with another key" in refused["detail"]
    listed = await call_route(api, "POST", "/block_documents/filter", {})
    assert {each["name"]: each["data"] for each in listed}["lost"] == {"a": "********"}
    await call_route(api, "PATCH", DOCUMENT, {"data": {"a": "3"}, "merge_existing_data": True}, 422, id=lost["id"])
    await call_route(api, "PATCH", DOCUMENT, {"data": {"a": "3"}, "merge_existing_data": False}, 204, id=lost["id"])
    assert await get_data(api, lost["id"]) == {"a": "3"}
    await call_route(api, "DELETE", DOCUMENT, None, 204, id=gone["id"])


async def test_document_fields_are_merged_or_replaced(api: httpx.AsyncClient) -> None:
    made = await document(api, await kind(api, "thing", secret_fields=SECRETS), DATA)

    async def change(status: int = 204, **body: Any) -> Any:
        await call_route(api, "PATCH", DOCUMENT, body, status, id=made["id"])
        return await get_data(api, made["id"])

    assert await change(data={"open": 6}) == {**DATA, "open": 6}
    assert await change(data=SHOWN) == DATA, "asterisks stand for the secrets that are there"
    assert await change(data={"token": "new"}) == {**DATA, "token": "new"}
    assert await change() == {**DATA, "token": "new"}
    assert await change(data={"token": "********", "x": 1}, merge_existing_data=False) == {"token": "new", "x": 1}


async def test_document_schema_must_be_of_its_type(api: httpx.AsyncClient) -> None:
    block_type, other = await kind(api, "thing"), await kind(api, "other")
    made = await document(api, block_type, {"a": "x"})
    body = {"block_type_id": block_type[0], "fields": {"title": "newer", "secret_fields": ["a"]}, "version": "2"}
    newer = await call_route(api, "POST", "/block_schemas/", body, 201)
    await call_route(api, "PATCH", DOCUMENT, {"block_schema_id": newer["id"]}, 204, id=made["id"])
    assert await get_data(api, made["id"], False) == {"a": "********"}
    await call_route(api, "PATCH", DOCUMENT, {"block_schema_id": other[1]}, 400, id=made["id"])
    await call_route(api, "PATCH", DOCUMENT, {"block_schema_id": UNKNOWN_ID}, 404, id=made["id"])


async def test_find_block_documents_by_filters(api: httpx.AsyncClient) -> None:
    first, second = await kind(api, "a-type"), await kind(api, "b-type")
    await document(api, second, {}, "a")
    await document(api, first, {}, "b")
    anonymous = await document(api, first, {}, None, is_anonymous=True)
    assert is_id(anonymous["name"].removeprefix("anonymous-"))

    async def names(**body: Any) -> list[str]:
        found = [row["name"] for row in await call_route(api, "POST", "/block_documents/filter", body)]
        if "sort" not in body and "limit" not in body:
            assert await call_route(api, "POST", "/block_documents/count", body) == len(found)
        return found

    assert await names() == ["a", "b"]
    assert await names(sort=None) == ["a", "b"]
    assert await names(sort="NAME_DESC", limit=1) == ["b"]
    assert await names(sort="BLOCK_TYPE_AND_NAME_ASC") == ["b", "a"]
    assert await names(block_documents={"is_anonymous": {"eq_": True}}) == [anonymous["name"]]
    assert await names(block_documents={"is_anonymous": None}) == ["a", anonymous["name"], "b"]
    assert await names(block_documents={"name": {"like_": "A"}}) == ["a"]
    assert await names(block_types={"slug": {"any_": ["a-type"]}}) == ["b"]
    assert await names(block_schemas={"id": {"any_": [second[1]]}}) == ["a"]


async def test_invalid_documents_are_refused(api: httpx.AsyncClient) -> None:
    block_type = await kind(api, "thing")
    await document(api, block_type, {})
    await document(api, block_type, {}, status=409)
    await document(api, block_type, {}, "Not A Name", 422)
    await document(api, block_type, {}, None, 422)
    await document(api, (block_type[0], UNKNOWN_ID), {}, "x", 409)
    await document(api, block_type, {"a": {"$ref": {"nothing": 1}}}, "x", 400)
    await document(api, block_type, {"a": {"$ref": "nothing"}}, "x", 400)
    await document(api, block_type, {"a": reference({"id": UNKNOWN_ID})}, "x", 409)
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        await call_route(api, method, DOCUMENT, body, 404, id=UNKNOWN_ID)


async def test_removing_a_type_or_schema_removes_its_documents(api: httpx.AsyncClient) -> None:
    block_type, other = await kind(api, "thing"), await kind(api, "other")
    made, lost = await document(api, block_type, {}), await document(api, other, {})
    await call_route(api, "DELETE", "/block_types/{id}", None, 204, id=block_type[0])
    await call_route(api, "GET", "/block_schemas/{id}", None, 404, id=block_type[1])
    await call_route(api, "DELETE", "/block_schemas/{id}", None, 204, id=other[1])
    for gone in (made, lost):
        await call_route(api, "GET", DOCUMENT, None, 404, id=gone["id"])


# --- references ------------------------------------------------------------------------------------------------------


async def test_document_includes_the_documents_it_refers_to(api: httpx.AsyncClient) -> None:
    block_type = await kind(api, "thing", secret_fields=["pw"])
    inner = await document(api, block_type, {"pw": "p", "n": 1}, "inner")
    middle = await document(api, block_type, {"inner": reference(inner), "pw": "m"}, "middle")
    outer = await document(api, block_type, {"middle": reference(middle), "own": 1}, "outer")
    hidden = {"pw": "********"}
    assert outer["data"] == {"own": 1, "middle": {**hidden, "inner": {**hidden, "n": 1}}}
    shown = outer["block_document_references"]["middle"]["block_document"]
    assert (shown["id"], shown["name"], shown["is_anonymous"]) == (middle["id"], "middle", False)
    assert shown["block_type"]["slug"] == "thing"
    assert shown["block_document_references"]["inner"]["block_document"]["id"] == inner["id"]
    everything = {"own": 1, "middle": {"pw": "m", "inner": {"pw": "p", "n": 1}}}
    assert await get_data(api, outer["id"]) == everything
    await call_route(api, "PATCH", DOCUMENT, {"data": {"own": 2}}, 204, id=outer["id"])
    assert await get_data(api, outer["id"]) == {**everything, "own": 2}
    await call_route(api, "PATCH", DOCUMENT, {"data": {"middle": {"pw": "********"}}}, 204, id=outer["id"])
    assert await get_data(api, outer["id"]) == {"own": 2, "middle": {"pw": "m"}}
    await call_route(api, "PATCH", DOCUMENT, {"data": {"middle": reference(middle)}}, 204, id=outer["id"])
    await call_route(api, "DELETE", DOCUMENT, None, 204, id=inner["id"])
    assert await get_data(api, outer["id"]) == {"own": 2, "middle": {"pw": "m"}}


async def test_cyclic_document_references_are_refused(api: httpx.AsyncClient) -> None:
    block_type = await kind(api, "thing")
    one = await document(api, block_type, {}, "one")
    two = await document(api, block_type, {"x": reference(one)}, "two")
    for held in (one, two):
        await call_route(api, "PATCH", DOCUMENT, {"data": {"x": reference(held)}}, 400, id=one["id"])
    left, right = await document(api, block_type, {}, "left"), await document(api, block_type, {}, "right")
    answers = await asyncio.gather(
        api.patch(f"/block_documents/{left['id']}", json={"data": {"x": reference(right)}}),
        api.patch(f"/block_documents/{right['id']}", json={"data": {"x": reference(left)}}),
    )
    assert sorted(answer.status_code for answer in answers) == [204, 400]


async def test_document_events_have_no_secrets(api: httpx.AsyncClient) -> None:
    block_type = await kind(api, "thing", secret_fields=["pw", "d.*"])
    inner = await document(api, block_type, {}, "inner")
    made = await document(api, block_type, {"pw": "p", "d": {"x": "y"}, "open": "o", "n": 1, "held": reference(inner)})
    await call_route(api, "PATCH", DOCUMENT, {"data": {"open": "changed"}}, 204, id=made["id"])
    await call_route(api, "DELETE", DOCUMENT, None, 204, id=made["id"])
    emitted = await find_events(api, *(f"prefect.block-document.{what}" for what in ("created", "updated", "deleted")))
    mine = [event for event in emitted if event["resource"]["prefect.resource.name"] == "doc"]
    assert [event["payload"]["data"] for event in mine] == [{"open": "o"}, {"open": "changed"}, {"open": "changed"}]
    assert mine[0]["payload"]["block_schema"] == {
        "capabilities": [],
        "block_type": {"id": block_type[0], "name": "Thing"},
    }
    assert [related["prefect.resource.role"] for related in mine[0]["related"]] == ["block-type", "block-schema"]


# --- hiding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path", "hidden"),
    [
        ("x", "v", "********"),
        ("", "v", "********"),
        (0, "v", "********"),
        (None, "v", None),
        ([1, {"a": 2}], "v", "********"),
        ({"a": 1, "b": {"c": None}}, "v", {"a": "********", "b": {"c": "********"}}),
        ({}, "v.*", "********"),
        ({"a": 1, "b": 2}, "v.a", {"a": "********", "b": 2}),
        ("text", "v.a", "text"),
        ({"a": {"b": 1, "c": 2}}, "v.a.b", {"a": {"b": "********", "c": 2}}),
        ([{"a": 1, "b": 2}, {"b": 3}], "v.a", [{"a": "********", "b": 2}, {"b": 3}]),
    ],
)
def test_restore_secrets_reverses_hide_secrets(value: Any, path: str, hidden: Any) -> None:
    data = {"v": value}
    shown = secret_fields.hide_secrets(data, [path])
    assert shown == {"v": hidden} and data == {"v": value}
    assert secret_fields.restore_secrets(shown, data, shown) == data


HIDDEN = "********"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ([("b", HIDDEN)], [("b", "2")]),
        ([("b", HIDDEN), ("a", HIDDEN)], [("b", "2"), ("a", "1")]),
        ([("b", HIDDEN), ("c", "3")], [("b", "2"), ("c", "3")]),
        ([("a", HIDDEN), ("b", HIDDEN), ("c", "3")], [("a", "1"), ("b", "2"), ("c", "3")]),
        ([("a", HIDDEN), ("renamed", HIDDEN)], [("a", "1"), ("renamed", "2")]),
        ([("a", HIDDEN), ("b", HIDDEN), ("c", HIDDEN)], None),
        ([("renamed", HIDDEN)], None),
        ([("a", HIDDEN), ("a", HIDDEN), ("b", HIDDEN)], None),
    ],
)
async def test_secrets_in_lists_stay_with_their_items(api: httpx.AsyncClient, sent: Any, stored: Any) -> None:
    block_type = await kind(api, "thing", secret_fields=["hosts.password"])

    def hosts(pairs: Any) -> Any:
        return {"hosts": [{"name": name, "password": password} for name, password in pairs]}

    made = await document(api, block_type, hosts([("a", "1"), ("b", "2")]))
    assert made["data"] == hosts([("a", HIDDEN), ("b", HIDDEN)])
    answer = await call_route(api, "PATCH", DOCUMENT, {"data": hosts(sent)}, 204 if stored else 422, id=made["id"])
    if not stored:
        assert "'hosts.password' of the block 'doc'" in answer["detail"] and "enter it again" in answer["detail"]
    assert await get_data(api, made["id"]) == hosts(stored or [("a", "1"), ("b", "2")])


@pytest.mark.parametrize("data", [{"pw": HIDDEN}, {"pw": ["x", HIDDEN]}, {"d": {"x": HIDDEN}}])
async def test_asterisks_that_stand_for_no_stored_secret_are_refused(api: httpx.AsyncClient, data: Any) -> None:
    block_type = await kind(api, "thing", secret_fields=["pw", "d.*"])
    made = await document(api, block_type, {"open": HIDDEN})
    await call_route(api, "PATCH", DOCUMENT, {"data": data}, 422, id=made["id"])
    assert await get_data(api, made["id"]) == {"open": HIDDEN}


@pytest.mark.parametrize("wanted", [True, False])
async def test_server_start_registers_block_types(api: httpx.AsyncClient, database: Database, wanted: bool) -> None:
    changed: dict[Any, Any] = {"PREFECT_SERVER_REGISTER_BLOCKS_ON_START": str(wanted).lower()}
    with temporary_settings(changed):
        await startup.prepare_store(database, get_current_settings())
    assert bool(await call_route(api, "POST", "/block_types/filter", {})) is wanted
