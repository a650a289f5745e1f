"""The file of the local store: created, recognized, migrated, and refused with a sentence when it cannot be used."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from prefect._io import drive
from prefect.server import store
from prefect.server.db import migrations, schema
from prefect.server.db.sqlite import SqliteDatabase
from prefect.server.db.errors import StoreDamaged, StoreUnavailable, StoreVersionError
from prefect.server.db.tables import TABLES


async def count_flows(database: SqliteDatabase) -> int:
    async with database.reading() as tx:
        return await store.flows.count(tx)


def shape(path: Path) -> tuple[dict[str, list[object]], list[object]]:
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


def test_a_fresh_file_is_created_without_alembic(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from prefect._io import drive\n"
        "from prefect.server.db.sqlite import SqliteDatabase\n"
        "async def go():\n"
        "    async with SqliteDatabase(Path(sys.argv[1])).reading(): pass\n"
        "drive(go()); print([m for m in ('alembic', 'sqlalchemy', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, home / "pluperfect.db"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
    with closing(sqlite3.connect(home / "pluperfect.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.HEAD,)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_migrations_end_where_the_tables_are_declared(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    migrations.upgrade(f"sqlite:///{migrated}")
    assert drive(count_flows(SqliteDatabase(created))) == 0
    assert shape(migrated) == shape(created)


def test_the_revisions_are_linear_and_named() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.REVISIONS)
    assert scripts.get_heads() == [schema.HEAD]


def test_migrations_go_down_again(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    migrations.upgrade(f"sqlite:///{path}")
    migrations.downgrade(f"sqlite:///{path}", "base")
    columns, indexes = shape(path)
    assert (set(columns), indexes) == ({"alembic_version"}, [])


def test_an_older_file_is_migrated_when_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.db"
    drive(count_flows(SqliteDatabase(path)))
    asked: list[Path] = []
    monkeypatch.setattr(schema, "HEAD", "0002")
    monkeypatch.setattr(schema, "upgrade", asked.append)
    drive(count_flows(SqliteDatabase(path)))
    assert asked == [path]


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    drive(count_flows(SqliteDatabase(path)))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreVersionError, match=r"schema '9999'.*upgrade pluperfect"):
        drive(count_flows(SqliteDatabase(path)))


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    with pytest.raises(StoreDamaged, match="another program"):
        drive(count_flows(SqliteDatabase(path)))
    assert set(shape(path)[0]) == {"notes"}


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("not a database" * 1000)
    with pytest.raises(StoreDamaged, match=r"is damaged.*move it away"):
        drive(count_flows(SqliteDatabase(path)))
    assert path.read_text().startswith("not a database")


@pytest.mark.parametrize("kept", [50, 5000, 20000])
def test_a_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "store.db"
    drive(count_flows(SqliteDatabase(path)))
    assert path.stat().st_size > kept
    os.truncate(path, kept)
    with pytest.raises(StoreDamaged, match=re.escape(str(path))):
        drive(count_flows(SqliteDatabase(path)))
    assert path.stat().st_size == kept


def test_an_empty_file_counts_as_new(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()
    assert drive(count_flows(SqliteDatabase(path))) == 0


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    for path in (tmp_path / "home" / "store.db", tmp_path / "home" / "deeper" / "store.db"):
        with pytest.raises(StoreUnavailable, match="is not a directory"):
            drive(count_flows(SqliteDatabase(path)))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be opened or written"):
        drive(count_flows(SqliteDatabase(tmp_path / "store.db")))


def test_a_file_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "store.db")
    drive(count_flows(database))
    for path in tmp_path.iterdir():
        path.unlink()
    assert drive(count_flows(database)) == 0


def test_several_processes_create_one_file(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from prefect._io import drive\n"
        "from prefect.server.db.sqlite import SqliteDatabase\n"
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
