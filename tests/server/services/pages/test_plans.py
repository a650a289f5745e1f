"""What the pages read is found by indexes, however many runs there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prefect.server.db.interface import Database, Transaction
from prefect.server.db.sql import Sql
from prefect.server.db.sqlite.database import SqliteDatabase, SqliteTransaction
from prefect.server.store.queries.events import find_failed_actions, find_run_events
from prefect.types import new_id, now
from tests.server.route_client import RouteClient
from tests.server.transactions import replace_method

LARGE = ("flow_run", "task_run", "log", "event", "artifact")


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Each step of the plan of each statement, with the statement."""
    found: list[tuple[str, str]] = []

    def explain_before(fetch: Any) -> Any:
        async def explain(tx: Transaction, sql: Sql) -> list[tuple[Any, ...]]:
            if isinstance(tx, SqliteTransaction) and sql.text.lstrip().startswith("SELECT"):
                plan = await fetch(tx, Sql(f"EXPLAIN QUERY PLAN {sql.text}", sql.values))
                found.extend((row[3], sql.text) for row in plan)
            return await fetch(tx, sql)

        return explain

    replace_method(monkeypatch, "fetch", explain_before)
    yield found


async def test_pages_read_no_large_table_whole(
    call: RouteClient, database: Database, plans: list[tuple[str, str]]
) -> None:
    if not isinstance(database, SqliteDatabase):
        pytest.skip("plans of SQLite")
    flow = await call.flow("etl")
    run = await call.flow_run("FAILED", flow_id=flow)
    deployment = (await call("POST", "/deployments/", {"name": "prod", "flow_id": flow}))["id"]
    task = {"flow_run_id": run, "task_key": "load", "dynamic_key": "0", "state": {"type": "FAILED"}}
    task_run = (await call("POST", "/task_runs/", task))["id"]
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    heartbeat = {"name": "one", "return_id": True}
    worker = await call("POST", "/work_pools/{work_pool_name}/workers/heartbeat", heartbeat, work_pool_name="local")
    plans.clear()
    for path in (
        "overview",
        "overview?hours=2&until=2026-01-01T00:00:00Z",
        "overview?q=tag:prod+subflow:no&back=1",
        "overview/task-runs",
        "runs?q=since:24h",
        "runs?kind=task_run&q=since:24h",
        "flows",
        "flows?deployed=true&sort=-created",
        f"flow/{flow}",
        "deployments",
        f"deployment/{deployment}",
        "work-pools",
        "work-pool/local",
        "work-pool/local/worker/one",
        f"worker/{worker}/logs?level=30&since=2026-01-01T00:00:00Z",
        f"worker/{worker}/logs/choices",
        f"worker/{worker}/logs/hits?q=x",
        f"worker/{worker}/logs/around?at=2026-01-01T00:00:00Z",
        f"flow-run/{run}",
        f"flow-run/{run}/graph",
        f"flow-run/{run}/logs",
        f"flow-run/{run}/logs/hits?q=x",
        f"flow-run/{run}/logs/around?at=2026-01-01T00:00:00Z",
        f"task-run/{task_run}",
        "calendar?since=2026-01-01T00:00:00Z",
        "search?q=load",
        "overview/flows?states=FAILED",
        "runs?q=deployment:prod+-state:scheduled&sort=start",
        f"runs?q=deployment:{deployment}",
        f"runs?q=flow:{flow}",
        f"runs?kind=task_run&q=run:{run}",
    ):
        answer = await call.client.get(f"/ui/pages/{path}")
        assert answer.status_code == 200, path
    whole = [(step, text) for step, text in plans if step in {f"SCAN {table}" for table in LARGE}]
    assert plans
    assert whole == []


@pytest.mark.parametrize("table", ["flow_run", "task_run"])
async def test_runs_are_counted_without_reading_rows(
    call: RouteClient, database: Database, plans: list[tuple[str, str]], table: str
) -> None:
    if not isinstance(database, SqliteDatabase):
        pytest.skip("plans of SQLite")
    run = await call.flow_run("COMPLETED")
    task = {"flow_run_id": run, "task_key": "load", "dynamic_key": "0", "state": {"type": "COMPLETED"}}
    await call("POST", "/task_runs/", task)
    plans.clear()
    answer = await call.client.get(f"/ui/pages/runs?kind={table}&q=since:24h%20state:completed")
    assert answer.json()["total"] == 1
    counted = [step for step, text in plans if "timed.name, count(*)" in text and table in text]
    assert f"SEARCH {table} USING COVERING INDEX {table}_by_start (<expr>>?)" in counted


async def test_events_are_read_by_their_keys_in_the_index(
    call: RouteClient, database: Database, plans: list[tuple[str, str]]
) -> None:
    if not isinstance(database, SqliteDatabase):
        pytest.skip("plans of SQLite")
    keys = [(now(), new_id()) for _ in range(10)]
    assert await database.read(lambda tx: find_run_events(tx, keys)) == []
    read = [step for step, _ in plans if "event" in step]
    assert len(read) == 1
    assert read[0].startswith("SEARCH event USING PRIMARY KEY (occurred=?")  # newer releases of SQLite use the id too


async def test_failed_actions_are_read_from_their_index(database: Database, plans: list[tuple[str, str]]) -> None:
    if not isinstance(database, SqliteDatabase):
        pytest.skip("plans of SQLite")
    assert await database.read(lambda tx: find_failed_actions(tx, now(), 10)) == []
    assert [step for step, _ in plans] == ["SEARCH event USING INDEX event_action_failed (occurred>?)"]
