"""Counts of runs, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.store.queries import history as queries
from prefect.server.store.queries.history import FinishedCount
from tests.server.store.rows import AT, add, add_flow_run, add_task_run, ids, minutes, uid

HOUR = timedelta(hours=1)
ALL = store.flow_runs.where({})


async def test_count_by_interval_sums_run_time_and_lateness(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        late = {"start_time": minutes(3), "end_time": minutes(5), "total_run_time": timedelta(minutes=2)}
        await add_flow_run(tx, 1, "COMPLETED", expected_start_time=minutes(1), **late)
        await add_flow_run(tx, 2, "COMPLETED", expected_start_time=minutes(59), end_time=minutes(59))
        await add_flow_run(tx, 3, "FAILED", expected_start_time=minutes(60), end_time=minutes(60))
        await add_flow_run(tx, 4, "FAILED", expected_start_time=minutes(120), end_time=minutes(120))
        counts = await queries.count_by_interval(tx, store.flow_runs, AT, AT + 2 * HOUR, HOUR, ALL)
        one = await queries.count_by_interval(
            tx, store.flow_runs, AT, AT + 2 * HOUR, HOUR, store.flow_runs.where({"id": uid(3)})
        )
        lateness = [
            await queries.compute_average_lateness(tx, store.flow_runs.where({"id": id_}))
            for id_ in ([uid(1), uid(2)], uid(9))
        ]
        return [list(map(tuple, counts)), len(one), lateness]

    first, second = (0, "COMPLETED", "Completed", 2, 120.0, 120.0), (1, "FAILED", "Failed", 1, 0.0, 0.0)
    assert await database.write(work) == [[first, second], 1, [60.0, None]]


async def test_counts_by_state_owner_and_interval(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        await add_flow_run(tx, 1, "COMPLETED", parent_task_run_id=uid(12))
        await add_flow_run(tx, 2, "RUNNING")
        await add(tx, store.flow_runs, 3, states=[])
        for number, type_, at in ((10, "COMPLETED", 1), (11, "CRASHED", 1), (12, "RUNNING", 1), (13, "FAILED", 61)):
            await add_task_run(tx, number, type_, flow_run_id=uid(2), start_time=minutes(at))
        await add(tx, store.deployments, 20, flow_id=uid(7))
        return [
            await queries.count_by_state(tx, store.flow_runs, ALL),
            sorted(await queries.count_finished_task_runs(tx, AT, HOUR, store.task_runs.where({}))),
            await queries.count_task_runs(tx, [uid(1), uid(2)]),
            await queries.count_deployments(tx, [uid(7), uid(8)]),
        ]

    assert await database.write(work) == [
        {"COMPLETED": 1, "RUNNING": 1},
        [FinishedCount(0, 2, 1), FinishedCount(1, 1, 1)],
        {uid(1): 0, uid(2): 3},
        {uid(7): 1, uid(8): 0},
    ]


async def test_find_next_runs_returns_the_first_scheduled_run_of_each_flow(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, flow, at in ((1, 7, 5), (2, 7, 3), (3, 8, 1)):
            await add_flow_run(tx, number, "SCHEDULED", flow_id=uid(flow), next_scheduled_start_time=minutes(at))
        await add_flow_run(tx, 4, "RUNNING", flow_id=uid(7), next_scheduled_start_time=minutes(1))
        await add(tx, store.flow_runs, 5, states=[])
        points = await queries.find_chart_points(tx, "flow_run.id DESC", 2, 1, ALL)
        return [sorted(ids(await queries.find_next_runs(tx, [uid(7), uid(8), uid(9)]))), ids(points)]

    assert await database.write(work) == [[2, 3], [3, 2]]
