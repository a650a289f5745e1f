"""Block types, and the documents of one."""

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
from prefect.server.routes.operation import UNSET, Body, Limit, Offset, Routes
from prefect.server.services.catalog import block_documents, system_blocks
from prefect.server.services.catalog import block_types as service

routes = Routes("Block types", "/block_types")

_DOCUMENTS = {"tag": ("Block types", "Block types", "Block documents")}


@routes.writes("POST", "/", BlockType, 201)
async def create_block_type(tx: Transaction, block_type: BlockTypeCreate) -> Any:
    """Create a block type."""
    return await service.add(tx, block_type.model_dump())


@routes.reads("GET", "/{id:uuid}", BlockType)
async def read_block_type_by_id(tx: Transaction, id: UUID) -> Any:
    """A block type."""
    return await service.get(tx, id)


@routes.reads("GET", "/slug/{slug}", BlockType)
async def read_block_type_by_slug(tx: Transaction, slug: str) -> Any:
    """A block type by its slug."""
    return await service.get(tx, slug)


@routes.reads("POST", "/filter", list[BlockType])
async def read_block_types(
    tx: Transaction,
    limit: Limit = UNSET,
    block_types: Body[BlockTypeFilter | None] = None,
    block_schemas: Body[BlockSchemaFilter | None] = None,
    offset: Offset = 0,
) -> Any:
    """Block types by their names, of those that satisfy filters."""
    return await service.find(tx, limit, offset, block_types, block_schemas)


@routes.writes("PATCH", "/{id:uuid}")
async def update_block_type(tx: Transaction, block_type: BlockTypeUpdate, id: UUID) -> None:
    """Change what is given of a block type."""
    await service.change(tx, id, block_type.model_dump(exclude_unset=True))


@routes.writes("DELETE", "/{id:uuid}")
async def delete_block_type(tx: Transaction, id: UUID) -> None:
    """Delete a block type with its schemas and its documents; status 403 when it is protected."""
    await service.remove(tx, id)


@routes.reads("GET", "/slug/{slug}/block_documents", list[BlockDocument], **_DOCUMENTS)
async def read_block_documents_for_block_type(tx: Transaction, slug: str, include_secrets: bool = False) -> Any:
    """The documents of a block type by their names, apart from anonymous ones."""
    return await block_documents.find_by_type(tx, slug, include_secrets)


@routes.reads("GET", "/slug/{slug}/block_documents/name/{block_document_name}", BlockDocument, **_DOCUMENTS)
async def read_block_document_by_name_for_block_type(
    tx: Transaction, slug: str, block_document_name: str, include_secrets: bool = False
) -> Any:
    """A document of a block type by its name."""
    return await block_documents.get_by_name(tx, slug, block_document_name, include_secrets)


@routes.writes("POST", "/install_system_block_types", Any)
async def install_system_block_types(tx: Transaction) -> None:
    """Add the block types that come with the server, where they are missing."""
    await system_blocks.install_block_types(tx)
