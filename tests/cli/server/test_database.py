"""`prefect server database`: migrations and the key of encryption, in this process."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from prefect.blocks.system import Secret
from prefect.server.db.schema.versions import HEAD
from prefect.server.services.security.encryption import KEY_VARIABLE
from tests.cli.conftest import Run


def test_reencrypt_names_blocks_that_it_cannot_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))

    def reencrypt(key: str) -> str:
        monkeypatch.setenv(KEY_VARIABLE, key)
        outcome = run("server", "database", "reencrypt")
        return outcome.err if outcome.code == 1 else outcome.out

    monkeypatch.setenv(KEY_VARIABLE, old)
    Secret(value="x").save("mine")  # type: ignore[call-arg]
    assert "1 block could not be read and did not change: 'mine'. Add the keys" in reencrypt(new)
    assert "Encrypted 1 block of" in reencrypt(f"{new},{old}")
    assert "Encrypted 1 block of" in reencrypt(new)
    assert "is no Fernet key" in reencrypt("no key")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_upgrade_and_downgrade(
    run: Run, home: Path, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "postgres":
        monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", request.getfixturevalue("postgres_url"))

    def database(*arguments: str) -> str:
        outcome = run("server", "database", *arguments)
        assert outcome.code == 0, outcome
        return outcome.out

    assert "CREATE TABLE flow_run" in database("upgrade", "--dry-run", "-y")
    assert "is at revision 0001" in database("upgrade", "-r", "0001", "-y")
    assert "is at revision head" in database("upgrade", "-y")
    assert "is at revision -1" in database("downgrade", "-y")
    assert "is at revision 0001" in database("downgrade", "-y", "-r", "0001")
    assert "DROP TABLE" in database("downgrade", "--dry-run", "-y", "-r", "0001:base")
    assert "stamped with revision 0002" in database("stamp", "0002")
    assert "stamped with revision 0001" in database("stamp", "0001")
    database("upgrade", "-y")
    assert "is empty" in database("reset", "-y")
    if kind == "sqlite":
        with closing(sqlite3.connect(home / "pluperfect.db")) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
