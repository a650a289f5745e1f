"""Queries about work, on both databases."""

from __future__ import annotations

from typing import Any

from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.store.queries import work as queries
from tests.server.store.rows import AT, add, add_flow_run, ids, minutes, uid

POOL, OTHER_POOL, FIRST, SECOND, OTHER = (uid(number) for number in range(901, 906))


async def add_queues(tx: Transaction, limit: int | None = None) -> None:
    """Add two queues of a pool, of which the first has a limit and the lower priority, and one of another pool."""
    for number, (id_, pool, priority) in enumerate(((FIRST, POOL, 2), (SECOND, POOL, 1), (OTHER, OTHER_POOL, 1))):
        more = {"work_pool_id": pool, "priority": priority, "concurrency_limit": None if number else limit}
        await add(tx, store.work_queues, id_.int, **more)


async def test_slots_are_counted_and_their_runs_found(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_queues(tx)
        for number, type_, queue in (
            (1, "RUNNING", FIRST),
            (2, "PENDING", FIRST),
            (3, "COMPLETED", FIRST),
            (4, "CANCELLING", SECOND),
            (5, "SCHEDULED", SECOND),
            (6, "RUNNING", OTHER),
        ):
            await add_flow_run(tx, number, type_, work_queue_id=queue, state_timestamp=minutes(-number))
        return [
            await queries.count_slots_by_queue(tx, [FIRST, SECOND, uid(1)]),
            await queries.count_slots_by_queue(tx, []),
            await queries.count_slots_by_pool(tx, [POOL, OTHER_POOL]),
            ids(await queries.find_occupying_runs(tx, FIRST, 10, 0)),
            ids(await queries.find_occupying_runs(tx, FIRST, 10, 1)),
            ids(await queries.find_occupying_runs_by_queue(tx, [FIRST, SECOND], 1)),
        ]

    assert await database.write(work) == [
        {FIRST: 2},
        {},
        {POOL: 2, OTHER_POOL: 1},
        [2, 1],
        [1],
        [2],
    ]


async def test_find_due_runs_respects_priority_time_and_free_slots(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_queues(tx, limit=2)
        await add_flow_run(tx, 9, work_queue_id=FIRST)
        for number, queue, at in ((1, FIRST, -3), (2, FIRST, -2), (3, SECOND, -1), (4, SECOND, 5), (5, OTHER, -1)):
            more = {"work_queue_id": queue, "next_scheduled_start_time": minutes(at)}
            await add_flow_run(tx, number, "SCHEDULED", **more)
        due = [
            await queries.find_due_runs(tx, [FIRST, SECOND], before, after, limit)
            for before, after, limit in ((AT, None, 10), (None, None, 10), (AT, minutes(-1), 10), (AT, None, 1))
        ]
        return [[id_.int for id_ in found] for found in due]

    assert await database.write(work) == [[3, 1], [3, 4, 1], [3], [3]]


async def test_find_scheduled_runs_selects_by_deployment_and_tags(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, deployment, tags, at in ((1, 50, ["a", "b"], -1), (2, 50, ["a"], -2), (3, 51, ["a", "b"], 3)):
            more = {"deployment_id": uid(deployment), "tags": tags, "next_scheduled_start_time": minutes(at)}
            await add_flow_run(tx, number, "SCHEDULED", work_queue_id=FIRST, state_name="Late", **more)
        return [
            ids(await queries.find_scheduled_runs(tx, AT, 10)),
            ids(await queries.find_scheduled_runs(tx, None, 10, tags=["b", "a"])),
            ids(await queries.find_scheduled_runs(tx, None, 10, deployment_ids=[uid(51)])),
            ids(await queries.find_scheduled_runs(tx, None, 10, deployment_ids=[])),
            await queries.count_late_runs(tx, FIRST),
            await queries.count_late_runs(tx, SECOND),
        ]

    assert await database.write(work) == [[2, 1], [1, 3], [3], [], 3, 0]


async def test_queue_queries_find_filters_silence_and_detach(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, criteria, status, polled in (
            (1, {"tags": ["x"]}, "READY", minutes(-1)),
            (2, None, "READY", minutes(1)),
            (3, None, "NOT_READY", None),
        ):
            more = {"filter": criteria, "status": status, "last_polled": polled, "priority": number}
            await add(tx, store.work_queues, number, **more)
        await add_flow_run(tx, 10, work_queue_id=uid(1))
        await add(tx, store.deployments, 11, work_queue_id=uid(1))
        results = [
            ids(await queries.find_queues_with_filter_or_id(tx, uid(3))),
            ids(await queries.find_queues_with_filter_or_id(tx, None)),
            ids(await queries.lock_silent_queues(tx, AT, 10)),
        ]
        await queries.detach_from_queues(tx, [uid(1)])
        detached = {"work_queue_id": None}
        return [*results, await store.flow_runs.count(tx, detached), await store.deployments.count(tx, detached)]

    assert await database.write(work) == [[1, 3], [1], [1], 1, 1]


async def test_lock_pools_without_workers_needs_an_online_worker(database: Database) -> None:
    async def work(tx: Transaction) -> list[int]:
        for number, status in ((1, "READY"), (2, "READY"), (3, "PAUSED")):
            await add(tx, store.work_pools, number, status=status)
        await add(tx, store.workers, 10, work_pool_id=uid(1), status="OFFLINE")
        await add(tx, store.workers, 11, work_pool_id=uid(2), status="ONLINE")
        return ids(await queries.lock_pools_without_workers(tx, 10))

    assert await database.write(work) == [1]


async def test_free_cleanups_are_unfinished_and_without_a_lease(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, queue, kind, finished, lease in (
            (1, FIRST, "a", None, None),
            (2, SECOND, "a", None, minutes(-1)),
            (3, FIRST, "a", None, minutes(1)),
            (4, FIRST, "a", minutes(-1), None),
            (5, FIRST, "b", None, None),
        ):
            more = {"kind": kind, "finished": finished, "lease_expires_at": lease, "created": minutes(-number)}
            await add(tx, store.cleanups, number, work_pool_id=POOL, work_queue_id=queue, **more)
        results = [
            ids(await queries.lock_free_cleanups(tx, POOL, None, ["a"], AT, 10)),
            ids(await queries.lock_free_cleanups(tx, POOL, [FIRST], ["a", "b"], AT, 10)),
            await queries.has_free_cleanup(tx, POOL, ["b"], AT),
            await queries.has_free_cleanup(tx, OTHER_POOL, ["a"], AT),
        ]
        await queries.remove_finished_cleanups(tx, AT)
        return [*results, ids(await store.cleanups.find(tx, order="cleanup.id"))]

    assert await database.write(work) == [[2, 1], [5, 1], True, False, [1, 2, 3, 5]]
