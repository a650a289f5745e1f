"""Saved searches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.wire import SavedSearch, SavedSearchCreate
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import Routes, Rows, StatusResponse
from prefect.server.services.catalog import saved_searches

routes = Routes("SavedSearches", "/saved_searches")


@routes.writes("PUT", "/", SavedSearch, 200)
async def create_saved_search(tx: Transaction, saved_search: SavedSearchCreate) -> Any:
    """Create a saved search, with status 201, or replace the one of the same name."""
    answer, created = await saved_searches.put(tx, saved_search.model_dump())
    return StatusResponse(201, answer) if created else answer


@routes.reads("GET", "/{id:uuid}", SavedSearch)
async def read_saved_search(tx: Transaction, id: UUID) -> Any:
    """Return a saved search."""
    return await saved_searches.get(tx, id)


@routes.reads("POST", "/filter", list[SavedSearch])
async def read_saved_searches(tx: Transaction, rows: Rows) -> Any:
    """Return saved searches, by name."""
    return await saved_searches.find(tx, *rows)


@routes.writes("DELETE", "/{id:uuid}")
async def delete_saved_search(tx: Transaction, id: UUID) -> None:
    """Delete a saved search."""
    await saved_searches.remove(tx, id)
