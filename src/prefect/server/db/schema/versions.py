"""Create the schema, recognize its version, and migrate an older file.

A new file is made from `tables` in a few milliseconds and stamped with the newest revision; only an older one pays for
Alembic. A file of a newer release is refused, and nothing is ever deleted.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect._io import blocking
from prefect._lazy import lazy
from prefect.server.db.errors import StoreDamaged, StoreVersionError
from prefect.server.db.schema.tables import TABLES

if TYPE_CHECKING:
    import sqlite3

    from prefect.server.db.dialect import Dialect
else:
    sqlite3 = lazy("sqlite3")

REVISIONS = tuple(f"{number:04}" for number in range(1, 20))
"""Every revision of the migrations, oldest first; the last one is what `tables` declares."""

HEAD = REVISIONS[-1]

WAL_SWITCH_TIMEOUT_SECONDS = 5.0
"""Seconds to wait for other processes that hold a new file while it is switched to WAL mode."""


def prepare_sqlite(connection: sqlite3.Connection, path: Path, dialect: Dialect, migrate: bool = True) -> None:
    """Make the file at `path` have the current schema.

    Raises:
        StoreVersionError: A newer release created it, or an older one and `migrate` is false.
        StoreDamaged: It is a database of another program.
    """
    _enable_wal(connection)
    version = _version(connection, path)
    if version is None:
        version = _create(connection, path, dialect)
    if version == HEAD:
        return
    if version not in REVISIONS:
        raise StoreVersionError(
            f"The local store {str(path)!r} has schema {version!r}, and this release knows up to {HEAD!r}: upgrade "
            "pluperfect, or set PREFECT_HOME to another directory."
        )
    if not migrate:
        raise _outdated_error(f"The local store {str(path)!r}", version)
    upgrade(path)


def _outdated_error(what: str, version: str) -> StoreVersionError:
    return StoreVersionError(
        f"{what} has schema {version!r}, and this release needs {HEAD!r}: run `prefect server database upgrade`, or "
        "let servers do it with PREFECT_SERVER_DATABASE_MIGRATE_ON_START."
    )


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL mode; SQLite does not wait for other processes there, which may be doing the same."""
    deadline = time.monotonic() + WAL_SWITCH_TIMEOUT_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def upgrade(path: Path, revision: str = "head") -> None:
    """Migrate the SQLite file at `path` with Alembic."""
    importlib.import_module("prefect.server.db.migrations").upgrade(path, revision)


def _version(connection: sqlite3.Connection, path: Path) -> str | None:
    """Return the revision of the file; None for a file without any table."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names:
        return None
    stamped = "alembic_version" in names and connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if not stamped:
        raise StoreDamaged(
            f"The file {str(path)!r} is a database of another program: move it away, or set PREFECT_HOME to another "
            "directory."
        )
    return stamped[0]


def _create(connection: sqlite3.Connection, path: Path, dialect: Dialect) -> str:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)  # another process may have been first
        if version is None:
            for statement in _schema_statements(dialect):
                connection.execute(statement)
            version = HEAD
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return version


def _schema_statements(dialect: Dialect) -> list[str]:
    """Return the statements that create the current schema."""
    return [
        *(statement for table in TABLES for statement in dialect.create_statements(table)),
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        f"INSERT INTO alembic_version VALUES ('{HEAD}')",
    ]


# --- PostgreSQL ------------------------------------------------------------------------------------------------------

MIGRATION_LOCK = "SELECT pg_advisory_xact_lock(1886156144)"
"""Serializes servers that create or migrate one database; the number is an arbitrary one."""


async def prepare_postgres(
    connect: Callable[[], Awaitable[Any]], place: str, dialect: Dialect, migrate: bool = True
) -> None:
    """Make a PostgreSQL database have the current schema, if it has none or an older one.

    Args:
        connect: Makes a connection of asyncpg's to it.
        place: Its name in messages.
        dialect: PostgreSQL's.
        migrate: Whether to migrate an older schema, or to refuse it.

    Raises:
        StoreVersionError: A newer release created it, or an older one and `migrate` is false.
        StoreDamaged: It holds tables of another program.
    """
    connection = await connect()
    try:
        version = await _postgres_version(connection, place)
        if version is None:
            async with connection.transaction():
                await connection.execute(MIGRATION_LOCK)
                version = await _postgres_version(connection, place)  # another server may have been first
                if version is None:
                    for statement in _schema_statements(dialect):
                        await connection.execute(statement)
                    version = HEAD
    finally:
        await connection.close()
    if version not in REVISIONS:
        raise StoreVersionError(
            f"The database at {place!r} has schema {version!r}, and this release knows up to {HEAD!r}: upgrade "
            "pluperfect, or name another database."
        )
    if version != HEAD:
        if not migrate:
            raise _outdated_error(f"The database at {place!r}", version)
        await blocking(importlib.import_module("prefect.server.db.migrations").upgrade, connect)


async def _postgres_version(connection: Any, place: str) -> str | None:
    """Return the revision of the database; None for one without our tables."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')"):
        version = await connection.fetchval("SELECT version_num FROM alembic_version")
        if version is not None:
            return version
    if await connection.fetchval("SELECT to_regclass('flow_run')"):
        raise StoreDamaged(f"The database at {place!r} holds tables of another program: name an empty one.")
    return None
