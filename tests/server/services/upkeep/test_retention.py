"""What is old is removed, in batches, and nothing else; on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from prefect.server import store
from prefect.server.bus import Bus
from prefect.server.db.interface import Database
from prefect.server.loops import Environment, all_loops, retention
from prefect.server.services.events import event_store
from prefect.server.services.runs.logs import run_logs
from prefect.server.services.runs.states import run_states
from prefect.server.services.upkeep.retention import prune_local_store
from prefect.settings import (
    PREFECT_SERVER_EVENTS_RETENTION_PERIOD,
    PREFECT_SERVER_SERVICES_DB_VACUUM_BATCH_SIZE,
    PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED,
    PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES,
    get_current_settings,
    temporary_settings,
)
from prefect.types import new_id, now


def days(number: float) -> datetime:
    return now() - timedelta(days=number)


def make_id(time: datetime) -> UUID:
    """An id that was made at a time."""
    return UUID(int=(int(time.timestamp() * 1000) << 80) | (new_id().int & ((1 << 80) - 1)))


async def add_events(database: Database, *events: tuple[str, float]) -> None:
    rows = [
        {
            "occurred": days(age),
            "event": name,
            "resource": {"prefect.resource.id": "thing.1"},
            "related": [],
            "payload": {},
            "id": new_id(),
            "follows": None,
            "received": now(),
        }
        for name, age in events
    ]
    await database.write(lambda tx: event_store.add_events(tx, rows))


async def names(database: Database) -> list[str]:
    rows = await database.read(lambda tx: store.events.find(tx, order=store.events.order("occurred")))
    return [event_store.from_row(row)["event"] for row in rows]


def environment(database: Database) -> Environment:
    return Environment(database, Bus(), get_current_settings())


@pytest.mark.parametrize("batch", [1, 2, 200])
async def test_events_are_kept_for_the_period_of_their_name(database: Database, batch: int) -> None:
    periods = {"short": timedelta(days=1), "long": timedelta(days=30), "prefect.task-run.Running": timedelta(days=2)}
    await add_events(
        database, ("a", 8), ("b", 6), ("short", 2), ("short", 0.5), ("long", 20), ("long", 40), ("c", 100), ("d", 7.5),
        ("prefect.task-run.Running", 3), ("prefect.task-run.Running", 1), ("prefect.task-run.Failed", 3),
    )  # fmt: skip
    settings = {
        PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES: periods,
        PREFECT_SERVER_SERVICES_DB_VACUUM_BATCH_SIZE: batch,
        PREFECT_SERVER_EVENTS_RETENTION_PERIOD: timedelta(days=7),
    }
    with temporary_settings(settings):
        await retention.remove_events(environment(database))
    left = ["long", "b", "prefect.task-run.Failed", "prefect.task-run.Running", "short"]
    assert await names(database) == left


async def test_embedded_store_removes_old_events(database: Database) -> None:
    await add_events(database, ("old", 9), ("older", 100), ("young", 6))
    await prune_local_store(database)
    assert await names(database) == ["young"]


async def test_dead_letters_are_kept_for_the_retention_period(database: Database) -> None:
    def dead_letters(*ages: float) -> list[dict[str, Any]]:
        return [
            {"id": make_id(days(age)), "created": days(age), "reason": str(age), "record": "{}", "run_id": None}
            for age in ages
        ]

    async def read_reasons() -> list[str]:
        return sorted(row["reason"] for row in await database.read(store.dead_letters.find))

    await database.write(lambda tx: store.dead_letters.add(tx, dead_letters(89, 91, 400)))
    with temporary_settings({PREFECT_SERVER_SERVICES_DB_VACUUM_BATCH_SIZE: 1}):
        await retention.remove_dead_letters(environment(database))
    assert await read_reasons() == ["89"]
    await database.write(lambda tx: store.dead_letters.add(tx, dead_letters(92)))
    await prune_local_store(database)
    assert await read_reasons() == ["89"], "as without a server"


async def test_logs_are_kept_for_the_retention_period(database: Database) -> None:
    logs = [
        {"name": "n", "level": 20, "message": str(age), "timestamp": days(age), "flow_run_id": None}
        for age in (89, 91, 400)
    ]
    await database.write(lambda tx: run_logs.add(tx, logs))
    with temporary_settings({PREFECT_SERVER_SERVICES_DB_VACUUM_BATCH_SIZE: 1}):
        await retention.remove_logs(environment(database))
    assert [row["message"] for row in await database.read(store.logs.find)] == ["89"]


def flow_run(state: str, ended: float) -> dict[str, Any]:
    row = {
        "id": make_id(days(ended)),
        "created": days(ended),
        "updated": days(ended),
        "name": state,
        "flow_id": UUID(int=1),
    }
    row |= {**run_states.NO_DERIVED_COLUMNS, "states": []}
    run_states.enter_state(row, {"id": str(new_id()), "type": state, "timestamp": event_store.to_micros(days(ended))})
    return row


async def test_old_flow_runs_are_removed_with_their_objects(database: Database) -> None:
    rows = [flow_run("COMPLETED", 100), flow_run("RUNNING", 100), flow_run("FAILED", 80)]
    task = {**flow_run("COMPLETED", 100), "flow_run_id": rows[0]["id"], "task_key": "k", "dynamic_key": "0"}

    async def work(tx: Any) -> None:
        await store.flow_runs.add(tx, rows)
        await store.task_runs.add(tx, [task])

    await database.write(work)
    await retention.remove_flow_runs(environment(database))
    left = await database.read(store.flow_runs.find)
    assert sorted(row["name"] for row in left) == ["FAILED", "RUNNING"]
    assert await database.read(store.task_runs.count) == 0


async def test_old_orphans_are_removed(database: Database) -> None:
    known = flow_run("RUNNING", 100)
    owners = [known["id"], UUID(int=5), None]
    logs = [
        {"name": "n", "level": 20, "message": str(owner), "timestamp": days(age), "flow_run_id": owner}
        for owner in owners
        for age in (0.5, 2)
    ]

    async def work(tx: Any) -> None:
        await store.flow_runs.add(tx, [known])
        await run_logs.add(tx, logs)

    await database.write(work)
    with temporary_settings({PREFECT_SERVER_SERVICES_DB_VACUUM_BATCH_SIZE: 1}):
        await retention.remove_orphans(environment(database))
    left = [row["flow_run_id"] for row in await database.read(store.logs.find)]
    assert sorted(map(str, left)) == sorted(map(str, [known["id"], known["id"], None, None, UUID(int=5)]))


async def test_lines_of_removed_workers_are_removed(database: Database) -> None:
    worker, run = UUID(int=1), UUID(int=2)
    lines = {"gone": (UUID(int=3), None), "kept": (worker, None), "of a run": (UUID(int=3), run)}
    logs = [
        {
            "name": "n",
            "level": 20,
            "message": name,
            "timestamp": days(2),
            "worker_id": owner,
            "flow_run_id": flow_run_id,
        }
        for name, (owner, flow_run_id) in lines.items()
    ]

    async def work(tx: Any) -> None:
        at = days(3)
        values = {"id": worker, "created": at, "updated": at, "name": "w", "work_pool_id": UUID(int=4)}
        await store.workers.add(tx, [{**values, "status": "ONLINE", "last_heartbeat_time": at}])
        await store.flow_runs.add(tx, [{**flow_run("RUNNING", 100), "id": run}])
        await run_logs.add(tx, logs)

    await database.write(work)
    await retention.remove_orphans(environment(database))
    assert sorted(row["message"] for row in await database.read(store.logs.find)) == ["kept", "of a run"]


RETAINED = {"EventRetention", "LogRetention", "DeadLetterRetention", "FiringRetention"}


@pytest.mark.parametrize(
    ("enabled", "wanted"),
    [
        (None, RETAINED),
        ({"events", "flow_runs"}, {*RETAINED, "FlowRunRetention", "Orphans"}),
        ({"flow_runs"}, {"FlowRunRetention", "Orphans"}),
    ],
)
def test_settings_select_the_retention_loops(enabled: Any, wanted: set[str]) -> None:
    settings = {} if enabled is None else {PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED: enabled}
    with temporary_settings(settings):
        loops = {loop.name for loop in all_loops(get_current_settings()) if loop.enabled}
    assert loops & {*RETAINED, "FlowRunRetention", "Orphans"} == wanted
