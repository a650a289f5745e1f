"""What tests of automations start from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from prefect.server.app import Server
from prefect.server.db.interface import Database
from prefect.server.loops import Environment
from tests.server.services.automations.reactions import Reactions


@pytest.fixture
async def reactions(api: httpx.AsyncClient, server: Server, database: Database) -> AsyncIterator[Reactions]:
    """The API on each database, with a server whose loops the test drives."""
    made = Reactions(api, Environment(database, server.bus, server.settings))
    yield made
    await made.executor.close()
