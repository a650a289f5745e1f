"""Alembic's environment, run for each command: one connection, one transaction, no other writer."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import context
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from prefect.server.db.schema import versions


def run() -> None:
    """Run the requested revisions."""
    target = context.config.attributes["target"]
    if context.is_offline_mode():
        context.configure(dialect_name="sqlite" if isinstance(target, Path) else "postgresql")
        context.run_migrations()
    elif isinstance(target, Path):
        _run_sqlite(target)
    else:
        asyncio.run(_run_postgres(target))


def _run_sqlite(path: Path) -> None:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), poolclass=sa.pool.NullPool)
    # The driver would begin no transaction before DDL, and a second process could migrate beside this one.
    event.listen(engine, "connect", _autocommit)
    event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        _migrate(connection)


def _autocommit(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    connection.isolation_level = None


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA busy_timeout = 60000")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _run_postgres(connect: object) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=sa.pool.NullPool)
    async with engine.begin() as connection:
        await connection.exec_driver_sql(versions.MIGRATION_LOCK)
        await connection.run_sync(_migrate)


def _migrate(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=None)
    context.run_migrations()


run()
