"""Store and change variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging
from prefect.server.services.core.errors import Conflict, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.store import Row, filters
from prefect.types import new_id, now


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create a variable.

    Raises:
        Conflict: A variable has this name.
    """
    at = now()
    row: Row = {"tags": [], **values, "id": new_id(), "created": at, "updated": at}
    if not await store.variables.add(tx, [row]):
        raise _name_conflict(row["name"])
    await _emit_event(tx, "created", row)
    return row


async def get(tx: Transaction, key: UUID | str, lock: bool = False) -> Answer:
    """Return a variable by its id or its name.

    Raises:
        NotFound: It does not exist.
    """
    column = "id" if isinstance(key, UUID) else "name"
    rows = await store.variables.find(tx, {column: key}, lock=lock)
    if not rows:
        raise NotFound("variable", key)
    return rows[0]


async def find(tx: Transaction, criteria: Any, sort: Any, limit: int | None, offset: int) -> list[Answer]:
    """Return a page of the variables that match a filter."""
    where = filters.compile_filter(tx.dialect, criteria)
    return await paging.find_page(tx, store.variables, sort, limit, offset, where)


async def count(tx: Transaction, criteria: Any) -> int:
    """Return how many variables match a filter."""
    return await store.variables.count(tx, filters.compile_filter(tx.dialect, criteria))


async def change(tx: Transaction, key: UUID | str, values: Mapping[str, Any]) -> None:
    """Set the fields of a variable that the request contains.

    Raises:
        Conflict: Another variable has the new name, or its name or tags would be null.
    """
    row = await get(tx, key, lock=True)
    for name in ("name", "tags"):
        if name in values and values[name] is None:
            raise Conflict(f"A variable must have {name}.")
    name = values.get("name", row["name"])
    if name != row["name"] and await store.variables.count(tx, {"name": name}):
        raise _name_conflict(name)
    row = {**row, **values, "updated": now()}
    await store.variables.change(tx, [row], ["updated", *values])
    await _emit_event(tx, "updated", row)


async def remove(tx: Transaction, key: UUID | str) -> None:
    """Delete a variable."""
    row = await get(tx, key, lock=True)
    await store.variables.remove(tx, {"id": row["id"]})
    await _emit_event(tx, "deleted", row)


def _name_conflict(name: str) -> Conflict:
    return Conflict(f"There is a variable {name!r} already.")


async def _emit_event(tx: Transaction, change: str, row: Row) -> None:
    payload = {name: row[name] for name in ("name", "value", "tags")}
    await emitting.emit_object_event(tx, "variable", change, row, payload)
