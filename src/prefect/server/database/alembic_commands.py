"""Migrate the database that the settings name, as `prefect server database` does."""

from __future__ import annotations

from typing import Any

from prefect.server.db import migrations, opening
from prefect.settings import get_current_settings

__all__ = ["alembic_downgrade", "alembic_revision", "alembic_stamp", "alembic_upgrade"]


def _find_target() -> Any:
    return opening.migration_target(get_current_settings())


def alembic_upgrade(revision: str = "head", dry_run: bool = False) -> None:
    """Upgrade the database to a revision; with `dry_run` only print the statements that would."""
    migrations.upgrade(_find_target(), revision, dry_run)


def alembic_downgrade(revision: str = "-1", dry_run: bool = False) -> None:
    """Downgrade the database to a revision; with `dry_run` only print the statements that would."""
    migrations.downgrade(_find_target(), revision, dry_run)


def alembic_stamp(revision: str | list[str] | tuple[str, ...]) -> None:
    """Record a revision without running migrations."""
    for each in (revision,) if isinstance(revision, str) else revision:
        migrations.stamp(_find_target(), each)


def alembic_revision(message: str | None = None, autogenerate: bool = False, **kwargs: Any) -> None:
    """Create a new, empty migration.

    Raises:
        NotImplementedError: `autogenerate` or another option of Alembic is set: revisions are written by hand.
    """
    if autogenerate or kwargs:
        raise NotImplementedError("Revisions are written by hand: pass only a message to alembic_revision.")
    migrations.new_revision(_find_target(), message)
