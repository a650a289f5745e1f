"""Pages of a collection."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.server import store
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.catalog import variables
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.core.paging import find_page, resolve_page_size
from prefect.settings import PREFECT_API_DEFAULT_LIMIT, temporary_settings


def test_page_size_is_the_default_when_none_is_requested() -> None:
    with temporary_settings({PREFECT_API_DEFAULT_LIMIT: 7}):
        assert [resolve_page_size(limit) for limit in (None, 0, 7)] == [7, 0, 7]


@pytest.mark.parametrize(("limit", "reason"), [(-1, "it must be 0 or more"), (8, "the maximum is 7")])
def test_page_size_out_of_range_is_refused(limit: int, reason: str) -> None:
    with temporary_settings({PREFECT_API_DEFAULT_LIMIT: 7}), pytest.raises(InvalidRequest, match=reason):
        resolve_page_size(limit)


async def test_find_page_sorts_and_skips(database: SqliteDatabase) -> None:
    async def add(tx: Any) -> None:
        for name in ("b", "c", "a"):
            await variables.add(tx, {"name": name, "value": 1, "tags": []})

    async def names(sort: str, limit: int | None, offset: int | None, **where: Any) -> list[str]:
        rows = await database.read(lambda tx: find_page(tx, store.variables, sort, limit, offset, where or None))
        return [row["name"] for row in rows]

    await database.write(add)
    assert await names("NAME_ASC", None, None) == ["a", "b", "c"]
    assert await names("NAME_DESC", 1, 1) == ["b"]
    assert await names("NAME_ASC", None, None, name=["c", "a"]) == ["a", "c"]


async def test_find_page_refuses_an_unknown_sort(database: SqliteDatabase) -> None:
    with pytest.raises(InvalidRequest):
        await database.read(lambda tx: find_page(tx, store.variables, "COLOUR_ASC", None, None))
