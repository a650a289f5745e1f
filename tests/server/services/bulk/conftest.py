"""The API, for tests of bulk jobs."""

from __future__ import annotations

import httpx
import pytest

from tests.server.route_client import RouteClient


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    """The API of a server."""
    return RouteClient(api)
