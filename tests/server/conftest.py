from pathlib import Path

import pytest

from prefect.server.db.sqlite import SqliteDatabase, open_home


@pytest.fixture
def database(home: Path) -> SqliteDatabase:
    """The local store of the test's home, not yet created."""
    return open_home(home)
