"""Runs that were created before a process runs them."""

from datetime import timedelta

import pytest

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.engine.flows import flow_states
from prefect.flow_engine import run_flow
from prefect.schemas import states
from prefect.types import now


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


def test_run_that_begins_early_waits_for_its_scheduled_time_only(monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []

    async def pass_time(seconds: float) -> None:
        """Move the clock instead of waiting; fail rather than wait without end."""
        assert len(waits) < 3
        waits.append(seconds)

    monkeypatch.setattr(flow_states._io, "sleep", pass_time)
    monkeypatch.setattr(states, "now", lambda: now() + timedelta(seconds=sum(waits)))

    @flow
    def main() -> str:
        return "done"

    scheduled_time = now() + timedelta(hours=1)
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(main, state=states.Scheduled(scheduled_time=scheduled_time))
    assert run_flow(main, run) == "done"
    assert len(waits) == 1
    with get_client(sync_client=True) as client:
        started = client.read_flow_run(run.id).start_time
    assert started is not None and started > scheduled_time - timedelta(seconds=1)
