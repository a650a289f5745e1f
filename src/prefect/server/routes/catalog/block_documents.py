"""Block documents."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.sorting import BlockDocumentSort
from prefect.schemas.wire import (
    BlockDocument,
    BlockDocumentCreate,
    BlockDocumentFilter,
    BlockDocumentUpdate,
    BlockSchemaFilter,
    BlockTypeFilter,
)
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, Routes, Rows
from prefect.server.services.catalog import block_documents as service

routes = Routes("Block documents", "/block_documents")


@routes.writes("POST", "/", BlockDocument, 201)
async def create_block_document(tx: Transaction, block_document: BlockDocumentCreate) -> Any:
    """Create a block document."""
    return await service.add(tx, block_document.model_dump())


@routes.reads("POST", "/filter", list[BlockDocument])
async def read_block_documents(
    tx: Transaction,
    rows: Rows,
    block_documents: Body[BlockDocumentFilter | None] = None,
    block_types: Body[BlockTypeFilter | None] = None,
    block_schemas: Body[BlockSchemaFilter | None] = None,
    include_secrets: Body[bool] = False,
    sort: Body[BlockDocumentSort | None] = BlockDocumentSort.NAME_ASC,
) -> Any:
    """Return the block documents that match the filters; without one for them, only named ones."""
    return await service.find(
        tx,
        sort,
        *rows,
        include_secrets,
        block_document=block_documents or BlockDocumentFilter(),
        block_type=block_types,
        block_schema=block_schemas,
    )


@routes.reads("POST", "/count", int)
async def count_block_documents(
    tx: Transaction,
    block_documents: Body[BlockDocumentFilter | None] = None,
    block_types: Body[BlockTypeFilter | None] = None,
    block_schemas: Body[BlockSchemaFilter | None] = None,
) -> Any:
    """Count the block documents that match the filters; without one for them, only named ones."""
    return await service.count(
        tx, block_document=block_documents or BlockDocumentFilter(), block_type=block_types, block_schema=block_schemas
    )


@routes.reads("GET", "/{id:uuid}", BlockDocument)
async def read_block_document_by_id(tx: Transaction, id: UUID, include_secrets: bool = False) -> Any:
    """Return a block document."""
    return await service.get(tx, id, include_secrets)


@routes.writes("PATCH", "/{id:uuid}")
async def update_block_document_data(tx: Transaction, block_document: BlockDocumentUpdate, id: UUID) -> None:
    """Update a block document's data: merge its fields, or replace all of them."""
    values = block_document.model_dump(exclude_unset=True)
    await service.change(tx, id, values.get("data"), values.get("block_schema_id"), block_document.merge_existing_data)


routes.deletes_by_key("/{id:uuid}", "delete_block_document", service.remove, "Delete a block document.")
