"""Block schemas."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.wire import BlockSchema, BlockSchemaCreate, BlockSchemaFilter
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, Routes, Rows, StatusResponse
from prefect.server.services.catalog import block_types

routes = Routes("Block schemas", "/block_schemas")


@routes.writes("POST", "/", BlockSchema, 201)
async def create_block_schema(tx: Transaction, block_schema: BlockSchemaCreate) -> Any:
    """Create a block schema; status 200 when one with the same fields and version exists."""
    answer, created = await block_types.add_schema(tx, block_schema.model_dump())
    return answer if created else StatusResponse(200, answer)


routes.reads_by_key(
    "/{id:uuid}", BlockSchema, "read_block_schema_by_id", block_types.get_schema, "Return a block schema."
)


@routes.reads("GET", "/checksum/{checksum}", BlockSchema)
async def read_block_schema_by_checksum(tx: Transaction, checksum: str, version: str | None = None) -> Any:
    """Return a block schema by its checksum: of a version, or the newest."""
    return await block_types.get_schema_by_checksum(tx, checksum, version)


@routes.reads("POST", "/filter", list[BlockSchema])
async def read_block_schemas(tx: Transaction, rows: Rows, block_schemas: Body[BlockSchemaFilter | None] = None) -> Any:
    """Return the block schemas that match a filter, newest first."""
    return await block_types.find_schemas(tx, *rows, block_schemas)


@routes.writes("DELETE", "/{id:uuid}")
async def delete_block_schema(tx: Transaction, id: UUID) -> None:
    """Delete a block schema with its documents; status 403 when its type is protected."""
    await block_types.remove_schema(tx, id)
