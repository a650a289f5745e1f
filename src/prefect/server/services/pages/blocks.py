"""Block types for the web page: a catalogue, and what a form for a block of a type needs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.catalog import block_types
from prefect.server.store import Row
from prefect.server.store.queries import catalog_pages as queries


class BlockTypeRow(TypedDict):
    """A block type in the catalogue.

    Attributes:
        blocks: How many named blocks of it there are.
        capabilities: What blocks of it can do.
    """

    id: UUID
    slug: str
    name: str
    description: str | None
    documentation_url: str | None
    code_example: str | None
    blocks: int
    capabilities: list[str]


class BlockTypesPage(TypedDict):
    """The catalogue of block types."""

    rows: list[BlockTypeRow]


class BlockTypePage(TypedDict):
    """A block type with its latest schema; without one there can be no blocks of it."""

    type: BlockTypeRow
    schema_id: UUID | None
    form: dict[str, Any]


async def build_block_types_page(tx: Transaction) -> BlockTypesPage:
    """Return the catalogue of block types, by name."""
    types = await store.block_types.find(tx, {}, store.block_types.order("name", "id"))
    columns = ["id", "created", "block_type_id", "capabilities"]
    schemas = await store.block_schemas.find(tx, {}, store.block_schemas.order("created", "id"), columns=columns)
    latest = {schema["block_type_id"]: schema for schema in schemas}
    counts = await queries.count_blocks_by_type(tx)
    return {"rows": [_present_type(row, latest.get(row["id"]), counts.get(row["id"], 0)) for row in types]}


async def build_block_type_page(tx: Transaction, slug: str) -> BlockTypePage:
    """Return a block type and its latest schema.

    Raises:
        NotFound: It does not exist.
    """
    row = await block_types.get(tx, slug)
    order = store.block_schemas.order("-created", "-id")
    schemas = await store.block_schemas.find(tx, {"block_type_id": row["id"]}, order, 1)
    schema = schemas[0] if schemas else None
    counts = await queries.count_blocks_by_type(tx)
    return {
        "type": _present_type(row, schema, counts.get(row["id"], 0)),
        "schema_id": schema["id"] if schema else None,
        "form": schema["fields"] if schema else {},
    }


def _present_type(row: Row, schema: Row | None, blocks: int) -> BlockTypeRow:
    return {
        "id": row["id"],
        "slug": row["slug"],
        "name": row["name"],
        "description": row["description"],
        "documentation_url": row["documentation_url"],
        "code_example": row["code_example"],
        "blocks": blocks,
        "capabilities": list(schema["capabilities"] or []) if schema else [],
    }
