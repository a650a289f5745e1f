"""A server that accepts connections and never answers."""

import threading
from typing import Any

import pytest

from prefect import flow, task
from tests.outbox.servers import FakeServer


def test_server_that_hangs_costs_a_run_one_timeout(server: FakeServer, monkeypatch: pytest.MonkeyPatch):
    """It accepts connections and never answers: the run, its tasks and its subflows go on alone."""
    monkeypatch.setenv("PREFECT_API_REQUEST_TIMEOUT", "0.4")
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "3")
    hangs, goes_on, waited = threading.Event(), threading.Event(), list[str]()

    def hang(path: str, body: Any) -> None:
        if hangs.is_set():
            waited.append(path)
            goes_on.wait(60)

    server.refuse = hang

    @task
    def step(x: int) -> int:
        return x

    @flow
    def inner(x: int) -> int:
        return step(x)

    @flow
    def main() -> list[int]:
        hangs.set()
        return [inner(x) for x in range(5)]

    try:
        assert main() == list(range(5))
        requested = [path for path in waited if path.startswith(("/flow_runs", "/flows", "/task_runs"))]
    finally:
        hangs.clear()
        goes_on.set()
    assert len(requested) <= 1, requested
