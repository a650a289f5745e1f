"""What concerns the server as a whole: where results are stored when nobody says."""

from __future__ import annotations

from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import one_of
from prefect.server.services.core.errors import InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer

_STORAGE = "default_result_storage"

_NEEDED = frozenset(("read-path", "write-path"))
"""What a block must be able to do to store results."""


async def get_default_storage(tx: Transaction) -> Answer:
    """The block that stores results where nothing else is said."""
    row = await store.meta.get(tx, _STORAGE)
    return {"default_result_storage_block_id": UUID(row["value"]) if row else None}


async def set_default_storage(tx: Transaction, block_id: UUID) -> Answer:
    """Have a block store results where nothing else is said.

    Raises:
        Missing: There is no such block.
        Invalid: It cannot store anything.
    """
    document = await store.block_documents.get(tx, block_id)
    if document is None:
        raise NotFound("block document", block_id)
    schema = await store.block_schemas.get(tx, document["block_schema_id"])
    if schema is None or not _NEEDED.issubset(schema["capabilities"]):
        raise InvalidRequest(
            f"The block {document['name']!r} cannot store results: take one that reads and writes paths."
        )
    await store.meta.put(tx, {"key": _STORAGE, "value": str(block_id)})
    return {"default_result_storage_block_id": block_id}


async def clear_default_storage(tx: Transaction) -> None:
    """Have results stored where the client's settings say."""
    await store.meta.remove(tx, one_of("key", [_STORAGE]))
