"""The file of the local store: created, recognized, migrated, and refused with a sentence when it cannot be used."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect._io import drive
from prefect.server import store
from prefect.server.db import migrations
from prefect.server.db.errors import StoreDamaged, StoreUnavailable, StoreVersionError
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.db.schema import versions
from prefect.server.db.schema.tables import TABLES
from prefect.server.db.sql import Sql
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.db.sqlite.idle_connections import idle_connections
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from tests.postgres import Postgres
from tests.server.journal_records import FLOW_ID


async def count_flows(database: SqliteDatabase) -> int:
    async with database.reading() as tx:
        return await store.flows.count(tx)


def shape(path: Path) -> tuple[dict[str, list[Any]], list[str]]:
    """Each table's columns, whatever their order, and each index's statement."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {
            table: sorted(
                (name, kind, required, key)
                for _, name, kind, required, _, key in connection.execute(f"PRAGMA table_info({table})")
            )
            for table in tables
        }
        indexes = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
    return columns, sorted(re.sub(r'[\s"]+', "", sql) for (sql,) in indexes)


def test_new_file_is_created_without_alembic(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from prefect._io import drive\n"
        "from prefect.server.db.sqlite.database import SqliteDatabase\n"
        "async def go():\n"
        "    async with SqliteDatabase(Path(sys.argv[1])).reading(): pass\n"
        "drive(go()); print([m for m in ('alembic', 'sqlalchemy', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, home / "pluperfect.db"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    with closing(sqlite3.connect(home / "pluperfect.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(versions.HEAD,)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_revisions_are_linear_and_listed() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(versions.REVISIONS)
    assert scripts.get_heads() == [versions.HEAD]


def test_migrations_match_the_declared_tables(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    migrations.upgrade(migrated)
    assert drive(count_flows(SqliteDatabase(created))) == 0
    assert shape(migrated) == shape(created)


def test_every_index_serves_a_named_query() -> None:
    page = (Path(__file__).parents[4] / "docs/adr/0014-every-index-serves-a-named-query.md").read_text()
    named = {
        (found[1], found[2]): found[3] for found in re.finditer(r"^\| `(\w+)` \| (.*?) \| (all|some) \| .", page, re.M)
    }
    declared = {
        (index.name, ", ".join(index.columns) + (" (unique)" if index.unique else "")): "some" if index.where else "all"
        for table in TABLES
        for index in table.indexes
    }
    assert named == declared


@pytest.mark.parametrize("revision", versions.REVISIONS[:-1])
def test_downgrade_and_upgrade_restore_the_schema(tmp_path: Path, revision: str) -> None:
    path, before = tmp_path / "store.db", tmp_path / "before.db"
    migrations.upgrade(path)
    there = shape(path)
    migrations.downgrade(path, revision)
    migrations.upgrade(before, revision)
    assert shape(path) == shape(before)
    migrations.upgrade(path)
    assert shape(path) == there


def test_downgrade_to_base_drops_all_tables(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    migrations.upgrade(path)
    migrations.downgrade(path, "base")
    columns, indexes = shape(path)
    assert (set(columns), indexes) == ({"alembic_version"}, [])


def test_migration_keeps_rows(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    migrations.upgrade(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO flow (id, created, updated, name) VALUES (zeroblob(16), 1, 2, 'etl')")
        connection.execute(
            "INSERT INTO flow_run (id, created, updated, name, flow_id, states)"
            " VALUES (?, 1, 2, 'owl', zeroblob(16), ?)",
            (UUID(int=7).bytes, '[{"type":"COMPLETED"}]'),
        )
        connection.commit()

    async def kept() -> tuple[str, object, object]:
        async with SqliteDatabase(path).reading() as tx:
            run = await store.flow_runs.get(tx, UUID(int=7))
            assert run is not None
            return run["name"], run["states"], run["lease_until"]

    assert drive(kept()) == ("owl", [{"type": "COMPLETED"}], None)
    migrations.downgrade(path, "0001")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM flow_run").fetchall() == [("owl",)]


def test_migration_keeps_dead_letters_when_their_table_is_renamed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    migrations.upgrade(path, "0002")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO set_aside (id, created, reason, record) VALUES (?, 1, 'bad', '{}')", (b"7" * 16,)
        )
        connection.commit()
    migrations.upgrade(path)
    (letter,) = drive(_find_dead_letters(SqliteDatabase(path)))
    assert (letter["id"].bytes, letter["reason"], letter["record"]) == (b"7" * 16, "bad", "{}")
    migrations.downgrade(path, "0002")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT reason FROM set_aside").fetchall() == [("bad",)]


async def _find_dead_letters(database: SqliteDatabase) -> list[store.Row]:
    async with database.reading() as tx:
        return await store.dead_letters.find(tx)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


async def postgres_shape(connect: Callable[[], Awaitable[Any]]) -> tuple[list[Any], list[str]]:
    """Each table's columns, whatever their order, and each index's statement."""
    connection = await connect()
    try:
        columns = await connection.fetch(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2"
        )
        indexes = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    finally:
        await connection.close()
    own = [str(line["indexdef"]).replace("alembic_version_pkc", "alembic_version_pkey") for line in indexes]
    return [tuple(column) for column in columns], sorted(own)


def test_migrations_match_the_declared_tables_on_postgresql(postgres: Postgres, postgres_url: str) -> None:
    migrated, created = PostgresDatabase(postgres_url), PostgresDatabase(postgres.url("ours"))
    migrations.upgrade(migrated.connect)
    there = asyncio.run(postgres_shape(created.connect))
    assert asyncio.run(postgres_shape(migrated.connect)) == there
    for revision in versions.REVISIONS[-2::-1]:
        migrations.downgrade(migrated.connect, revision)
        assert asyncio.run(postgres_shape(migrated.connect)) != there
        migrations.upgrade(migrated.connect)
        assert asyncio.run(postgres_shape(migrated.connect)) == there
    migrations.downgrade(migrated.connect, "base")
    assert {table for table, *_ in asyncio.run(postgres_shape(migrated.connect))[0]} == {"alembic_version"}


async def test_older_postgresql_database_is_migrated_on_open(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url)
    await asyncio.to_thread(migrations.upgrade, database.connect, "0001")
    connection = await database.connect()
    await connection.execute("INSERT INTO flow (id, created, updated, name) VALUES ($1, now(), now(), 'etl')", FLOW_ID)
    await connection.close()
    others = [PostgresDatabase(postgres_url) for _ in range(3)]
    await asyncio.gather(*(other.open() for other in (database, *others)))
    assert await database.read(lambda tx: store.flows.count(tx)) == 1
    assert await database.read(lambda tx: store.events.count(tx)) == 0
    for other in (database, *others):
        await other.close()


async def test_older_database_is_refused_when_migration_is_off(tmp_path: Path, postgres_url: str) -> None:
    migrations_of: list[Any] = [tmp_path / "store.db", PostgresDatabase(postgres_url).connect]
    for target in migrations_of:
        await asyncio.to_thread(migrations.upgrade, target, "0001")
    for database in (
        SqliteWriterDatabase(tmp_path / "store.db", migrate=False),
        PostgresDatabase(postgres_url, migrate=False),
    ):
        with pytest.raises(StoreVersionError, match="run `prefect server database upgrade`"):
            await database.open()


async def test_concurrent_servers_create_one_postgresql_database(postgres_url: str) -> None:
    databases = [PostgresDatabase(postgres_url) for _ in range(5)]
    await asyncio.gather(*(database.open() for database in databases))
    for database in databases:
        assert await database.read(lambda tx: store.flows.count(tx)) == 0
        await database.close()


async def test_newer_postgresql_database_is_refused(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url)
    await database.open()
    await database.write(lambda tx: tx.run(Sql("UPDATE alembic_version SET version_num = '9999'")))
    await database.close()
    with pytest.raises(StoreVersionError, match=r"test_\d+' has schema '9999'.*upgrade pluperfect"):
        await database.open()


async def test_postgresql_database_of_another_program_is_refused(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url)
    connection = await database.connect()
    await connection.execute("CREATE TABLE flow_run (note TEXT)")
    await connection.close()
    with pytest.raises(StoreDamaged, match="another program"):
        await database.open()


async def test_unreachable_postgresql_server_is_named() -> None:
    with pytest.raises(StoreUnavailable, match=r"'127\.0\.0\.1:1/none' cannot be reached"):
        await PostgresDatabase("postgresql+asyncpg://app:secret@127.0.0.1:1/none").open()


# --- a file as it is found -------------------------------------------------------------------------------------------


def test_older_file_is_migrated_on_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    drive(count_flows(SqliteDatabase(path)))
    upgraded: list[Path] = []
    monkeypatch.setattr(versions, "HEAD", "9999")
    monkeypatch.setattr(versions, "upgrade", upgraded.append)
    drive(count_flows(SqliteDatabase(path)))
    assert upgraded == [path]


def test_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    drive(count_flows(SqliteDatabase(path)))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreVersionError, match=r"schema '9999'.*upgrade pluperfect"):
        drive(count_flows(SqliteDatabase(path)))


def test_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    with pytest.raises(StoreDamaged, match="another program"):
        drive(count_flows(SqliteDatabase(path)))
    assert set(shape(path)[0]) == {"notes"}


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("not a database" * 1000)
    with pytest.raises(StoreDamaged, match=r"is damaged.*move it away"):
        drive(count_flows(SqliteDatabase(path)))
    assert path.read_text().startswith("not a database")


@pytest.mark.parametrize("kept", [50, 5000, 20000])
def test_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "store.db"
    drive(count_flows(SqliteDatabase(path)))
    idle_connections.close_all()
    assert path.stat().st_size > kept
    os.truncate(path, kept)
    with pytest.raises(StoreDamaged, match=re.escape(str(path))):
        drive(count_flows(SqliteDatabase(path)))
    assert path.stat().st_size == kept


def test_empty_file_is_initialized(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    assert drive(count_flows(SqliteDatabase(path))) == 0


def test_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    for path in (tmp_path / "home" / "store.db", tmp_path / "home" / "deeper" / "store.db"):
        with pytest.raises(StoreUnavailable, match="is not a directory"):
            drive(count_flows(SqliteDatabase(path)))


def test_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened or written"):
        drive(count_flows(SqliteDatabase(tmp_path / "store.db")))


def test_deleted_file_is_created_again(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.db")
    drive(count_flows(database))
    for path in tmp_path.iterdir():
        path.unlink()
    assert drive(count_flows(database)) == 0


def test_concurrent_processes_create_one_file(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from prefect._io import drive\n"
        "from prefect.server.db.sqlite.database import SqliteDatabase\n"
        "async def go():\n"
        "    async with SqliteDatabase(Path(sys.argv[1])).writing(): pass\n"
        "sys.stdin.read(); drive(go())"
    )
    command = [sys.executable, "-c", code, str(home / "pluperfect.db")]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(5)]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    for process in started:
        assert process.stderr is not None
        with process.stderr:
            assert (process.stderr.read(), process.wait()) == (b"", 0)
    assert {table.name for table in TABLES} < set(shape(home / "pluperfect.db")[0])
