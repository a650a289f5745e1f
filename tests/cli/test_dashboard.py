"""`prefect dashboard`."""

from __future__ import annotations

import webbrowser
from typing import Any

import pytest

from prefect.server.app import serving


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were opened in a browser."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: addresses.append(url) or True)
    return addresses


def test_open_shows_the_page_of_the_configured_server(prefect: Any, opened: list[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4321/api")
    assert "Opened http://127.0.0.1:4321" in prefect("dashboard", "open")
    assert opened == ["http://127.0.0.1:4321"]


def test_open_serves_the_home_without_a_server(prefect: Any, opened: list[str], monkeypatch: Any) -> None:
    ports: list[int] = []

    def serve(settings: Any, *, started: Any) -> None:
        ports.append(settings.server.api.port)
        started("http://127.0.0.1:5555")

    monkeypatch.setattr(serving, "serve", serve)
    assert "http://127.0.0.1:5555 until you press Ctrl+C" in prefect("dashboard", "open")
    assert (opened, ports) == (["http://127.0.0.1:5555"], [0])
