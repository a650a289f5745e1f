"""What follows from a change of state, and that a clock that goes back does no harm."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from prefect.rules import TERMINAL, Moment, advance
from prefect.types import UTC

START = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", *sorted(TERMINAL)]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def lived(*moments: tuple[str, float], resuming: bool = False) -> dict[str, Any]:
    """Return the columns of a run after these states."""
    run: dict[str, Any] = {}
    previous = None
    for type_, seconds in moments:
        moment = Moment(type_, type_.capitalize(), at(seconds))
        run.update(advance(run, previous, moment, resuming))
        previous = moment
    return run


def test_an_ordinary_run():
    run = lived(("PENDING", 0), ("RUNNING", 1), ("COMPLETED", 3))
    assert run["state_type"] == "COMPLETED"
    assert run["state_name"] == "Completed"
    assert (run["expected_start_time"], run["start_time"], run["end_time"]) == (at(0), at(1), at(3))
    assert (run["run_count"], run["total_run_time"]) == (1, timedelta(seconds=2))


def test_a_retry_counts_both_attempts_but_not_the_wait():
    run = lived(("RUNNING", 0), ("SCHEDULED", 2), ("RUNNING", 10), ("FAILED", 11))
    assert (run["run_count"], run["total_run_time"]) == (2, timedelta(seconds=3))
    assert (run["start_time"], run["end_time"]) == (at(0), at(11))


def test_a_run_that_is_run_again_has_no_end():
    run = lived(("RUNNING", 0), ("FAILED", 1), ("SCHEDULED", 2))
    assert run["end_time"] is None


def test_resuming_is_no_attempt():
    assert lived(("PAUSED", 0), ("RUNNING", 1), resuming=True).get("run_count") is None


def test_a_run_that_never_ran_starts_when_it_ends():
    run = lived(("PENDING", 0), ("CRASHED", 4))
    assert run["start_time"] == run["end_time"] == at(4)
    assert "total_run_time" not in run


def test_a_scheduled_time_is_expected_and_then_forgotten():
    scheduled = Moment("SCHEDULED", "Scheduled", at(0), scheduled_time=at(60))
    run = advance({}, None, scheduled)
    assert run["expected_start_time"] == run["next_scheduled_start_time"] == at(60)
    assert advance(run, scheduled, Moment("RUNNING", "Running", at(61)))["next_scheduled_start_time"] is None


def test_a_clock_that_goes_back_makes_no_negative_time():
    run = lived(("RUNNING", 10), ("COMPLETED", 3))
    assert run["total_run_time"] == timedelta(0)


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.integers(-1000, 1000)), min_size=1, max_size=12))
def test_whatever_happens_the_columns_make_sense(moments: list[tuple[str, int]]):
    run = lived(*moments)
    assert run["state_type"] == moments[-1][0]
    assert run.get("total_run_time", timedelta(0)) >= timedelta(0)
    assert run.get("run_count", 0) == sum(type_ == "RUNNING" for type_, _ in moments)
    assert (run.get("end_time") is not None) == (moments[-1][0] in TERMINAL)
    if run.get("run_count"):
        assert run["start_time"] is not None
