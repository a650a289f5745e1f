"""Install the block types included in the server, which are data: `blocks.json`.

Each has a schema with the checksum and the version by which clients ask for it. Users cannot delete the protected ones.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import orjson

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.catalog import block_types


def load_block_types() -> list[dict[str, Any]]:
    """Return the block types, each with its `block_schema`."""
    return orjson.loads(resources.files("prefect.server").joinpath("data/blocks.json").read_bytes())


async def install_block_types(tx: Transaction) -> None:
    """Add the block types and schemas that are missing; existing ones are left as they are."""
    known = load_block_types()
    await store.block_types.add(
        tx,
        [
            block_types.build_block_type({name: value for name, value in item.items() if name != "block_schema"})
            for item in known
        ],
    )
    slugs = {"slug": [item["slug"] for item in known]}
    ids = {row["slug"]: row["id"] for row in await store.block_types.find(tx, slugs, columns=["id", "slug"])}
    await store.block_schemas.add(
        tx,
        [
            block_types.build_block_schema({**item["block_schema"], "block_type_id": ids[item["slug"]]})
            for item in known
        ],
    )
