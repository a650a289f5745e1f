"""Queries about runs, on both databases."""

from __future__ import annotations

from typing import Any

from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.store.queries import runs as queries
from tests.server.store.rows import AT, add, add_flow_run, add_task_run, ids, minutes, uid


async def test_lock_open_runs_leaves_out_finished_runs(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_flow_run(tx, 1)
        await add_flow_run(tx, 2, "COMPLETED")
        await add_task_run(tx, 3, flow_run_id=uid(1))
        await add_task_run(tx, 4, "FAILED", flow_run_id=uid(1))
        await add_task_run(tx, 5, flow_run_id=uid(2))
        return [
            await queries.lock_open_flow_runs(tx, [uid(2), uid(1), uid(9)]),
            ids(await queries.lock_open_task_runs(tx, uid(1))),
        ]

    assert await database.write(work) == [[uid(1)], [3]]


async def test_open_runs_are_found_by_owner_unless_suspended(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_flow_run(tx, 1, owner=uid(100))
        await add_flow_run(tx, 2, "COMPLETED", owner=uid(101))
        await add_flow_run(tx, 3, "PAUSED", state_name="Suspended", owner=uid(102))
        await add_task_run(tx, 4, owner=uid(103))
        await add_task_run(tx, 5)
        return [
            await queries.find_owners_of_open_runs(tx),
            ids(await queries.find_open_runs_of_owners(tx, store.flow_runs, [uid(100), uid(102)])),
            ids(await queries.find_open_runs_of_owners(tx, store.task_runs, [uid(100), uid(103)])),
        ]

    assert await database.write(work) == [{uid(100), uid(103)}, [1], [4]]


async def test_lock_expired_flow_runs_selects_zombies(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_flow_run(tx, 1, lease_until=minutes(-2))
        await add_flow_run(tx, 2, lease_until=minutes(2))
        await add_flow_run(tx, 3)
        await add_flow_run(tx, 4, "SCHEDULED", state_name="AwaitingRetry", lease_until=minutes(-1))
        await add_flow_run(
            tx, 5, "SCHEDULED", state_name="AwaitingRetry", lease_until=minutes(-1), deployment_id=uid(50)
        )
        await add_flow_run(tx, 6, "COMPLETED", lease_until=minutes(-1))
        found = ids(await queries.lock_expired_flow_runs(tx, AT, 10))
        return [found, len(await queries.lock_expired_flow_runs(tx, AT, 1))]

    assert await database.write(work) == [[1, 4], 1]


async def test_lock_late_flow_runs_selects_due_runs_in_scheduled(database: Database) -> None:
    async def work(tx: Transaction) -> list[int]:
        await add_flow_run(tx, 1, "SCHEDULED", next_scheduled_start_time=minutes(-5))
        await add_flow_run(tx, 2, "SCHEDULED", next_scheduled_start_time=minutes(5))
        await add_flow_run(tx, 3, "SCHEDULED", state_name="Late", next_scheduled_start_time=minutes(-5))
        await add_flow_run(tx, 4, "SCHEDULED")
        return ids(await queries.lock_late_flow_runs(tx, AT, 10))

    assert await database.write(work) == [1]


async def test_cancellation_queries_select_open_children_and_stuck_runs(database: Database) -> None:
    async def work(tx: Transaction) -> list[list[int]]:
        await add_flow_run(tx, 1, "CANCELLED")
        await add_flow_run(tx, 2)
        await add_task_run(tx, 10, flow_run_id=uid(1))
        await add_task_run(tx, 11, "COMPLETED", flow_run_id=uid(1))
        await add_task_run(tx, 12, flow_run_id=uid(2))
        await add_flow_run(tx, 20, parent_task_run_id=uid(10))
        await add_flow_run(tx, 21, "CANCELLING", parent_task_run_id=uid(11), state_timestamp=minutes(-3))
        await add_flow_run(tx, 22, parent_task_run_id=uid(12))
        await add_flow_run(tx, 23, "CANCELLING", state_timestamp=minutes(3))
        return [
            ids(await queries.lock_task_runs_of_cancelled_flow_runs(tx, 10)),
            ids(await queries.lock_subflow_runs_of_cancelled_flow_runs(tx, 10)),
            ids(await queries.lock_cancelling_flow_runs(tx, AT, 10)),
        ]

    assert await database.write(work) == [[10], [20], [21]]


async def test_find_paused_flow_runs_reads_their_states(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_flow_run(tx, 1, "PAUSED")
        await add_flow_run(tx, 2, "CANCELLING")
        return await queries.find_paused_flow_runs(tx)

    assert await database.write(work) == [{"id": uid(1), "states": []}]


async def test_remove_flow_runs_removes_contents_and_detaches_subflows(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number in (1, 2):
            await add_flow_run(tx, number, flow_id=uid(90), deployment_id=uid(80) if number == 1 else None)
            await add_task_run(tx, 10 + number, flow_run_id=uid(number), tags=["t"])
            await add(tx, store.logs, 20 + number, flow_run_id=uid(number))
            await add(tx, store.flow_run_inputs, 30 + number, flow_run_id=uid(number), key=f"k{number}")
            await add_flow_run(tx, 40 + number, flow_id=uid(91), parent_task_run_id=uid(10 + number))
        slots = [
            len(await queries.find_open_deployed_flow_runs(tx, {"flow_id": uid(90)})),
            await queries.find_open_tagged_task_runs(tx, {"id": [uid(1)]}),
        ]
        await queries.remove_flow_runs(tx, {"id": uid(1)})
        left = [
            ids(await collection.find(tx, order=collection.order("id")))
            for collection in (store.flow_runs, store.task_runs, store.logs, store.flow_run_inputs)
        ]
        subflow = await store.flow_runs.get(tx, uid(41))
        await queries.remove_task_runs(tx, {"id": uid(12)})
        other = await store.flow_runs.get(tx, uid(42))
        parents = [row and row["parent_task_run_id"] for row in (subflow, other)]
        return [slots, left, parents, await store.task_runs.count(tx)]

    assert await database.write(work) == [
        [1, [uid(11)]],
        [[2, 41, 42], [12], [22], [32]],
        [None, None],
        0,
    ]


async def test_graph_queries_order_task_runs_and_find_latest_artifacts(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_task_run(tx, 1, flow_run_id=uid(9), start_time=minutes(2))
        await add_task_run(tx, 2, flow_run_id=uid(9), expected_start_time=minutes(1))
        await add_task_run(tx, 3, flow_run_id=uid(9), start_time=minutes(-9), end_time=minutes(-1))
        await add_task_run(tx, 4, flow_run_id=uid(8), start_time=minutes(0))
        for number, key in ((1, "a"), (2, "a"), (3, "b"), (4, None)):
            await add(tx, store.artifacts, number, key=key, created=minutes(number))
        return [
            ids(await queries.find_graph_task_runs(tx, uid(9), AT, 10)),
            ids(await queries.find_graph_task_runs(tx, uid(9), AT, 1)),
            await queries.find_latest_artifacts(tx, {"a", "b", "c"}),
        ]

    assert await database.write(work) == [[2, 1], [2], {"a": uid(2), "b": uid(3)}]


async def test_find_inputs_takes_a_prefix_and_leaves_keys_out(database: Database) -> None:
    async def work(tx: Transaction) -> list[list[int]]:
        for number, key in enumerate(("in-1", "in-2", "out_1", "in-3"), 1):
            await add(tx, store.flow_run_inputs, number, flow_run_id=uid(9), key=key, created=minutes(-number))
        return [
            ids(await queries.find_inputs(tx, uid(9), "in-", ["in-2"], 10)),
            ids(await queries.find_inputs(tx, uid(9), "", [], 2)),
            ids(await queries.find_inputs(tx, uid(8), "", [], 2)),
        ]

    assert await database.write(work) == [[4, 1], [4, 3], []]


async def test_find_logs_pages_by_position(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number in range(1, 6):
            await add(tx, store.logs, number, timestamp=minutes(number // 2))
        pages: list[Any] = []
        position = None
        while True:
            rows, position = await queries.find_logs(tx, {}, 2, since=minutes(1), after=position)
            pages.append(ids(rows))
            if position is None:
                return pages

    assert await database.write(work) == [[2, 3], [4, 5], []]


async def test_lock_applicable_records_selects_records_of_known_runs(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        empty = await queries.has_waiting_records(tx)
        await add_flow_run(tx, 1)
        await add_task_run(tx, 2)
        for number, run_id in ((1, uid(1)), (2, uid(2)), (3, uid(3)), (4, None)):
            await add(tx, store.dead_letters, number, run_id=run_id)
        return [
            empty,
            await queries.has_waiting_records(tx),
            ids(await queries.lock_applicable_records(tx, 10)),
            ids(await queries.lock_applicable_records(tx, 1)),
        ]

    assert await database.write(work) == [False, True, [1, 2], [1]]


async def test_find_unclaimed_task_runs_leaves_out_claimed_and_in_flow_runs(database: Database) -> None:
    async def work(tx: Transaction) -> list[int]:
        deferred = {"states": [{"id": "x", "details": {"deferred": True}}]}
        for number, more in (
            (1, {"next_scheduled_start_time": minutes(-1)}),
            (2, {"next_scheduled_start_time": minutes(-2)}),
            (3, {"next_scheduled_start_time": minutes(1)}),
            (4, {"next_scheduled_start_time": minutes(-3)}),
            (5, {"next_scheduled_start_time": minutes(-3), "task_key": "other"}),
        ):
            row = await add_task_run(tx, number, "SCHEDULED", **{"task_key": "key", **more})
            await store.task_runs.change(tx, [{**row, **deferred}], ["states"])
        await add_task_run(tx, 6, "SCHEDULED", task_key="key", next_scheduled_start_time=minutes(-9))
        await add(tx, store.leases, 4)
        return ids(await queries.find_unclaimed_task_runs(tx, ["key"], AT, 10))

    assert await database.write(work) == [2, 1]


async def test_lock_flow_run_returns_the_run_with_its_flow(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add(tx, store.flows, 7, name="etl", tags=["daily"])
        await add_flow_run(tx, 1, flow_id=uid(7), tags=["own"])
        await add_flow_run(tx, 2, flow_id=uid(8))
        found = [await queries.lock_flow_run(tx, uid(number)) for number in (1, 2, 3)]
        assert [run for run, _ in found] == [await store.flow_runs.get(tx, uid(number)) for number in (1, 2, 3)]
        return [flows for _, flows in found]

    assert await database.write(work) == [{uid(7): {"id": uid(7), "name": "etl", "tags": ["daily"]}}, {}, {}]
