"""Store saved searches: filters of the web page, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, reading
from prefect.server.services.core.presenters import Answer
from prefect.types import new_id, now


async def put(tx: Transaction, values: Mapping[str, Any]) -> tuple[Answer, bool]:
    """Create a search, or replace the filters of the one with this name.

    Returns:
        The search, and whether it is new.
    """
    at = now()
    row = {**values, "id": new_id(), "created": at, "updated": at}
    if await store.saved_searches.add(tx, [row]):
        return row, True
    stored = (await store.saved_searches.find(tx, {"name": row["name"]}, lock=True))[0]
    row = {**stored, **values, "updated": at}
    await store.saved_searches.change(tx, [row], ["updated", *values])
    return row, False


async def get(tx: Transaction, id_: UUID) -> Answer:
    """Return a search.

    Raises:
        NotFound: It does not exist.
    """
    return await reading.get_row(tx, store.saved_searches, id_)


async def find(tx: Transaction, limit: int | None, offset: int) -> list[Answer]:
    """Return a page of searches, by name."""
    return await paging.find_page(tx, store.saved_searches, "NAME_ASC", limit, offset)


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete a search."""
    await get(tx, id_)
    await store.saved_searches.remove(tx, {"id": id_})
