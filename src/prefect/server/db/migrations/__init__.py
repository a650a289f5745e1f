"""The migrations: one linear tree of Alembic revisions, packaged, for SQLite and PostgreSQL alike.

Only this package imports Alembic and SQLAlchemy. A revision is frozen once released: it says what its tables were
then, in the types below, and never reads `tables`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

Uuid: Any = sa.LargeBinary().with_variant(sa.Uuid(), "postgresql")
Time: Any = sa.BigInteger().with_variant(sa.Integer(), "sqlite").with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
Duration: Any = sa.BigInteger().with_variant(sa.Integer(), "sqlite").with_variant(sa.Interval(), "postgresql")
Json: Any = sa.Text().with_variant(sa.JSON(), "postgresql")
Flag: Any = sa.Integer().with_variant(sa.Boolean(), "postgresql")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at a SQLAlchemy URL to a revision."""
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database at a SQLAlchemy URL back to a revision."""
    command.downgrade(_config(url), revision)


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["url"] = url
    return config
