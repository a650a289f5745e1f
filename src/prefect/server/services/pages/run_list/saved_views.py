"""Saved views of the runs list: saved searches of the interface whose filters hold a query and an order."""

from __future__ import annotations

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages.core.shapes import SavedView

MAX_VIEWS = 100


async def find_views(tx: Transaction, kind: str) -> list[SavedView]:
    """Return the saved views of flow runs or of task runs, by name; searches of other programs have no query."""
    views: list[SavedView] = []
    for row in await store.saved_searches.find(tx, {}, store.saved_searches.order("name"), MAX_VIEWS):
        values = {each["property"]: each["value"] for each in row["filters"] if each["object"] == kind}
        query = values.get("query")
        if isinstance(query, str):
            sort = values.get("sort")
            view: SavedView = {"id": row["id"], "name": row["name"], "query": query, "sort": "-start"}
            views.append({**view, "sort": sort} if isinstance(sort, str) else view)
    return views
