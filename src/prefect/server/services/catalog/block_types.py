"""Store and change block types and block schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect.schemas.block_checksums import compute_checksum
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, reading
from prefect.server.services.core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.store import Row, filters
from prefect.server.store.queries import catalog
from prefect.types import new_id, now

RESERVED_PREFIX = "prefect"
"""Names of block types that users create must not begin with it."""

PROTECTED_SLUGS = ("local-file-system", "secret", "webhook")
"""Block types that cannot be deleted."""


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create a block type.

    Raises:
        Forbidden: The name is reserved.
        Conflict: A block type has this slug.
    """
    if values["name"].lower().startswith(RESERVED_PREFIX):
        raise Forbidden("The names of block types that begin with 'Prefect' are reserved: take another.")
    row = build_block_type(values)
    if not await store.block_types.add(tx, [row]):
        raise Conflict(f"There is a block type {row['slug']!r} already.")
    await _emit_event(tx, "created", row)
    return row


def build_block_type(values: Mapping[str, Any]) -> Row:
    """Return the row of a new block type."""
    at = now()
    empty = dict.fromkeys(store.block_types.table.names)
    protected = values["slug"] in PROTECTED_SLUGS
    return {**empty, **values, "is_protected": protected, "id": new_id(), "created": at, "updated": at}


async def get(tx: Transaction, key: UUID | str) -> Answer:
    """Return a block type by its id or its slug.

    Raises:
        NotFound: It does not exist.
    """
    column = "id" if isinstance(key, UUID) else "slug"
    rows = await store.block_types.find(tx, {column: key})
    if not rows:
        raise NotFound("block type", key)
    return rows[0]


async def find(tx: Transaction, limit: int | None, offset: int, block_types: Any, block_schemas: Any) -> list[Answer]:
    """Return a page of the block types that match filters, by name."""
    where = filters.compile_filters(tx.dialect, "block_type", block_type=block_types, block_schema=block_schemas)
    return await paging.find_page(tx, store.block_types, "NAME_ASC", limit, offset, where)


async def change(tx: Transaction, id_: UUID, values: Mapping[str, Any]) -> None:
    """Set the fields of a block type that the request contains."""
    row = {**await get(tx, id_), **values, "updated": now()}
    await store.block_types.change(tx, [row], ["updated", *values])
    await _emit_event(tx, "updated", row)


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete a block type with its schemas and its documents.

    Raises:
        Forbidden: It is protected.
    """
    row = await get(tx, id_)
    if row["is_protected"]:
        # Published clients compare this text.
        raise Forbidden("protected block types cannot be deleted.")
    await store.block_documents.remove(tx, {"block_type_id": id_})
    await store.block_schemas.remove(tx, {"block_type_id": id_})
    await store.block_types.remove(tx, {"id": id_})
    await _emit_event(tx, "deleted", row)


async def _emit_event(tx: Transaction, change: str, row: Row) -> None:
    payload = {name: value for name, value in row.items() if name not in ("id", "created", "updated")}
    await emitting.emit_object_event(tx, "block-type", change, row, payload)


# --- schemas ---------------------------------------------------------------------------------------------------------


async def add_schema(tx: Transaction, values: Mapping[str, Any]) -> tuple[Answer, bool]:
    """Create a block schema; an existing one with the same fields and version stays unchanged.

    Returns:
        The schema, and whether it is new.

    Raises:
        InvalidRequest: The fields are described in a way that cannot be read.
    """
    block_type = await get(tx, values["block_type_id"])
    _check_fields(values["fields"])
    row = build_block_schema({**values, "checksum": compute_checksum(values["fields"])})
    if await store.block_schemas.add(tx, [row]):
        return {**row, "block_type": block_type}, True
    return await get_schema_by_checksum(tx, row["checksum"], row["version"]), False


def _check_fields(fields: Mapping[str, Any]) -> None:
    secrets = fields.get("secret_fields", [])
    if not (isinstance(secrets, list) and all(isinstance(path, str) for path in secrets)):
        raise InvalidRequest("The secret_fields of a block schema must be a list of texts.")
    if not isinstance(fields.get("definitions", {}), Mapping):
        raise InvalidRequest("The definitions of a block schema must be an object.")


def build_block_schema(values: Mapping[str, Any]) -> Row:
    """Return the row of a new block schema."""
    at = now()
    fields = {"block_schema_references": {}, **values["fields"]}
    return {**values, "fields": fields, "id": new_id(), "created": at, "updated": at}


async def get_schema(tx: Transaction, id_: UUID) -> Answer:
    """Return a block schema with its type.

    Raises:
        NotFound: It does not exist.
    """
    return (await attach_block_types(tx, [await reading.get_row(tx, store.block_schemas, id_)]))[0]


async def get_schema_by_checksum(tx: Transaction, checksum: str, version: str | None) -> Answer:
    """Return the block schema of a checksum, the newest one if `version` is None.

    Raises:
        NotFound: There is none.
    """
    where = {"checksum": checksum, **({} if version is None else {"version": version})}
    order = store.block_schemas.order("-created", "-id")
    rows = await store.block_schemas.find(tx, where, order, 1)
    if not rows:
        raise NotFound("block schema", checksum)
    return (await attach_block_types(tx, rows))[0]


async def find_schemas(tx: Transaction, limit: int | None, offset: int, block_schemas: Any) -> list[Answer]:
    """Return a page of the block schemas that match a filter, newest first."""
    where = filters.compile_filter(tx.dialect, block_schemas)
    return await attach_block_types(
        tx, await paging.find_page(tx, store.block_schemas, "CREATED_DESC", limit, offset, where)
    )


async def remove_schema(tx: Transaction, id_: UUID) -> None:
    """Delete a block schema with its documents.

    Raises:
        Forbidden: Its type is protected.
    """
    schema = await get_schema(tx, id_)
    if schema["block_type"] and schema["block_type"]["is_protected"]:
        raise Forbidden("The schemas of a protected block type cannot be deleted.")
    await store.block_documents.remove(tx, {"block_schema_id": id_})
    await store.block_schemas.remove(tx, {"id": id_})


async def attach_block_types(tx: Transaction, schemas: Sequence[Row]) -> list[Answer]:
    """Return block schemas with their types."""
    types = await store.block_types.get_many(tx, list({row["block_type_id"] for row in schemas}))
    return [{**row, "block_type": types.get(row["block_type_id"])} for row in schemas]


async def find_capabilities(tx: Transaction) -> list[str]:
    """Return the capabilities of all block schemas."""
    return sorted(await catalog.find_capabilities(tx))
