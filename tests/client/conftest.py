"""A server that answers as a test says."""

from collections.abc import Iterator

import pytest

from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED, temporary_settings
from tests.client.serving import Serving, serving


@pytest.fixture
def server() -> Iterator[Serving]:
    """The server, which the settings name; tokens against forged requests are not asked for."""
    with serving() as made:
        with temporary_settings({PREFECT_API_URL: made.url, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}):
            yield made
