"""The migrations: one linear tree of Alembic revisions, packaged, for SQLite and PostgreSQL alike.

Only this package imports Alembic and SQLAlchemy. A revision is frozen once released: it declares its tables as they
were then, with the types below, and never reads `schema.tables`.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config

from prefect.server.db.schema import versions

Uuid: Any = sa.LargeBinary().with_variant(sa.Uuid(), "postgresql")
Time: Any = sa.Integer().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
Duration: Any = sa.Integer().with_variant(sa.Interval(), "postgresql")
Json: Any = sa.Text().with_variant(sa.JSON(), "postgresql")
Flag: Any = sa.Integer().with_variant(sa.Boolean(), "postgresql")
Int: Any = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
Real: Any = sa.REAL().with_variant(sa.Double(), "postgresql")
Bytes: Any = sa.LargeBinary()

Target: TypeAlias = Path | Callable[[], Awaitable[Any]]
"""The target of a migration: a SQLite file, or a function that connects to a PostgreSQL database with asyncpg."""

_ALEMBIC_LOCK = threading.Lock()
"""Alembic keeps its state in module globals, so only one thread may migrate at a time."""


def upgrade(target: Target, revision: str = "head", sql: bool = False) -> None:
    """Upgrade a database to a revision; with `sql` only print the statements."""
    with _ALEMBIC_LOCK:
        command.upgrade(_config(target), revision, sql)


def downgrade(target: Target, revision: str, sql: bool = False) -> None:
    """Downgrade a database to a revision; with `sql` only print the statements."""
    with _ALEMBIC_LOCK:
        command.downgrade(_config(target), revision, sql)


def stamp(target: Target, revision: str) -> None:
    """Record that a database is at a revision, without migrating it."""
    with _ALEMBIC_LOCK:
        command.stamp(_config(target), revision)


def new_revision(target: Target, message: str | None) -> None:
    """Write the file of a new revision, to be filled in by hand and added to `versions.REVISIONS`."""
    with _ALEMBIC_LOCK:
        command.revision(_config(target), message, rev_id=f"{len(versions.REVISIONS) + 1:04}")


def _config(target: Target) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    config.attributes["target"] = target
    return config


# --- the words of revisions ------------------------------------------------------------------------------------------


def required(kind: Any, names: str) -> list[sa.Column]:
    """Return columns that may not be null; `id` is the key."""
    return [sa.Column(name, kind, nullable=False, primary_key=name == "id") for name in names.split()]


def optional(kind: Any, names: str) -> list[sa.Column]:
    """Return columns that may be null."""
    return [sa.Column(name, kind) for name in names.split()]


def index(name: str, table: str, columns: str, where: str | None = None, unique: bool = False) -> None:
    """Create an index."""
    condition = None if where is None else sa.text(where)
    op.create_index(
        name, table, columns.split(), unique=unique, sqlite_where=condition, postgresql_where=condition
    )  # fmt: skip
