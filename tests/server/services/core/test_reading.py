"""Objects by their ids and names, and pages of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from prefect.server import store
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.core import reading
from prefect.server.services.core.errors import InvalidRequest, NotFound
from prefect.types import new_id, now

UNKNOWN = UUID(int=9)


async def add_flows(database: SqliteDatabase, *names: str) -> list[UUID]:
    at = now()
    rows: list[Any] = [
        {"id": new_id(), "created": at, "updated": at, "name": name, "tags": [], "labels": {}} for name in names
    ]
    await database.write(lambda tx: store.flows.add(tx, rows))
    return [row["id"] for row in rows]


async def test_flow_is_found_by_id_and_name(database: SqliteDatabase) -> None:
    [id_] = await add_flows(database, "etl")
    by_id = await database.read(lambda tx: reading.get_flow(tx, id_))
    by_name = await database.read(lambda tx: reading.get_flow_by_name(tx, "etl"))
    assert by_id == by_name and by_id["name"] == "etl"


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda tx: reading.get_flow(tx, UNKNOWN), f"There is no flow '{UNKNOWN}'."),
        (lambda tx: reading.get_flow_by_name(tx, "x"), "There is no flow 'x'."),
        (lambda tx: reading.get_flow_run(tx, UNKNOWN), f"There is no flow run '{UNKNOWN}'."),
        (lambda tx: reading.get_task_run(tx, UNKNOWN), f"There is no task run '{UNKNOWN}'."),
        (lambda tx: reading.get_flow_run_state(tx, UNKNOWN), f"There is no flow run state '{UNKNOWN}'."),
        (lambda tx: reading.get_row(tx, store.work_pools, UNKNOWN), f"There is no work pool '{UNKNOWN}'."),
    ],
)
async def test_missing_object_is_named(database: SqliteDatabase, read: Any, message: str) -> None:
    with pytest.raises(NotFound) as missing:
        await database.read(read)
    assert str(missing.value) == message


async def test_states_of_an_unknown_run_are_none(database: SqliteDatabase) -> None:
    assert await database.read(lambda tx: reading.get_flow_run_states(tx, UNKNOWN)) == []
    assert await database.read(lambda tx: reading.get_task_run_states(tx, UNKNOWN)) == []


async def test_paginate_counts_objects_and_pages(database: SqliteDatabase) -> None:
    await add_flows(database, "a", "b", "c")
    page = await database.read(
        lambda tx: reading.paginate(tx, reading.find_flows, store.flows, "NAME_ASC", page=2, limit=2)
    )
    assert [flow["name"] for flow in page["results"]] == ["c"]
    assert (page["count"], page["pages"], page["page"], page["limit"]) == (3, 2, 2, 2)


async def test_find_refuses_a_limit_beyond_that_of_the_api(database: SqliteDatabase) -> None:
    with pytest.raises(InvalidRequest):
        await database.read(lambda tx: reading.find_flows(tx, limit=100_000))


async def test_database_that_answers_is_reachable(database: SqliteDatabase) -> None:
    assert await database.read(reading.is_database_reachable)
