"""Names of states that runs have had: recorded with the change, listed, and free of cost when known."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest

from prefect.server import store
from prefect.server.db import migrations
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.runs.states import observed_states
from prefect.types import now
from tests.server import journal_records
from tests.server.route_client import RouteClient

RUNNING = {"type": "RUNNING"}
RETRYING = {"type": "RUNNING", "name": "Retrying"}


@pytest.fixture
async def client(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


async def names(database: Database) -> list[tuple[str, str]]:
    rows = await database.read(lambda tx: observed_states.find_observed_states(tx, "NAME_ASC", 200))
    return [(row["state_type"], row["state_name"]) for row in rows]


async def record(database: Database, *states: Any) -> None:
    for _ in range(2):  # the second transaction begins when the listeners have been called about the first
        await database.write(lambda tx: observed_states.record_states(tx, states))


@pytest.fixture
async def remembering(database: Database) -> AsyncIterator[Database]:
    """A database whose memory follows what is committed, as in a server."""
    database.listen(observed_states.remember_recorded(database.memory))
    yield database


# --- what is recorded ------------------------------------------------------------------------------------------------


async def test_states_of_runs_are_observed(client: RouteClient, database: Database) -> None:
    run = await client.flow_run("PENDING")
    await client.set_state("flow", run, "RUNNING", name="Warming up")
    task = await client.task_run(run)
    await client.set_state("task", task, "RUNNING")
    assert await names(database) == [("PENDING", "Pending"), ("RUNNING", "Running"), ("RUNNING", "Warming up")]


async def test_refused_state_is_not_observed(client: RouteClient, database: Database) -> None:
    run = await client.flow_run("RUNNING")
    _, answer = await client.set_state("flow", run, "PENDING", name="Again")
    assert answer["status"] != "ACCEPT"
    assert await names(database) == [("RUNNING", "Running")]


async def test_states_of_journal_records_are_observed(api: httpx.AsyncClient, database: Database) -> None:
    run = journal_records.flow_run()
    records = [journal_records.flow(), run, journal_records.state("flow_run", run["id"], "COMPLETED", 1, name="Cached")]
    response = await api.post("/journal", content=b"\n".join(orjson.dumps(record) for record in records))
    assert response.status_code == 200, response.text
    assert ("COMPLETED", "Cached") in await names(database)


# --- memory ----------------------------------------------------------------------------------------------------------


async def test_known_state_costs_no_statement(remembering: Database) -> None:
    await record(remembering, RUNNING)

    class NoDatabase:
        """A transaction that has the memory and no database."""

        memory = remembering.memory

    tx: Any = NoDatabase()
    await observed_states.record_states(tx, [RUNNING, RUNNING])
    with pytest.raises(AttributeError):
        await observed_states.record_states(tx, [RUNNING, RETRYING])


async def test_rolled_back_state_is_recorded_by_the_next_change(remembering: Database) -> None:
    async def fail(tx: Transaction) -> None:
        await observed_states.record_states(tx, [RUNNING])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await remembering.write(fail)
    assert await names(remembering) == []
    await record(remembering, RUNNING)
    assert await names(remembering) == [("RUNNING", "Running")]


async def test_last_seen_is_refreshed_after_the_interval(
    remembering: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = now()
    for passed, expected in [(0, 0), (59, 0), (60, 60), (90, 60)]:
        at = begun + timedelta(seconds=passed)
        monkeypatch.setattr(observed_states, "now", lambda at=at: at)
        await record(remembering, RUNNING)
        row = (await remembering.read(store.observed_states.find))[0]
        assert (row["first_seen"], row["last_seen"]) == (begun, begun + timedelta(seconds=expected))


# --- the operation ---------------------------------------------------------------------------------------------------


async def test_observed_states_are_sorted_filtered_and_limited(
    client: RouteClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = now()
    for minutes, name in enumerate(["Warm_up", "Crash%test", "cleanup"]):
        monkeypatch.setattr(observed_states, "now", lambda at=begun + timedelta(minutes=minutes): at)
        await record(database, {"type": "RUNNING", "name": name})

    async def listed(**query: Any) -> list[str]:
        return [state["state_name"] for state in await client("GET", "/observed-states", **query)]

    assert await listed() == ["cleanup", "Crash%test", "Warm_up"]
    assert sorted(await listed(order_by="NAME_ASC")) == sorted(await listed())
    assert await listed(limit=1) == ["cleanup"]
    assert await listed(query="UP") == ["cleanup", "Warm_up"]
    assert await listed(query="%") == ["Crash%test"]
    assert await listed(query="_") == ["Warm_up"]
    assert await listed(query="nothing") == []
    for invalid in ({"limit": 0}, {"limit": 201}, {"query": "x" * 101}, {"order_by": "ID_DESC"}):
        status, _ = await client.send("GET", "/observed-states", **invalid)
        assert status == 422


# --- databases of earlier releases -----------------------------------------------------------------------------------

STATES = '[{"type":"PENDING","timestamp":1000000},{"type":"RUNNING","name":"Warm","timestamp":2000000}]'
LATER = '[{"type":"PENDING","timestamp":5000000},{"type":"CRASHED"}]'


def at(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


EXPECTED = [("PENDING", "Pending", at(1), at(5)), ("RUNNING", "Warm", at(2), at(2))]


async def seen(database: Database) -> list[tuple[Any, ...]]:
    rows = await database.read(lambda tx: observed_states.find_observed_states(tx, "NAME_ASC", 200))
    return [(row["state_type"], row["state_name"], row["first_seen"], row["last_seen"]) for row in rows]


async def test_migration_collects_the_states_of_a_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    migrations.upgrade(path, "0003")
    with closing(sqlite3.connect(path)) as connection:
        run = (
            "INSERT INTO flow_run (id, created, updated, name, flow_id, states) VALUES (?, 1, 2, 'a', zeroblob(16), ?)"
        )
        for number, states in enumerate((STATES, LATER, None)):
            connection.execute(run, (UUID(int=number).bytes, states))
        connection.commit()
    assert await seen(SqliteDatabase(path)) == EXPECTED


async def test_migration_collects_the_states_of_a_postgresql_database(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url)
    await asyncio.to_thread(migrations.upgrade, database.connect, "0003")
    connection: asyncpg.Connection = await database.connect()
    run = "INSERT INTO flow_run (id, created, updated, name, flow_id, states) VALUES ($1, now(), now(), 'a', $1, $2)"
    for number, states in enumerate((STATES, LATER, None)):
        await connection.execute(run, UUID(int=number), states)
    await connection.close()
    await database.open()
    try:
        assert await seen(database) == EXPECTED
    finally:
        await database.close()
