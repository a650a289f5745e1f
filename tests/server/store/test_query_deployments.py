"""Queries about deployments and schedules, on both databases."""

from __future__ import annotations

from typing import Any

from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.store.queries import deployments as queries
from tests.server.store.rows import AT, add, add_flow_run, ids, minutes, uid


async def test_find_deployment_takes_both_names(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, name in ((1, "f"), (2, "g")):
            await add(tx, store.flows, number, name=name)
            await add(tx, store.deployments, number + 10, name="d", flow_id=uid(number))
        rows = [await queries.find_deployment(tx, *names) for names in (("g", "d"), ("g", "e"), ("h", "d"))]
        return [row and row["id"] for row in rows]

    assert await database.write(work) == [uid(12), None, None]


async def test_readiness_queries_select_by_status_and_last_poll(database: Database) -> None:
    async def work(tx: Transaction) -> list[list[int]]:
        for number, status, polled in (
            (1, "READY", minutes(1)),
            (2, "READY", minutes(-1)),
            (3, "READY", None),
            (4, "NOT_READY", minutes(1)),
            (5, None, None),
        ):
            await add(tx, store.deployments, number, status=status, last_polled=polled)
        some = {"id": [uid(number) for number in (1, 2, 4, 5)]}
        return [
            ids(await queries.lock_deployments_to_refresh(tx, some, AT)),
            ids(await queries.lock_silent_deployments(tx, AT, 10)),
            ids(await queries.lock_silent_deployments(tx, AT, 1)),
        ]

    assert await database.write(work) == [[2, 4, 5], [2, 3], [2]]


async def test_due_deployments_have_active_schedules_and_are_not_paused(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, paused in ((1, False), (2, True), (3, False), (4, False)):
            await add(tx, store.deployments, number, paused=paused)
        for number, deployment, active, replan_at in (
            (11, 1, True, minutes(-1)),
            (12, 1, True, None),
            (13, 2, True, None),
            (14, 3, False, None),
            (15, 4, True, minutes(1)),
        ):
            more = {"deployment_id": uid(deployment), "active": active, "replan_at": replan_at}
            await add(tx, store.deployment_schedules, number, **more)
        before = await queries.find_due_deployments(tx, AT)
        await queries.reset_schedules(tx, [uid(4), uid(3)])
        return [before, await queries.find_due_deployments(tx, AT)]

    assert await database.write(work) == [[uid(1)], [uid(1), uid(4)]]


async def test_remove_upcoming_runs_keeps_due_started_and_manual_runs(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        for number, type_, auto, at, deployment in (
            (1, "SCHEDULED", True, 1, 50),
            (2, "SCHEDULED", True, -1, 50),
            (3, "SCHEDULED", False, 1, 50),
            (4, "RUNNING", True, 1, 50),
            (5, "SCHEDULED", True, 1, 51),
        ):
            more = {"auto_scheduled": auto, "deployment_id": uid(deployment)}
            await add_flow_run(tx, number, type_, next_scheduled_start_time=minutes(at), **more)
        removed = await queries.remove_upcoming_runs(tx, [uid(50)], AT)
        return [removed, ids(await store.flow_runs.find(tx, order="flow_run.id"))]

    assert await database.write(work) == [1, [2, 3, 4, 5]]
