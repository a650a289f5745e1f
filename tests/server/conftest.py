"""What tests of the server start from: the store of the home, both kinds of database, and the API over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prefect.server.app import Server
from prefect.server.bus import Bus
from prefect.server.db.interface import Database
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.db.schema.tables import TABLES
from prefect.server.db.sqlite.database import SqliteDatabase, open_home
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from prefect.settings import get_current_settings
from tests.postgres import Postgres

TERMINATE_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ours' AND pid <> pg_backend_pid()"
)
"""Ends what an earlier test has left behind."""


@pytest.fixture
def local_store(home: Path) -> SqliteDatabase:
    """The local store of the test's home, not yet created."""
    return open_home(home)


@pytest.fixture(scope="session")
def postgres(postgres_server: Postgres) -> Postgres:
    """The PostgreSQL server of this process, with a database `ours` that has the schema."""
    url = postgres_server.create("ours")

    async def prepare() -> None:
        database = PostgresDatabase(url)
        await database.open()
        await database.close()

    asyncio.run(prepare())
    return postgres_server


def delete_all_rows(server: Postgres) -> None:
    """Remove all rows of `ours`: quicker than a new database."""
    server.sql(f"{TERMINATE_CONNECTIONS}; {'; '.join(f'DELETE FROM {table.name}' for table in TABLES)}", "ours")


@pytest.fixture(params=["sqlite", "postgres"])
def closed_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with nothing in it, to be opened: a SQLite file, then PostgreSQL."""
    if request.param == "sqlite":
        yield SqliteWriterDatabase(tmp_path / "store.db")
        return
    server: Postgres = request.getfixturevalue("postgres")
    delete_all_rows(server)
    yield PostgresDatabase(server.url("ours"), connections=5)


@pytest.fixture
async def database(closed_database: Database) -> AsyncIterator[Database]:
    """The same, open."""
    await closed_database.open()
    yield closed_database
    await closed_database.close()


class _SwitchableDatabase:
    """The database of the test that runs: a server takes seconds to build, so all tests of a process share one."""

    database: Any = None
    depth = 0

    async def read(self, work: Any) -> Any:
        return await self.database.read(work)

    async def read_briefly(self, work: Any) -> Any:
        return await self.database.read_briefly(work)

    async def write(self, work: Any, durable: bool = True) -> Any:
        return await self.database.write(work)

    async def write_briefly(self, work: Any) -> Any:
        return await self.database.write_briefly(work)


_shared_database: Any = _SwitchableDatabase()


@pytest.fixture(scope="session")
def shared_server() -> Server:
    """A server without loops that has no database of its own."""
    return Server(get_current_settings(), _shared_database, loops=False)


@pytest.fixture
async def server(shared_server: Server, database: Database) -> Server:
    """A server on the database, without loops; its bus is started, and its settings are the test's."""
    _shared_database.database = database
    shared_server.settings = get_current_settings()
    shared_server.bus = Bus()
    shared_server.bus.start(database)
    shared_server.answers.forget()
    return shared_server


@pytest.fixture
async def api(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server's API, with no socket between."""
    transport = httpx.ASGITransport(server.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api") as client:
        yield client
