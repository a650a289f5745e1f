"""Queries about assets and of what they are made."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import TRUE, Sql, one_of
from prefect.server.store import Row


async def find_assets(tx: Transaction, text: str, limit: int, offset: int) -> list[Row]:
    """Return the assets whose key or name contains a text, in any case, those that changed last first."""
    where = TRUE
    if text:
        pattern = "%" + text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        where = Sql("(lower(asset.key) LIKE ? ESCAPE '\\' OR lower(asset.name) LIKE ? ESCAPE '\\')", (pattern, pattern))
    return await store.assets.find(tx, where, store.assets.order("-updated", "key"), limit, offset)


async def find_edges(tx: Transaction, keys: Sequence[str]) -> list[tuple[str, str]]:
    """Return what assets are made of, and what is made of them, as pairs of a source's key and a target's."""
    found: set[tuple[str, str]] = set()
    for some in store.chunks(keys):
        for column in ("asset_source.asset_key", "asset_source.source_key"):
            where = one_of(column, list(some))
            text = f"SELECT source_key, asset_key FROM asset_source WHERE {where.text}"
            found.update((source, target) for source, target in await tx.fetch(Sql(text, where.values)))
    return sorted(found)
