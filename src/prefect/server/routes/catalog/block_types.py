"""Block types, and the documents of a block type."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.wire import (
    BlockDocument,
    BlockSchemaFilter,
    BlockType,
    BlockTypeCreate,
    BlockTypeFilter,
    BlockTypeUpdate,
)
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, Routes, Rows
from prefect.server.services.catalog import block_documents, system_blocks
from prefect.server.services.catalog import block_types as service

routes = Routes("Block types", "/block_types")

_DOCUMENTS = ("Block types", "Block types", "Block documents")


@routes.writes("POST", "/", BlockType, 201)
async def create_block_type(tx: Transaction, block_type: BlockTypeCreate) -> Any:
    """Create a block type."""
    return await service.add(tx, block_type.model_dump())


routes.reads_by_key("/{id:uuid}", BlockType, "read_block_type_by_id", service.get, "Return a block type.")
routes.reads_by_key(
    "/slug/{slug}", BlockType, "read_block_type_by_slug", service.get, "Return a block type by its slug."
)


@routes.reads("POST", "/filter", list[BlockType])
async def read_block_types(
    tx: Transaction,
    rows: Rows,
    block_types: Body[BlockTypeFilter | None] = None,
    block_schemas: Body[BlockSchemaFilter | None] = None,
) -> Any:
    """Return the block types that match the filters, by name."""
    return await service.find(tx, *rows, block_types, block_schemas)


@routes.writes("PATCH", "/{id:uuid}")
async def update_block_type(tx: Transaction, block_type: BlockTypeUpdate, id: UUID) -> None:
    """Update the fields of a block type that are sent."""
    await service.change(tx, id, block_type.model_dump(exclude_unset=True))


@routes.writes("DELETE", "/{id:uuid}")
async def delete_block_type(tx: Transaction, id: UUID) -> None:
    """Delete a block type with its schemas and its documents; status 403 when it is protected."""
    await service.remove(tx, id)


@routes.reads("GET", "/slug/{slug}/block_documents", list[BlockDocument], tag=_DOCUMENTS)
async def read_block_documents_for_block_type(tx: Transaction, slug: str, include_secrets: bool = False) -> Any:
    """Return the named documents of a block type, by name."""
    return await block_documents.find_by_type(tx, slug, include_secrets)


@routes.reads("GET", "/slug/{slug}/block_documents/name/{block_document_name}", BlockDocument, tag=_DOCUMENTS)
async def read_block_document_by_name_for_block_type(
    tx: Transaction, slug: str, block_document_name: str, include_secrets: bool = False
) -> Any:
    """Return a document of a block type by its name."""
    return await block_documents.get_by_name(tx, slug, block_document_name, include_secrets)


@routes.writes("POST", "/install_system_block_types", Any)
async def install_system_block_types(tx: Transaction) -> None:
    """Create the block types that the server brings along, unless they exist."""
    await system_blocks.install_block_types(tx)
