"""Capabilities of blocks."""

from __future__ import annotations

from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Routes
from prefect.server.services.catalog import block_types

routes = Routes("Block capabilities", "/block_capabilities")


@routes.reads("GET", "/", list[str])
async def read_available_block_capabilities(tx: Transaction) -> Any:
    """Return the capabilities of all block types."""
    return await block_types.find_capabilities(tx)
