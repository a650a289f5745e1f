"""Executing an operation for a principal, whichever transport its request came by."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from prefect._io import is_driven, shield
from prefect._lazy import lazy
from prefect.server.db.errors import StoreBusy
from prefect.server.db.interface import Database, Transaction
from prefect.server.principals import Principal
from prefect.server.routes.core.operation import CallerDisconnected, Operation, Waiting
from prefect.server.services.core.errors import Locked
from prefect.server.services.security.authorization import act_for

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = lazy("asyncio")


class Changes(Protocol):
    """The changes that others make, as the caller of an operation learns of them."""

    async def wait(self, waiting: Waiting) -> None:
        """Return when the topic has been notified and what it is about is ready, or after so many seconds.

        Raises:
            CallerDisconnected: The caller does not wait any more.
        """
        ...


async def execute(
    operation: Operation,
    database: Database,
    principal: Principal,
    arguments: Mapping[str, Any],
    changes: Changes | None = None,
) -> Any:
    """Call an operation's function in a new transaction with its principal; wait for others if it has to.

    The transport has authorized the principal before it read the request (`Operation.authorize`).

    Args:
        operation: The operation.
        database: The database.
        principal: Who the operation acts for.
        arguments: The arguments of its function.
        changes: How to wait; without it an operation is refused that has to.

    Raises:
        StoreBusy: The operation has a time limit, which sync calls in this process do not, and the database did not
            answer within it.
    """
    if not operation.uses_database:
        return await operation.fn(cast("Transaction", None), **arguments)
    transact: Any = database.read_briefly if operation.brief else database.read
    if operation.writes:
        transact = database.write_briefly if operation.brief else partial(database.write, durable=operation.durable)
    work = act_for(principal, lambda tx: operation.fn(tx, **arguments))
    if operation.timeout_seconds is None or is_driven():  # without an event loop no time limit can be set
        result = await transact(work)
        return await _wait(result, database, principal, changes) if isinstance(result, Waiting) else result
    try:
        async with asyncio.timeout(operation.timeout_seconds):
            return await transact(work)
    except TimeoutError:
        raise StoreBusy(f"The database did not answer within {operation.timeout_seconds:g} s.") from None


async def _wait(result: Any, database: Database, principal: Principal, changes: Changes | None) -> Any:
    """Wait as long as an operation has to, and return its result.

    If that does not come to an end, what the operation has begun is taken back.
    """
    waiting: Waiting = result
    try:
        while isinstance(result, Waiting):
            waiting = result
            if changes is None:
                raise CallerDisconnected
            await changes.wait(waiting)
            result = await database.write(act_for(principal, waiting.attempt), durable=False)
    except BaseException as error:
        if not (isinstance(error, Locked) and waiting.keeps_queue_position):
            await shield(database.write(act_for(principal, waiting.give_up)))
        raise
    return result
