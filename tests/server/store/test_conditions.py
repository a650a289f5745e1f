"""Conditions by the values of columns, which callers of the store use in place of SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from prefect.server import store
from prefect.server.db.interface import Database, Transaction

AT = datetime(2026, 11, 25, tzinfo=UTC)


async def add_logs(tx: Transaction) -> None:
    flow_run_ids = [UUID(int=1), UUID(int=1), None]
    await store.logs.add(
        tx,
        [
            {"id": UUID(int=n), "name": f"log-{n}", "level": n, "message": "m", "timestamp": AT, "flow_run_id": id_}
            for n, id_ in enumerate(flow_run_ids, 1)
        ],
    )


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ({}, [1, 2, 3]),
        ({"level": 2}, [2]),
        ({"level": [1, 3, 9]}, [1, 3]),
        ({"level": {3}}, [3]),
        ({"level": []}, []),
        ({"flow_run_id": None}, [3]),
        ({"flow_run_id": UUID(int=1), "name": ("log-2", "log-3")}, [2]),
    ],
)
async def test_find_returns_rows_with_these_values(
    database: Database, values: dict[str, Any], levels: list[int]
) -> None:
    await database.write(add_logs)
    rows = await database.read(lambda tx: store.logs.find(tx, values, "log.level", columns=["level"]))
    assert [row["level"] for row in rows] == levels
    assert await database.read(lambda tx: store.logs.count(tx, values)) == len(levels)
    assert await database.write(lambda tx: store.logs.remove(tx, values)) == len(levels)


async def test_where_combines_values_and_conditions(database: Database) -> None:
    await database.write(add_logs)
    condition = store.logs.where({"flow_run_id": UUID(int=1)}, store.logs.where({"level": [2, 3]}))
    assert [row["level"] for row in await database.read(lambda tx: store.logs.find(tx, condition))] == [2]


def test_condition_on_an_unknown_column_is_refused() -> None:
    with pytest.raises(ValueError, match="no column 'levels'"):
        store.logs.where({"levels": 1})
