"""Endpoints of the web page's forms: what a form needs, in one answer. They are not part of the interface."""

from __future__ import annotations

from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import Routes
from prefect.server.services.pages import blocks

routes = Routes("Forms", "/ui/forms")

_PAGE: dict[str, Any] = {"documented": False, "etag": True}


@routes.reads("GET", "/block-types", blocks.BlockTypesPage, **_PAGE)
async def read_block_types_page(tx: Transaction) -> Any:
    """Return the catalogue of block types."""
    return await blocks.build_block_types_page(tx)


@routes.reads("GET", "/block-type/{slug}", blocks.BlockTypePage, **_PAGE)
async def read_block_type_page(tx: Transaction, slug: str) -> Any:
    """Return a block type with what a form for a block of it needs."""
    return await blocks.build_block_type_page(tx, slug)
