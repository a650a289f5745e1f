"""Rows of the store for tests of queries: the required columns have values that do not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store import Collection, Row

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)

_DEFAULTS = {
    "uuid": UUID(int=0),
    "time": AT,
    "text": "x",
    "int": 0,
    "float": 0.0,
    "bool": False,
    "duration": timedelta(0),
    "array": [],
    "object": {},
    "json": {},
    "bytes": b"",
}


def uid(number: int) -> UUID:
    return UUID(int=number)


def minutes(number: float) -> datetime:
    """Return the time so many minutes after `AT`."""
    return AT + timedelta(minutes=number)


async def add(tx: Transaction, collection: Collection, number: int, **values: Any) -> Row:
    """Add a row whose id is `number`; a name that is not in `values` is unique."""
    table = collection.table
    row = {name: _DEFAULTS[table.kinds[name]] for name in table.required}
    if "name" in table.required:
        row["name"] = f"{table.name}-{number}"
    row |= {table.key: uid(number), **values}
    assert await collection.add(tx, [row]) == 1
    return row


def state(type_: str, name: str | None = None, at: datetime = AT) -> dict[str, Any]:
    """Return the columns of a run in a state."""
    return {"state_type": type_, "state_name": name or type_.capitalize(), "state_timestamp": at, "states": []}


def ids(rows: list[Row]) -> list[int]:
    return [row["id"].int for row in rows]


async def add_flow_run(tx: Transaction, number: int, type_: str = "RUNNING", **values: Any) -> Row:
    name = values.pop("state_name", None)
    at = values.pop("state_timestamp", AT)
    return await add(tx, store.flow_runs, number, **state(type_, name, at), **values)


async def add_task_run(tx: Transaction, number: int, type_: str = "RUNNING", **values: Any) -> Row:
    name = values.pop("state_name", None)
    at = values.pop("state_timestamp", AT)
    return await add(tx, store.task_runs, number, **state(type_, name, at), **values)
