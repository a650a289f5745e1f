"""Assets and their graph, for the web page. They are not part of the interface."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Le

from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Routes
from prefect.server.services.catalog import assets

routes = Routes("Assets", "/ui/assets")

_PAGE: dict[str, Any] = {"documented": False, "etag": True}

Limit = Annotated[int, Ge(1), Le(200)]
Offset = Annotated[int, Ge(0), Le(1 << 31)]


@routes.reads("GET", "/", list[assets.AssetAnswer], **_PAGE)
async def read_assets(tx: Transaction, q: str = "", limit: Limit = 50, offset: Offset = 0) -> Any:
    """Return the assets whose key or name contains a text, each with its last materialization."""
    return await assets.find(tx, q, limit, offset)


@routes.reads("GET", "/one", assets.AssetWithNeighbors, **_PAGE)
async def read_asset(tx: Transaction, key: str) -> Any:
    """Return an asset with its last materialization, its sources and its targets."""
    return await assets.get(tx, key)


@routes.reads("GET", "/graph", assets.AssetGraph, **_PAGE)
async def read_asset_graph(tx: Transaction, key: str | None = None) -> Any:
    """Return the graph around an asset; without a key, of the assets that changed last."""
    return await assets.build_graph(tx, key)
