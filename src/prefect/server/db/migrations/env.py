"""What Alembic runs for each command: one connection, one transaction."""

import sqlalchemy as sa
from alembic import context
from sqlalchemy import event


def run() -> None:
    """Run the revisions asked for, beside no other writer."""
    engine = sa.create_engine(context.config.attributes["url"], poolclass=sa.pool.NullPool)
    if engine.dialect.name == "sqlite":
        # The driver would begin no transaction before DDL, and a second process could migrate beside this one.
        event.listen(engine, "connect", _autocommit)
        event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        context.configure(connection=connection, target_metadata=None, render_as_batch=True)
        context.run_migrations()


def _autocommit(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    connection.isolation_level = None


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA busy_timeout = 60000")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


run()
