"""Queries about limits and leases, on both databases."""

from __future__ import annotations

from typing import Any

from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.store.queries import limits as queries
from tests.server.store.rows import AT, add, add_task_run, ids, minutes, uid


async def test_find_expired_leases_selects_expired_ones(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, expires in ((1, minutes(-1)), (2, minutes(1)), (3, None), (4, minutes(-2))):
            await add(tx, store.leases, number, expires=expires)
        return [sorted(ids(await queries.find_expired_leases(tx, AT, limit))) for limit in (10, 1)]

    assert await database.write(work) == [[1, 4], [4]]


async def test_find_task_run_leases_selects_holders_of_a_limit(database: Database) -> None:
    async def work(tx: Transaction) -> list[list[int]]:
        for number, kind, held in (
            (1, "task_run", [uid(50)]),
            (2, "flow_run", [uid(50)]),
            (3, "task_run", [uid(50), uid(51)]),
            (4, "task_run", []),
        ):
            holder = {"type": kind, "id": str(uid(number))}
            await add(tx, store.leases, number, holder=holder, created=minutes(-number), granted=AT)
            await store.held_slots.add(tx, [{"limit_id": id_, "lease_id": uid(number), "slots": 1} for id_ in held])
        return [
            ids(await queries.find_task_run_leases(tx, [uid(50)])),
            ids(await queries.find_task_run_leases(tx, [uid(50)], lock=True)),
            ids(await queries.find_task_run_leases(tx, [uid(51), uid(52)])),
        ]

    assert await database.write(work) == [[3, 1], [1, 3], [3]]


async def test_with_name_prefix_takes_wildcards_literally(database: Database) -> None:
    async def work(tx: Transaction) -> list[list[int]]:
        for number, name in enumerate(("tag:a", "tag%b", "xtag:a"), 1):
            await add(tx, store.concurrency_limits, number, name=name)
        return [
            ids(await store.concurrency_limits.find(tx, queries.with_name_prefix(text))) for text in ("tag:", "tag%")
        ]

    assert await database.write(work) == [[1], [2]]


async def test_claims_are_renewed_while_their_runs_have_not_started(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_task_run(tx, 1, "SCHEDULED")
        await add_task_run(tx, 2, "RUNNING")
        await add_task_run(tx, 3, "SCHEDULED")
        for number, holder in ((1, "w"), (2, "w"), (3, "other")):
            await add(tx, store.leases, number, holder={"type": "claim", "id": holder}, expires=minutes(-1))
        renewed = await queries.renew_task_run_claims(tx, "claim", "w", minutes(9))
        return [renewed, ids(await queries.find_leases_by_holder_type(tx, "claim", AT))]

    assert await database.write(work) == [1, [1]]
