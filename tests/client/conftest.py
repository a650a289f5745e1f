"""A fixture that serves a fake API."""

from collections.abc import Iterator

import pytest

from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED, temporary_settings
from tests.client.serving import FakeApi, serve


@pytest.fixture
def server() -> Iterator[FakeApi]:
    """A fake API that `PREFECT_API_URL` points to, without CSRF tokens."""
    with serve() as made:
        with temporary_settings({PREFECT_API_URL: made.url, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}):
            yield made
