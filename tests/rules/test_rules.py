"""Run columns that `advance` derives from a state transition."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prefect.rules import TERMINAL, StateSummary, advance
from prefect.types import UTC

START = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", *sorted(TERMINAL)]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def columns_after(*states: tuple[str, float], resuming: bool = False) -> dict[str, Any]:
    """Return the columns of a run after these states."""
    run: dict[str, Any] = {}
    previous = None
    for type_, seconds in states:
        state = StateSummary(type_, type_.capitalize(), at(seconds))
        run.update(advance(run, previous, state, resuming))
        previous = state
    return run


def test_advance_sets_columns_of_completed_run():
    run = columns_after(("PENDING", 0), ("RUNNING", 1), ("COMPLETED", 3))
    assert run["state_type"] == "COMPLETED"
    assert run["state_name"] == "Completed"
    assert (run["expected_start_time"], run["start_time"], run["end_time"]) == (at(0), at(1), at(3))
    assert (run["run_count"], run["total_run_time"]) == (1, timedelta(seconds=2))


def test_advance_counts_attempts_without_wait_when_retried():
    run = columns_after(("RUNNING", 0), ("SCHEDULED", 2), ("RUNNING", 10), ("FAILED", 11))
    assert (run["run_count"], run["total_run_time"]) == (2, timedelta(seconds=3))
    assert (run["start_time"], run["end_time"]) == (at(0), at(11))


def test_advance_clears_end_time_when_run_restarts():
    run = columns_after(("RUNNING", 0), ("FAILED", 1), ("SCHEDULED", 2))
    assert run["end_time"] is None


def test_advance_does_not_count_resuming():
    assert columns_after(("PAUSED", 0), ("RUNNING", 1), resuming=True).get("run_count") is None


def test_advance_sets_start_time_when_run_never_ran():
    run = columns_after(("PENDING", 0), ("CRASHED", 4))
    assert run["start_time"] == run["end_time"] == at(4)
    assert "total_run_time" not in run


def test_advance_clears_next_scheduled_start_time_when_running():
    scheduled = StateSummary("SCHEDULED", "Scheduled", at(0), scheduled_time=at(60))
    run = advance({}, None, scheduled)
    assert run["expected_start_time"] == run["next_scheduled_start_time"] == at(60)
    assert advance(run, scheduled, StateSummary("RUNNING", "Running", at(61)))["next_scheduled_start_time"] is None


def test_advance_run_time_is_not_negative_when_clock_goes_back():
    run = columns_after(("RUNNING", 10), ("COMPLETED", 3))
    assert run["total_run_time"] == timedelta(0)


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.integers(-1000, 1000)), min_size=1, max_size=12))
def test_advance_columns_are_consistent(states: list[tuple[str, int]]):
    run = columns_after(*states)
    assert run["state_type"] == states[-1][0]
    assert run.get("total_run_time", timedelta(0)) >= timedelta(0)
    assert run.get("run_count", 0) == sum(type_ == "RUNNING" for type_, _ in states)
    assert (run.get("end_time") is not None) == (states[-1][0] in TERMINAL)
    if run.get("run_count"):
        assert run["start_time"] is not None
