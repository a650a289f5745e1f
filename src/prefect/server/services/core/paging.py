"""Find a page of a collection: its size, order and offset."""

from __future__ import annotations

from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.store import Collection, Row, Where, sorting
from prefect.settings import get_current_settings


def resolve_page_size(limit: int | None) -> int:
    """Return the size of a page.

    Args:
        limit: The requested size; the default one if None.

    Raises:
        InvalidRequest: The limit is negative, or larger than the API allows.
    """
    maximum = get_current_settings().server.api.default_limit
    if limit is None:
        return maximum
    if limit < 0:
        raise InvalidRequest(f"The limit {limit} is not valid: it must be 0 or more.")
    if limit > maximum:
        raise InvalidRequest(f"The limit {limit} is not valid: the maximum is {maximum}.")
    return limit


async def find_page(
    tx: Transaction,
    collection: Collection,
    sort: Any,
    limit: int | None,
    offset: int | None,
    where: Where | None = None,
) -> list[Row]:
    """Return a page of the objects that satisfy a condition.

    Args:
        tx: The transaction.
        collection: The collection.
        sort: A member of its sort enumeration, or its name.
        limit: How many at most; the default of the API if None.
        offset: How many to skip first.
        where: The condition; all objects if None.

    Raises:
        InvalidRequest: There is no such sort, or the limit is not valid.
    """
    try:
        order = sorting.compile_order(tx.dialect, collection.table.name, sort, "")
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    return await collection.find(tx, where or {}, order, resolve_page_size(limit), offset or 0)
