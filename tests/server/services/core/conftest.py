"""A store that tests of the shared parts of services read and write."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from prefect.server.db.sqlite.database import SqliteDatabase


@pytest.fixture
async def database(local_store: SqliteDatabase) -> AsyncIterator[SqliteDatabase]:
    await local_store.open()
    yield local_store
    await local_store.close()
