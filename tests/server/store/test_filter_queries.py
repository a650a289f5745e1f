"""Filters and sorts, all of them, on both databases: each is executed, and both find the same rows."""

from __future__ import annotations

import asyncio
import enum
import types
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import pytest
from pydantic import BaseModel

from prefect.schemas.filters import objects, runs
from prefect.schemas.wire import filters as wire
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.db.sql import TRUE, Sql, all_of
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from prefect.server.store import filters, sorting
from tests.postgres import Postgres
from tests.server.conftest import delete_all_rows
from tests.server.store.test_conformance import AT, COLLECTIONS, SAMPLES, row

TEXTS = [SAMPLES["text"] + "2", 'e, "世', "\\", "%", "x", ""]


@pytest.fixture
async def both(postgres: Postgres, tmp_path: Path) -> AsyncIterator[list[Database]]:
    """A SQLite file and a PostgreSQL database, open and with the same rows."""
    delete_all_rows(postgres)
    databases: list[Database] = [SqliteWriterDatabase(tmp_path / "store.db"), PostgresDatabase(postgres.url("ours"))]
    for database in databases:
        await database.open()
        await database.write(_fill)
    yield databases
    for database in databases:
        await database.close()


async def _fill(tx: Transaction) -> None:
    """Three rows a table: two full ones, and one whose values are null where they may be."""
    for collection in COLLECTIONS.values():
        bare = row(collection, 3)
        bare |= {name: None for name in collection.table.names if name not in collection.table.required}
        await collection.add(tx, [row(collection, 1), row(collection, 2), bare])


def candidates(annotation: Any) -> Iterator[Any]:
    """Values of a type that rows of `_fill` have, and others."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from candidates(arguments[0])
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from candidates(one)
    elif origin in (list, set, tuple):
        some = [value for one in arguments for value in candidates(one)]
        yield from ([], some[:1], some)
    elif origin is Literal:
        yield from arguments
    elif origin is dict or annotation is Any:
        yield {"a": [1]}
    elif isinstance(annotation, type):
        yield from _plain(annotation)


def _plain(kind: type) -> Iterator[Any]:
    if issubclass(kind, BaseModel):
        yield from instances(kind)
    elif issubclass(kind, enum.Enum):
        yield from list(kind)[:2]
    elif issubclass(kind, datetime):
        yield from (AT + timedelta(seconds=number) for number in (0, 2, 9))
    elif issubclass(kind, bool):
        yield from (True, False)
    elif issubclass(kind, UUID):
        yield from (UUID(int=SAMPLES["uuid"].int + number) for number in (1, 2, 9))
    elif issubclass(kind, str):
        yield from TEXTS
    elif issubclass(kind, (int, float)):
        yield from (0, 2**62)


def instances(model: type[BaseModel]) -> Iterator[BaseModel]:
    """A model with nothing, with each value of each field, and with everything at once, joined both ways."""
    values: dict[str, Any] = {}
    if not any(field.is_required() for field in model.model_fields.values()):
        yield model()
    for name, field in model.model_fields.items():
        if name == "operator":
            continue
        for value in candidates(field.annotation):
            values[name] = value
            yield model.model_construct(**{name: value})
    if "operator" in model.model_fields:
        for operator in ("and_", "or_"):
            yield model.model_construct(operator=operator, **values)


def find_table(name: str) -> str:
    """The table of a filter: what the columns it names belong to."""
    return {"ArtifactCollectionFilter": "artifact", "ConcurrencyLimitFilterV2": "concurrency_limit"}.get(
        name,
        "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)[1:].removesuffix("_filter"),
    )


def schema(name: str) -> type[BaseModel]:
    return next(getattr(module, name) for module in (runs, objects, wire) if hasattr(module, name))


async def ids(database: Database, table: str, where: Sql) -> list[UUID]:
    collection = COLLECTIONS[table]
    rows = await database.read(lambda tx: collection.find(tx, where, collection.by_key))
    return [found[collection.table.key] for found in rows]


@pytest.mark.parametrize("name", list(filters._COMPILERS))
async def test_filter_finds_the_same_rows_on_both_databases(both: list[Database], name: str) -> None:
    table = find_table(name)
    outcomes: dict[int, int] = {}
    for criteria in instances(schema(name)):
        found = []
        for database in both:
            dialect = await database.read(_dialect)
            found.append(await ids(database, table, filters.compile_filter(dialect, criteria)))
        assert found[0] == found[1], criteria
        outcomes[len(found[0])] = outcomes.get(len(found[0]), 0) + 1
    assert len(outcomes) > 1, f"every {name} finds as many rows: it asks nothing"


async def _dialect(tx: Transaction) -> Any:
    return tx.dialect


@pytest.mark.parametrize(("table", "other"), list(filters._LINKS), ids=lambda name: name)
async def test_link_finds_the_same_rows_on_both_databases(both: list[Database], table: str, other: str) -> None:
    name = next(name for name in filters._COMPILERS if find_table(name) == other and "Collection" not in name)
    for criteria in list(instances(schema(name)))[::7]:
        found = []
        for database in both:
            dialect = await database.read(_dialect)
            found.append(await ids(database, table, filters.compile_filters(dialect, table, **{other: criteria})))
        assert found[0] == found[1], criteria


SORTS = [(table, sort) for table, orders in sorting._ORDERS.items() for sort in orders]


async def test_sort_orders_alike_on_both_databases(both: list[Database]) -> None:
    async def sorted_ids(database: Database, table: str, sort: str) -> list[UUID]:
        collection = COLLECTIONS[table]
        rows = await database.read(
            lambda tx: collection.find(tx, TRUE, sorting.compile_order(tx.dialect, table, sort, ""))
        )
        return [found["id"] for found in rows]

    for table, sort in SORTS:
        added = {row(COLLECTIONS[table], number)["id"] for number in (1, 2, 3)}  # the third has nulls
        sqlite, postgres = await asyncio.gather(*(sorted_ids(database, table, sort) for database in both))
        assert sqlite == postgres, (table, sort)
        assert set(sqlite) == added, (table, sort)


async def test_pages_of_a_sort_never_overlap(both: list[Database]) -> None:
    async def pages(tx: Transaction, table: str, sort: str) -> list[UUID]:
        order = sorting.compile_order(tx.dialect, table, sort, "")
        found = [await COLLECTIONS[table].find(tx, TRUE, order, 1, offset) for offset in range(4)]
        return [item["id"] for page in found for item in page]

    for table, sort in SORTS:
        for database in both:
            seen = await database.read(lambda tx, table=table, sort=sort: pages(tx, table, sort))
            assert len(seen) == len(set(seen)) == 3, (table, sort)


async def test_values_never_enter_the_sql_text(both: list[Database]) -> None:
    nasty = "x' OR 1=1; DROP TABLE flow; -- ? $1 {} %s"
    criteria = runs.FlowFilter.model_validate(
        {"name": {"any_": [nasty, nasty], "like_": nasty}, "tags": {"any_": [nasty]}}
    )
    for database in both:
        dialect = await database.read(_dialect)
        condition = filters.compile_filter(dialect, criteria)
        assert "DROP" not in dialect.statement(all_of([condition, TRUE]))[0]
        assert await ids(database, "flow", condition) == []
        assert len(await ids(database, "flow", TRUE)) == 3
