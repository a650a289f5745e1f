"""The migrations at the path where programs import them act on the database of the settings."""

import sqlite3
from pathlib import Path

import pytest

from prefect.server.database.alembic_commands import (
    alembic_downgrade,
    alembic_revision,
    alembic_stamp,
    alembic_upgrade,
)
from prefect.server.db.schema import versions
from prefect.settings import get_current_settings


def read_revision() -> str | None:
    [file] = Path(get_current_settings().home).glob("*.db")
    with sqlite3.connect(file) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    return row[0] if row else None


def test_upgrade_downgrade_and_stamp_change_the_revision(home: Path):
    alembic_upgrade()
    newest = read_revision()
    assert newest == f"{len(versions.REVISIONS):04}"
    alembic_downgrade()
    assert read_revision() != newest
    alembic_stamp(["head"])
    assert read_revision() == newest


def test_dry_run_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]):
    alembic_upgrade(dry_run=True)
    assert "CREATE TABLE" in capsys.readouterr().out
    assert not list(Path(get_current_settings().home).glob("*.db"))


def test_revision_refuses_options(home: Path):
    with pytest.raises(NotImplementedError, match="written by hand"):
        alembic_revision("more", autogenerate=True)
