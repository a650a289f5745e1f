"""The registry of collections: packages that extend this one."""

from __future__ import annotations

from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Routes
from prefect.server.services.catalog import collections

routes = Routes("Collections", "/collections")


@routes.reads("GET", "/views/{view}", dict[str, Any])
async def read_view_content(tx: Transaction, view: str) -> Any:
    """Return a view of the collections registry: worker types, blocks or flows of known packages."""
    return collections.get_view(view)
