"""Pytest fixtures for programs: use `from prefect.testing.fixtures import ...` in a `conftest.py`."""

from __future__ import annotations

import logging
import socket
from collections.abc import Generator
from typing import Any, NoReturn

import pytest

from prefect.settings import PREFECT_API_URL, temporary_settings

__all__ = ["add_prefect_loggers_to_caplog", "disable_hosted_api_server", "enable_ephemeral_server", "is_port_in_use"]


@pytest.fixture
def add_prefect_loggers_to_caplog(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Capture the records of this package's loggers in `caplog`, even if they do not propagate."""
    logger = logging.getLogger("prefect")
    before = logger.propagate
    logger.propagate = True
    yield
    logger.propagate = before


def is_port_in_use(port: int) -> bool:
    """Return whether a process listens on this local TCP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def disable_hosted_api_server() -> Generator[None]:
    """Unset PREFECT_API_URL, so that no server is contacted."""
    with temporary_settings(restore_defaults=[PREFECT_API_URL]):
        yield


@pytest.fixture(scope="session")
def enable_ephemeral_server(disable_hosted_api_server: None) -> Generator[None]:
    """Record runs in the local store, which needs no server process."""
    yield


def _planned_fixture(name: str, feature: str) -> Any:
    """Create a fixture that raises NotImplementedError."""

    @pytest.fixture(name=name)
    def fixture() -> NoReturn:
        raise NotImplementedError(f"The fixture {name!r} is not implemented yet: it requires {feature}.")

    return fixture


hosted_api_server = _planned_fixture("hosted_api_server", "the server")
use_hosted_api_server = _planned_fixture("use_hosted_api_server", "the server")
asserting_events_worker = _planned_fixture("asserting_events_worker", "events and automations")
asserting_and_emitting_events_worker = _planned_fixture(
    "asserting_and_emitting_events_worker", "events and automations"
)
emitting_events_pipeline = _planned_fixture("emitting_events_pipeline", "events and automations")
events_pipeline = _planned_fixture("events_pipeline", "events and automations")
events_server = _planned_fixture("events_server", "events and automations")
events_api_url = _planned_fixture("events_api_url", "events and automations")
events_cloud_api_url = _planned_fixture("events_cloud_api_url", "events and automations")
mock_should_emit_events = _planned_fixture("mock_should_emit_events", "events and automations")
puppeteer = _planned_fixture("puppeteer", "events and automations")
recorder = _planned_fixture("recorder", "events and automations")
reset_worker_events = _planned_fixture("reset_worker_events", "events and automations")
