"""Operations are executed in a transaction that has the caller's principal, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from prefect.server.db.errors import StoreBusy
from prefect.server.db.interface import Database, Transaction
from prefect.server.principals import LOCAL, Permission, Principal
from prefect.server.routes.core.execution import execute
from prefect.server.routes.core.operation import Operation

ANN = Principal("ann", "user")


async def read_principal(tx: Transaction) -> Principal:
    return tx.principal


async def fail(tx: Transaction) -> None:
    raise ZeroDivisionError


def operation(fn: Any, **options: Any) -> Operation:
    return Operation("POST", "/principal", fn, None, Permission.READ, **options)


@pytest.mark.parametrize("writes", [False, True])
async def test_execute_gives_the_transaction_its_principal(database: Database, writes: bool) -> None:
    assert await execute(operation(read_principal, writes=writes), database, ANN, {}) is ANN


@pytest.mark.parametrize("writes", [False, True])
async def test_transaction_is_local_after_another_principal_used_its_connection(
    database: Database, writes: bool
) -> None:
    for _ in range(10):  # so that each connection that stays open was used once
        await execute(operation(read_principal, writes=writes), database, ANN, {})
        with pytest.raises(ZeroDivisionError):
            await execute(operation(fail, writes=writes), database, ANN, {})
    transact = database.write if writes else database.read
    assert [await transact(read_principal) for _ in range(10)] == [LOCAL] * 10


async def test_execute_calls_an_operation_without_database_directly() -> None:
    async def answer(tx: Any, value: int) -> tuple[Any, int]:
        return tx, value

    unused: Any = None
    assert await execute(operation(answer, uses_database=False), unused, ANN, {"value": 3}) == (None, 3)


async def test_execute_raises_store_busy_after_the_time_limit() -> None:
    class Stuck:
        async def read(self, work: Any) -> Any:
            await asyncio.Event().wait()

    stuck: Any = Stuck()
    with pytest.raises(StoreBusy, match=r"within 0\.01 s"):
        await execute(operation(read_principal, timeout_seconds=0.01), stuck, ANN, {})
