"""Executing an operation for a principal, whichever transport its request came by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from prefect._io import is_driven
from prefect._lazy import lazy
from prefect.server.db.errors import StoreBusy
from prefect.server.db.interface import Database, Transaction
from prefect.server.principals import Principal
from prefect.server.routes.operation import Operation
from prefect.server.services.security.authorization import act_for

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = lazy("asyncio")


async def execute(operation: Operation, database: Database, principal: Principal, arguments: Mapping[str, Any]) -> Any:
    """Call an operation's function in a new transaction with its principal.

    The transport has authorized the principal before it read the request (`Operation.authorize`).

    Args:
        operation: The operation.
        database: The database.
        principal: Who the operation acts for.
        arguments: The arguments of its function.

    Raises:
        StoreBusy: The operation has a time limit, which sync calls in this process do not, and the database did not
            answer within it.
    """
    if not operation.uses_database:
        return await operation.fn(cast("Transaction", None), **arguments)
    transact = database.write if operation.writes else database.read_briefly if operation.brief else database.read
    work = act_for(principal, lambda tx: operation.fn(tx, **arguments))
    if operation.timeout_seconds is None or is_driven():  # without an event loop no time limit can be set
        return await transact(work)
    try:
        async with asyncio.timeout(operation.timeout_seconds):
            return await transact(work)
    except TimeoutError:
        raise StoreBusy(f"The database did not answer within {operation.timeout_seconds:g} s.") from None
