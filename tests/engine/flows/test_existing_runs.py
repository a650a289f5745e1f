"""Runs that were created before a process runs them."""

import pytest

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow


def test_run_keeps_its_own_retries_when_its_flow_has_none():
    attempts: list[int] = []
    calls: list[int] = []

    @task
    def step() -> None:
        calls.append(1)

    @flow
    def main() -> None:
        attempts.append(1)
        step()
        raise ValueError("again")

    with get_client(sync_client=True) as client:
        run = client.create_flow_run(main.with_options(retries=2))
    with pytest.raises(ValueError, match="again"):
        run_flow(main, run)
    assert len(attempts) == 3
    assert len(calls) == 1, "a retry keeps the tasks that completed"
