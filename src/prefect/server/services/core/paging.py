"""Pages of lists: how many objects one has, and in which order they come."""

from __future__ import annotations

from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.store import Collection, Row, Where, sorting
from prefect.settings import get_current_settings


def resolve_page_size(limit: int | None) -> int:
    """How many objects a page has when `limit` is asked for, or nothing is.

    Raises:
        Invalid: The API does not give so many at once, or nobody can.
    """
    most = get_current_settings().server.api.default_limit
    if limit is None:
        return most
    if limit < 0:
        raise InvalidRequest(f"The limit {limit} is not valid: it must be 0 or more.")
    if limit > most:
        raise InvalidRequest(f"The limit {limit} is not valid: no more than {most} are answered at once.")
    return limit


async def find_page(
    tx: Transaction,
    collection: Collection,
    sort: Any,
    limit: int | None,
    offset: int | None,
    where: Where | None = None,
) -> list[Row]:
    """A page of the objects that satisfy a condition.

    Args:
        tx: The transaction.
        collection: Where they are.
        sort: A member of their sort enumeration, or its name.
        limit: How many at most; as many as the API gives at once if None.
        offset: How many to skip first.
        where: The condition; all objects if None.

    Raises:
        Invalid: There is no such sort, or the limit is none.
    """
    try:
        order = sorting.compile_order(tx.dialect, collection.table.name, sort, "")
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    return await collection.find(tx, where or {}, order, resolve_page_size(limit), offset or 0)
