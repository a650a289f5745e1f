"""Saved searches."""

from __future__ import annotations

from typing import Any

from prefect.schemas.wire import SavedSearch, SavedSearchCreate
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Routes, Rows, StatusResponse
from prefect.server.services.catalog import saved_searches

routes = Routes("SavedSearches", "/saved_searches")


@routes.writes("PUT", "/", SavedSearch, 200)
async def create_saved_search(tx: Transaction, saved_search: SavedSearchCreate) -> Any:
    """Create a saved search, with status 201, or replace the one of the same name."""
    answer, created = await saved_searches.put(tx, saved_search.model_dump())
    return StatusResponse(201, answer) if created else answer


routes.reads_by_key("/{id:uuid}", SavedSearch, "read_saved_search", saved_searches.get, "Return a saved search.")


@routes.reads("POST", "/filter", list[SavedSearch])
async def read_saved_searches(tx: Transaction, rows: Rows) -> Any:
    """Return saved searches, by name."""
    return await saved_searches.find(tx, *rows)


routes.deletes_by_key("/{id:uuid}", "delete_saved_search", saved_searches.remove, "Delete a saved search.")
