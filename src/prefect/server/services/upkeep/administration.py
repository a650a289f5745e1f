"""Settings of the server as a whole: the block that stores results by default."""

from __future__ import annotations

from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer

_STORAGE_KEY = "default_result_storage"

_STORAGE_CAPABILITIES = frozenset(("read-path", "write-path"))


async def get_default_storage(tx: Transaction) -> Answer:
    """Return the block that stores results by default."""
    row = await store.meta.get(tx, _STORAGE_KEY)
    return {"default_result_storage_block_id": UUID(row["value"]) if row else None}


async def set_default_storage(tx: Transaction, block_id: UUID) -> Answer:
    """Set the block that stores results by default.

    Raises:
        NotFound: The block does not exist.
        InvalidRequest: The block cannot store results.
    """
    document = await store.block_documents.get(tx, block_id)
    if document is None:
        raise NotFound("block document", block_id)
    schema = await store.block_schemas.get(tx, document["block_schema_id"])
    if schema is None or not _STORAGE_CAPABILITIES.issubset(schema["capabilities"]):
        raise InvalidRequest(
            f"The block {document['name']!r} cannot store results: take one that reads and writes paths."
        )
    await store.meta.put(tx, {"key": _STORAGE_KEY, "value": str(block_id)})
    return {"default_result_storage_block_id": block_id}


async def clear_default_storage(tx: Transaction) -> None:
    """Unset the block that stores results by default, so that clients use their own settings."""
    await store.meta.remove(tx, {"key": _STORAGE_KEY})
