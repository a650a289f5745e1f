"""Pages of the web interface that commands open."""

from __future__ import annotations

import json
import webbrowser
from typing import Any

import pytest

from prefect import flow, task
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


@task
def add(x: int) -> int:
    return x + 1


@flow
def calculate() -> int:
    return add(1)


def test_inspect_opens_the_page_of_a_run(prefect: Any, opened: list[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("PREFECT_UI_URL", "https://flows.example")
    calculate()
    [flow_run] = json.loads(prefect("flow-run", "ls", "-o", "json"))
    [task_run] = json.loads(prefect("task-run", "ls", "-o", "json"))
    prefect("flow-run", "inspect", flow_run["id"], "--web")
    prefect("task-run", "inspect", task_run["id"], "--web")
    base = "https://flows.example/runs"
    assert opened == [f"{base}/flow-run/{flow_run['id']}", f"{base}/task-run/{task_run['id']}"]


def test_inspect_serves_the_home_without_a_server(prefect: Any, opened: list[str], monkeypatch: Any) -> None:
    calculate()
    [run] = json.loads(prefect("flow-run", "ls", "-o", "json"))
    monkeypatch.setattr(serving, "serve", lambda settings, *, started: started("http://127.0.0.1:5555"))
    address = f"http://127.0.0.1:5555/runs/flow-run/{run['id']}"
    assert f"at {address} until you press Ctrl+C" in prefect("flow-run", "inspect", run["id"], "--web")
    assert opened == [address]
